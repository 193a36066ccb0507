import numpy as np
import tensorflow as tf

from cman_tf.model.adversarial import perturbation
from cman_tf.model.losses import relation_loss


def test_relation_loss_sums_the_cross_entropy_of_every_cell():
    scores = np.random.default_rng(0).normal(size=(2, 3, 3, 2)).astype(np.float32)
    relations = np.array([[[0, 2, 1], [1, 0, 0]], [[0, 1, 1], [-1, -1, -1]]], np.int32)
    found = relation_loss(tf.constant(scores), tf.constant(relations), tf.constant([3, 2]))
    for row, length in enumerate([3, 2]):
        target = np.zeros([3, 3, 2])
        for i, j, k in relations[row]:
            if i >= 0:
                target[i, j, k] = 1
        probability = 1 / (1 + np.exp(-scores[row]))
        cells = -target * np.log(probability) - (1 - target) * np.log(1 - probability)
        np.testing.assert_allclose(found[row], cells[:length, :length].sum(), rtol=1e-5)


def test_sentences_without_relations_still_cost():
    scores = tf.zeros([1, 2, 2, 3])
    loss = relation_loss(scores, tf.zeros([1, 0, 3], tf.int32), tf.constant([2]))
    np.testing.assert_allclose(loss, [12 * np.log(2)], rtol=1e-5)


def test_perturbation_has_its_norm_in_each_sentence_and_the_gradients_direction():
    gradient = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    lengths = [5, 2, 0]
    found = perturbation(tf.constant(gradient), 0.01, tf.constant(lengths)).numpy()
    for row, length in enumerate(lengths):
        assert not found[row, length:].any()
        if length:
            np.testing.assert_allclose(np.linalg.norm(found[row]), 0.01 * np.sqrt(7), rtol=1e-5)
            inside = gradient[row, :length]
            np.testing.assert_allclose(
                found[row, :length] / np.linalg.norm(found[row]), inside / np.linalg.norm(inside), atol=1e-5
            )


def test_no_gradient_flows_through_the_perturbation():
    gradient = tf.ones([1, 2, 3])
    with tf.GradientTape() as tape:
        tape.watch(gradient)
        moved = tf.reduce_sum(perturbation(gradient, 1.0, tf.constant([2])))
    assert tape.gradient(moved, gradient) is None


def test_a_gradient_of_zero_moves_nothing():
    assert not perturbation(tf.zeros([1, 2, 3]), 1.0, tf.constant([2])).numpy().any()
