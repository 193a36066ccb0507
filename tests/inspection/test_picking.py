"""Which sentences are worth annotating: those with doubts, and not the same one twice."""

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.data.document import Document
from cman_tf.inspection.inside import look_inside
from cman_tf.inspection.picking import LOW, diverse, doubts, pick
from cman_tf.model.calibration import Calibration
from tests.conftest import sentence


@pytest.fixture(scope="module")
def predictor(make):
    """Without a BiLSTM, and run eagerly: each call would trace its graph."""
    return make(**{"model.encoder": "mlp"})


@pytest.mark.usefixtures("eager_here")
def test_doubts_are_the_expected_number_of_wrong_decisions(predictor, documents):
    found = doubts(predictor, documents)
    for document, doubt in zip(documents, found):
        inside = look_inside(predictor, document)
        expected = (1 - inside.marginals.max(axis=1)).sum()
        [answer] = predictor.extract([document])
        ends = [entity.end - 1 for entity in answer.entities]
        pairs = [inside.relations[head, tail] for head in ends for tail in ends if head != tail]
        expected += sum(min(score, 1 - score) for scores in pairs for score in scores if score > LOW)
        assert doubt == pytest.approx(expected, abs=1e-4)
    assert max(found) > min(found) + 0.1


@pytest.mark.usefixtures("eager_here")
def test_doubts_do_not_depend_on_thresholds_order_and_padding(predictor, documents):
    found = doubts(predictor, documents)
    many = [*documents, Document(()), sentence("word " * 60), *documents]
    again = doubts(predictor.with_calibration(Calibration(0.9, {"Live_In": 0.9})), many)
    np.testing.assert_allclose(again[:5], found, atol=1e-5)
    np.testing.assert_allclose(again[-5:], found, atol=1e-5)
    assert again[5] == 0
    done = []
    doubts(predictor, many, done.append)
    assert sum(done) == len(many) - 1


@pytest.mark.slow
def test_the_graph_finds_the_same(make, documents):
    predictor = make()
    found = doubts(predictor, documents)
    tf.config.run_functions_eagerly(True)
    try:
        np.testing.assert_allclose(doubts(predictor, documents), found, atol=1e-5)
    finally:
        tf.config.run_functions_eagerly(False)


A, SAME, NEAR, OTHER = map(
    sentence, ("Ana lives in Oslo .", "ana lives in oslo .", "Ana lives in Lima .", "Rain fell all night")
)


def test_a_sentence_is_not_chosen_twice():
    assert diverse([3.0, 2.9, 2.0, 1.9], [A, SAME, NEAR, OTHER], 4) == [0, 3, 2]
    assert diverse([2.9, 3.0, 2.0, 1.9], [A, SAME, NEAR, OTHER], 2) == [1, 3]
    # Far more doubt outweighs likeness.
    assert diverse([3.0, 2.9, 90.0, 1.9], [A, SAME, NEAR, OTHER], 2) == [2, 3]
    assert diverse([9.0, 8.0, 7.0, 0.0], [A, NEAR, SAME, OTHER], 9) == [0, 1, 3]


def test_annotated_sentences_count():
    assert diverse([3.0, 2.0, 1.9], [A, NEAR, OTHER], 3, annotated=[SAME]) == [2, 1]
    assert diverse([3.0, 2.0], [A, NEAR], 3, annotated=[A, NEAR]) == []


def test_little_to_choose_from():
    assert diverse([], [], 3) == []
    assert diverse([0.0], [Document(())], 3) == []
    assert diverse([0.0, 0.0], [Document(()), A], 3) == [1]
    assert diverse([0.0, 0.0, 0.0], [A, OTHER, SAME], 3) == [0, 1]


@pytest.mark.usefixtures("eager_here")
def test_the_first_are_those_of_a_shorter_choice(predictor, documents):
    every = pick(predictor, documents, 5)
    assert sorted(every) == [0, 1, 2, 3, 4]
    assert pick(predictor, documents, 2) == every[:2]
