import numpy as np
import pytest
import tensorflow as tf

from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary

WORDS = ["ana", "i̇", "łódź", "οδος"]
CHARACTERS = sorted(map(ord, "Anazł🎈"))


@pytest.fixture(scope="module")
def featurizer():
    return Featurizer(Vocabulary(WORDS, 4, CHARACTERS, lowercase=True), max_characters=4)


def features(featurizer, tokens):
    found = featurizer(tf.constant([[token.encode() for token in row] for row in tokens], tf.string))
    return {name: value.numpy() for name, value in found.items()}


def spelling(found, row, column):
    return found["spellings"][found["spelling_index"][row, column]].tolist()


def test_padding_is_0_and_unknown_is_1(featurizer):
    found = features(featurizer, [["ana", "Oslo", "łódź"], ["łódź", "", ""]])
    assert found["words"].tolist() == [[2, 1, 4], [4, 0, 0]]
    assert found["lengths"].tolist() == [3, 1]
    assert {name: value.dtype for name, value in found.items()} == dict.fromkeys(found, np.int32)


@pytest.mark.parametrize(("token", "id"), [("ANA", 2), ("İ", 3), ("ŁÓDŹ", 4), ("ΟΔΟΣ", 5)])
def test_words_are_looked_up_in_lower_case_as_python_makes_it(featurizer, token, id):
    assert token.lower() == WORDS[id - 2]
    assert features(featurizer, [[token]])["words"].tolist() == [[id]]


def test_case_may_matter():
    featurizer = Featurizer(Vocabulary(["Ana"], 1, CHARACTERS, lowercase=False), 4)
    assert features(featurizer, [["Ana", "ana"]])["words"].tolist() == [[2, 1]]


def test_spellings_are_distinct_and_keep_case(featurizer):
    found = features(featurizer, [["Ana", "ana", "Ana"], ["z🎈?", "", ""]])
    ids = {chr(point): id for id, point in enumerate(CHARACTERS, 2)}
    assert len(found["spellings"]) == 4
    assert spelling(found, 0, 0) == spelling(found, 0, 2) == [ids["A"], ids["n"], ids["a"]]
    assert spelling(found, 0, 1) == [ids["a"], ids["n"], ids["a"]]
    assert spelling(found, 1, 0) == [ids["z"], ids["🎈"], 1]
    assert spelling(found, 1, 1) == [0, 0, 0]
    assert found["spelling_index"].shape == (2, 3)


def test_long_words_are_read_from_their_start(featurizer):
    found = features(featurizer, [["anaana" * 100]])
    assert found["spellings"].shape == (1, 4)
    assert spelling(found, 0, 0) == spelling(features(featurizer, [["anaaz"]]), 0, 0)


@pytest.mark.parametrize("shape", [(2, 1), (3, 2), (1, 0), (0, 0)])
def test_a_batch_of_nothing(featurizer, shape):
    found = featurizer(tf.fill(shape, ""))
    assert found["words"].shape == shape
    assert not found["words"].numpy().any()
    assert not found["lengths"].numpy().any()
    assert found["spellings"].shape[1] >= 1
    assert not found["spellings"].numpy().any()


def test_a_vocabulary_of_nothing():
    featurizer = Featurizer(Vocabulary([], 0, [], lowercase=True), 4)
    found = features(featurizer, [["ana", ""]])
    assert found["words"].tolist() == [[1, 0]]
    assert spelling(found, 0, 0) == [1, 1, 1]


def test_characters_in_use(featurizer):
    assert featurizer.num_characters == len(CHARACTERS) + 2
    assert features(featurizer, [["🎈"]])["spellings"].max() == featurizer.num_characters - 1


def test_bytes_that_are_no_text(featurizer):
    found = featurizer(tf.constant([[b"\xff", b"a\x00"]]))
    assert found["words"].numpy().tolist() == [[1, 1]]
    assert found["lengths"].numpy().tolist() == [2]
