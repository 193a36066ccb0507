"""What a teacher gives: expectations of the CRF, and losses that are means over all that may be right."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.crf import CRF
from cman_tf.model.losses import relation_loss
from cman_tf.model.teacher import Teacher, expectations
from tests.conftest import untrained_network

LENGTHS = [3, 1, 2]


@pytest.fixture
def crf():
    crf = CRF(3)
    crf(tf.zeros([1, 1, 2]))
    crf.transitions.assign(tf.random.stateless_normal([3, 3], [1, 2]))
    return crf


def sequences(crf, emissions, length):
    """All tag sequences of a sentence, and their probabilities."""
    found = list(itertools.product(range(3), repeat=length))
    rows = tf.constant([[*tags, *[0] * (3 - length)] for tags in found])
    same = tf.repeat(emissions[None], len(found), axis=0)
    return rows.numpy(), tf.exp(crf.log_likelihood(same, rows, tf.fill([len(found)], length))).numpy()


def test_expectations_are_sums_over_all_tag_sequences(crf):
    emissions = tf.random.stateless_normal([3, 3, 3], [3, 4], stddev=2.0)
    marginals, steps = expectations(crf, emissions, tf.constant(LENGTHS))
    for row, length in enumerate(LENGTHS):
        expected, between = np.zeros([3, 3]), np.zeros([3, 3])
        for tags, probability in zip(*sequences(crf, emissions[row], length)):
            np.add.at(expected, (np.arange(length), tags[:length]), probability)
            np.add.at(between, (tags[: length - 1], tags[1:length]), probability)
        np.testing.assert_allclose(marginals[row], expected, atol=1e-5)
        np.testing.assert_allclose(steps[row], between, atol=1e-5)


def test_the_loss_of_a_relation_is_a_mean_of_there_and_not_there():
    scores = tf.random.stateless_normal([1, 2, 2, 2], [5, 6])
    cells = tf.constant([[[0, 1, 1], [1, 0, 0], [-1, -1, -1]]])
    found = relation_loss(scores, cells, tf.constant([2]), tf.constant([[0.3, 1.0, 0.0]]))
    both, one = (relation_loss(scores, cells[:, start:], tf.constant([2])) for start in (0, 1))
    np.testing.assert_allclose(found, 0.3 * both + 0.7 * one, rtol=1e-5)


@pytest.mark.usefixtures("eager_here")
def test_the_loss_of_soft_tags_is_the_mean_over_all_tag_sequences(config, documents):
    model = untrained_network(config, documents[3:4]).model  # one entity type: three tags
    model.crf.transitions.assign(tf.random.stateless_normal([3, 3], [7, 8]))
    model.compile(tf.keras.optimizers.legacy.SGD())
    emissions = tf.random.stateless_normal([3, 3], [9, 10])
    rows, chances = sequences(model.crf, emissions, 3)
    embeddings = tf.random.stateless_normal([1, 3, model.token_embedding.output_shape[-1]], [1, 1])
    relations, lengths = tf.fill([1, 0, 3], -1), tf.constant([3])

    def ner(tags, *soft):
        return model.joint_loss(embeddings, tf.constant([tags]), relations, lengths, False, None, soft)[0].numpy()

    gold = [1, 2, 0]
    marginals, steps = expectations(model.crf, emissions[None], lengths)
    own = np.zeros([3, 3], np.float32)
    np.add.at(own, (gold[:-1], gold[1:]), 1)
    soft = [marginals - tf.one_hot([gold], 3), steps - own, tf.zeros([1, 0])]
    expected = sum(chance * ner(tags) for tags, chance in zip(rows.tolist(), chances))
    assert abs(expected - ner(gold)) > 1e-2
    np.testing.assert_allclose(ner(gold, *soft), expected, rtol=1e-4)


@pytest.mark.usefixtures("eager_here")
def test_a_teacher_scores_the_annotated_pairs_as_the_network_does(config, documents):
    network = untrained_network(config, documents)
    words = tf.constant([documents[2].tokens, [*documents[3].tokens, *[""] * 4]])
    tags = tf.constant([network.schema.tag_ids(documents[2]), [*network.schema.tag_ids(documents[3]), *[0] * 4]])
    found = Teacher(network).from_tokens(words, tags)
    features = {**network.featurizer(words), "tags": tags}
    whole = network.model({name: features[name] for name in network.model.input_names})
    np.testing.assert_array_equal(found["last"], [[1, 4, 6], [0, 2, 0]])
    np.testing.assert_array_equal(found["count"], [3, 2])
    np.testing.assert_allclose(found["relations"][0, 1, 2], tf.sigmoid(whole["relation_scores"][0, 4, 6]), atol=1e-5)
    np.testing.assert_allclose(found["relations"][1, 1, 0], tf.sigmoid(whole["relation_scores"][1, 2, 0]), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(found["tags"], axis=2), [[1] * 7, [1] * 3 + [0] * 4], atol=1e-5)
