from itertools import islice

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.config.fields import WordsConfig
from cman_tf.data.batches import pad, plan, training_batches
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary

LENGTHS = [int(length) for length in np.random.default_rng(0).integers(1, 60, 101)]


def as_lists(batches):
    return [batch.tolist() for batch in batches]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), max_size=60),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 500),
)
def test_every_sentence_once_an_epoch(lengths, batch_size, seed, epoch):
    batches = plan(lengths, batch_size, seed, epoch)
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_seed_and_epoch_decide_the_order():
    first = as_lists(plan(LENGTHS, 16, seed=1, epoch=0))
    assert as_lists(plan(LENGTHS, 16, seed=1, epoch=0)) == first
    assert as_lists(plan(LENGTHS, 16, seed=1, epoch=1)) != first
    assert as_lists(plan(LENGTHS, 16, seed=2, epoch=0)) != first


def test_sentences_of_a_batch_are_of_similar_length():
    cells = sum(max(LENGTHS[row] for row in batch) * len(batch) for batch in plan(LENGTHS, 8, 1, 0))
    assert cells < 1.3 * sum(LENGTHS)


def test_batches_come_in_mixed_order():
    longest = [max(LENGTHS[row] for row in batch) for batch in plan(LENGTHS, 8, 1, 0)]
    assert longest != sorted(longest)


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
