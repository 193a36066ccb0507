import numpy as np
import pytest
import tensorflow as tf

from cman_tf.data.batches import pad
from cman_tf.model.losses import relation_loss
from cman_tf.model.pair_sampling import sample_tokens


@pytest.fixture
def batch(documents, schema):
    tags = pad([np.array(schema.tag_ids(document), np.int32) for document in documents], 0)
    cells = [np.array(schema.relation_cells(document), np.int32).reshape(-1, 3) for document in documents]
    return tags, pad(cells, -1), np.array([len(document) for document in documents], np.int32)


def sample(batch, share, seed=0):
    tags, relations, lengths = batch
    uniform = np.random.default_rng(seed).uniform(size=tags.shape).astype(np.float32)
    found = sample_tokens(*map(tf.constant, (tags, relations, lengths)), share, tf.constant(uniform))
    return [value.numpy() for value in found]


def test_without_others_just_the_ends_of_entities_are_chosen(batch, documents):
    positions, _, count = sample(batch, 0.0)
    for row, document in enumerate(documents):
        assert positions[row, : count[row]].tolist() == [entity.end - 1 for entity in document.entities]


def test_relations_keep_their_tokens(batch):
    positions, places, _ = sample(batch, 0.3)
    for row, relations in enumerate(batch[1]):
        there = relations[:, 0] >= 0
        found = places[row][there]
        np.testing.assert_array_equal(positions[row][found[:, :2]], relations[there][:, :2])
        np.testing.assert_array_equal(found[:, 2], relations[there][:, 2])
        assert (places[row][~there] == -1).all()


def test_others_are_chosen_with_their_chance_and_never_padding():
    tags, relations = np.zeros([2, 500], np.int32), np.zeros([2, 0, 3], np.int32)
    positions, _, count = sample((tags, relations, np.array([500, 20], np.int32)), 0.25)
    assert 80 < count[0] < 170
    assert positions[1].max() < 20


def test_all_tokens_give_the_loss_of_all_pairs_and_few_that_of_theirs(batch):
    tags, relations, lengths = batch
    scores = np.random.default_rng(1).normal(size=(*tags.shape, tags.shape[1], 3)).astype(np.float32)

    def loss(share):
        positions, places, count = sample(batch, share)
        chosen = np.stack([s[np.ix_(p, p)] for s, p in zip(scores, positions)])
        return relation_loss(tf.constant(chosen), tf.constant(places), tf.constant(count)).numpy()

    whole = relation_loss(tf.constant(scores), tf.constant(relations), tf.constant(lengths)).numpy()
    np.testing.assert_allclose(loss(1.0), whole, rtol=1e-5)
    assert (loss(0.0) < whole).all()
    # The second sentence has no entity, and then no pair.
    assert loss(0.0)[1] == 0
