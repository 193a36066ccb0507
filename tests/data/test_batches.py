from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.config.fields import WordsConfig
from cman_tf.data.batches import pad, training_batches
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary

LENGTHS = [int(length) for length in np.random.default_rng(0).integers(1, 60, 101)]


@pytest.mark.parametrize("value", [0, -1])
def test_pad(value):
    found = pad([np.array([1, 2], np.int32), np.array([], np.int32)], value)
    np.testing.assert_array_equal(found, [[1, 2], [value, value]])
    assert found.dtype == np.int32


def test_pad_keeps_inner_axes():
    assert pad([np.zeros([2, 3]), np.zeros([4, 3])], 0).shape == (2, 4, 3)


@pytest.fixture(scope="module")
def batches(documents, schema):
    vocabulary, _ = Vocabulary.of(documents, WordsConfig(min_count=1))
    featurizer = Featurizer(vocabulary, 8)

    def make(first_epoch=0, **options):
        return training_batches(documents, schema, featurizer, 2, seed=3, first_epoch=first_epoch, **options)

    return make


def as_numpy(batch):
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), batch)


def test_a_later_first_epoch_is_what_comes_after_the_earlier_ones(batches):
    whole, steps = batches()
    later, _ = batches(first_epoch=3)
    assert steps == 3
    for found, expected in zip(later.take(2 * steps), whole.skip(3 * steps).take(2 * steps)):
        tf.nest.map_structure(np.testing.assert_array_equal, as_numpy(found), as_numpy(expected))


def test_features_and_targets_of_each_sentence(batches, documents, schema):
    dataset, steps = batches()
    seen = []
    for features, targets in map(as_numpy, islice(dataset, steps)):
        for row, length in enumerate(features["lengths"]):
            tags, cells = targets["tags"][row], targets["relations"][row]
            cells = [tuple(cell) for cell in cells.tolist() if cell != [-1, -1, -1]]
            index = next(
                i
                for i, document in enumerate(documents)
                if len(document) == length
                and schema.tag_ids(document) == tags[:length].tolist()
                and schema.relation_cells(document) == cells
            )
            seen.append(index)
            assert not tags[length:].any()
            assert not features["words"][row, length:].any()
            assert features["words"][row, :length].min() >= 2
    assert sorted(seen) == list(range(len(documents)))


def test_contextual_vectors_go_with_their_sentences(batches, documents):
    vectors = [np.full([len(document), 2, 3], i + 1, np.float16) for i, document in enumerate(documents)]
    dataset, steps = batches(contextual={"contextual_1": vectors})
    found = {}
    for features, _ in map(as_numpy, islice(dataset, steps)):
        assert features["contextual_1"].dtype == np.float16
        for row, length in enumerate(features["lengths"]):
            values = features["contextual_1"][row]
            found[int(values[0, 0, 0]) - 1] = int(length)
            assert (values[:length] == values[0, 0, 0]).all()
            assert not values[length:].any()
    assert found == {i: len(document) for i, document in enumerate(documents)}


def test_joined_sentences_have_the_targets_and_vectors_of_both(batches, documents, schema):
    vectors = [np.full([len(document), 1, 1], i + 1, np.float16) for i, document in enumerate(documents)]
    soft = {
        "tag_shift": [np.full([len(document), 2], i, np.float32) for i, document in enumerate(documents)],
        "transition_shift": [np.full([2, 2], i, np.float32) for i in range(len(documents))],
        "relations": [np.array([[0, 1, 0]] * (i % 2), np.int32).reshape(-1, 3) for i in range(len(documents))],
        "relation_values": [np.full([i % 2], i, np.float32) for i in range(len(documents))],
    }
    dataset, steps = batches(contextual={"contextual_1": vectors}, join=1.0)
    taught, _ = batches(contextual={"contextual_1": vectors}, join=1.0, soft_targets=soft)
    assert steps == 2
    joined, seen = 0, []
    for (features, targets), (_, others) in zip(map(as_numpy, islice(dataset, steps)), map(as_numpy, taught)):
        for row, length in enumerate(features["lengths"]):
            numbers = features["contextual_1"][row, :length, 0, 0]
            first = int(numbers[0]) - 1
            second = int(numbers[-1]) - 1
            parts = [first] if first == second else [first, second]
            joined += len(parts) == 2
            seen += parts
            assert [list(numbers).count(part + 1) for part in parts] == [len(documents[part]) for part in parts]
            assert targets["tags"][row, :length].tolist() == sum((schema.tag_ids(documents[p]) for p in parts), [])
            expected = schema.relation_cells(documents[first])
            shift = len(documents[first])
            if len(parts) == 2:
                expected += [(h + shift, t + shift, k) for h, t, k in schema.relation_cells(documents[second])]
            found = [tuple(cell) for cell in targets["relations"][row].tolist() if cell[0] >= 0]
            assert found == expected
            np.testing.assert_array_equal(others["tag_shift"][row, :length, 0], numbers - 1)
            np.testing.assert_array_equal(others["transition_shift"][row], np.full([2, 2], sum(parts)))
            cells = [[p and shift, (p and shift) + 1, 0] for p, part in enumerate(parts) if part % 2]
            assert [cell for cell in others["relations"][row].tolist() if cell[0] >= 0] == cells
            values = [part for part in parts if part % 2]
            assert others["relation_values"][row, : len(values)].tolist() == values
    assert (joined, sorted(seen)) == (2, list(range(len(documents))))
