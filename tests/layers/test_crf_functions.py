"""The project's own CRF against enumeration, and against tensorflow-addons' where that is installed."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers import crf_functions

log_likelihood, decode = crf_functions.OWN

both = pytest.mark.skipif(crf_functions.SOURCE != "tensorflow-addons", reason="tensorflow-addons is not installed")


def case(seed, masked=False, shortest=1):
    """Random `(emissions, tags, lengths, transitions)`; values at padding are random too."""
    random = np.random.default_rng(seed)
    batch, tokens, tags = random.integers(1, 5), random.integers(1, 9), random.integers(2, 8)
    transitions = random.normal(size=(tags, tags)) * 2
    if masked:
        transitions[random.random((tags, tags)) < 0.3] = -1e4
    return (
        tf.constant(random.normal(size=(batch, tokens, tags)) * 3, tf.float32),
        tf.constant(random.integers(0, tags, (batch, tokens)), tf.int32),
        tf.constant(random.integers(shortest, tokens + 1, batch), tf.int32),
        tf.constant(transitions, tf.float32),
    )


@pytest.mark.parametrize("seed", range(4))
def test_likelihood_and_best_tags_by_enumeration(seed):
    emissions, tags, lengths, transitions = case(seed)
    emissions, tags, lengths = emissions[:, :4], tags[:, :4], tf.minimum(lengths, 4)
    found, scores = decode(emissions, transitions, lengths)
    likelihood, _ = log_likelihood(emissions, tags, lengths, transitions)
    for row, length in enumerate(lengths.numpy()):
        unary, steps = emissions[row].numpy(), transitions.numpy()
        paths = list(itertools.product(range(unary.shape[1]), repeat=int(length)))
        totals = [
            sum(unary[t, tag] for t, tag in enumerate(path)) + sum(steps[a, b] for a, b in zip(path, path[1:]))
            for path in paths
        ]
        best = int(np.argmax(totals))
        assert tuple(found[row, :length].numpy()) == paths[best]
        assert not found[row, length:].numpy().any()
        assert scores[row].numpy() == pytest.approx(totals[best], rel=1e-5)
        given = paths.index(tuple(tags[row, :length].numpy()))
        assert likelihood[row].numpy() == pytest.approx(totals[given] - np.logaddexp.reduce(totals), abs=1e-4)


@both
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_the_same_as_tensorflow_addons(seed, masked):
    emissions, tags, lengths, transitions = case(seed, masked)
    values = []
    for function in (log_likelihood, crf_functions.crf_log_likelihood):
        with tf.GradientTape() as tape:
            tape.watch([emissions, transitions])
            value = function(emissions, tags, lengths, transitions)[0]
        gradients = tape.gradient(value, [emissions, transitions], unconnected_gradients="zero")
        values.append([value, *map(tf.convert_to_tensor, gradients)])
    for own, theirs in zip(*values):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5)
    (own, own_score), (theirs, score) = (
        decode(emissions, transitions, lengths),
        crf_functions.crf_decode(emissions, transitions, lengths),
    )
    inside = tf.sequence_mask(lengths, tf.shape(tags)[1], tf.int32)
    np.testing.assert_array_equal(own, theirs * inside)
    np.testing.assert_allclose(own_score, score, rtol=1e-5)


def test_a_sentence_without_tokens_beside_others():
    emissions, tags, _, transitions = case(3)
    lengths = tf.zeros([tf.shape(tags)[0]], tf.int32)
    assert not decode(emissions, transitions, lengths)[0].numpy().any()
    np.testing.assert_array_equal(log_likelihood(emissions, tags, lengths, transitions)[0], 0.0)


def test_unknown_sizes_in_a_graph():
    specs = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([4, 4]), tf.TensorSpec([None], tf.int32)]
    graph = tf.function(decode, input_signature=specs)
    emissions, transitions = tf.random.stateless_normal([2, 3, 4], [1, 2]), tf.zeros([4, 4])
    found, _ = graph(emissions, transitions, tf.constant([3, 1]))
    np.testing.assert_array_equal(found, tf.argmax(emissions, axis=2, output_type=tf.int32) * [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(graph(emissions[:, :1], transitions, tf.constant([1, 0]))[0][1], [0])
