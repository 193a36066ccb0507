import itertools

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.crf import CRF

TAGS, LENGTHS = 3, [4, 1, 3]


@pytest.fixture
def crf():
    layer = CRF(TAGS)
    layer(tf.zeros([1, 1, 2]))
    layer.transitions.assign(np.random.default_rng(1).normal(size=(TAGS, TAGS)))
    return layer


@pytest.fixture
def emissions():
    return np.random.default_rng(0).normal(size=(len(LENGTHS), 4, TAGS)).astype(np.float32)


def scored_sequences(crf, emissions, length):
    """Every tag sequence of a sentence with its score, by the definition."""
    transitions = crf.transitions.numpy()
    for tags in itertools.product(range(TAGS), repeat=length):
        score = sum(emissions[time, tag] for time, tag in enumerate(tags))
        yield tags, score + sum(transitions[pair] for pair in zip(tags, tags[1:]))


def test_layer_gives_emissions():
    layer = CRF(TAGS)
    inputs = {"inputs": np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)}
    layer(inputs["inputs"])
    weights = layer.trainable_weights
    assert [tuple(weight.shape) for weight in weights] == [(2, TAGS), (TAGS,), (TAGS, TAGS)]
    assert CRF.from_config(layer.get_config()).get_config() == layer.get_config()
    np.testing.assert_allclose(
        layer(inputs["inputs"]), inputs["inputs"] @ layer.kernel.numpy() + layer.bias.numpy(), atol=1e-6
    )


def test_log_likelihood_by_enumeration(crf, emissions):
    gold = np.array([[0, 2, 1, 1], [2, 0, 0, 0], [1, 1, 0, 0]], np.int32)
    found = crf.log_likelihood(emissions, gold, tf.constant(LENGTHS))
    for row, length in enumerate(LENGTHS):
        scores = dict(scored_sequences(crf, emissions[row], length))
        expected = scores[tuple(gold[row, :length])] - np.log(np.sum(np.exp(list(scores.values()))))
        np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_decode_by_enumeration(crf, emissions):
    found = crf.decode(emissions, tf.constant(LENGTHS)).numpy()
    for row, length in enumerate(LENGTHS):
        scores = dict(scored_sequences(crf, emissions[row], length))
        assert tuple(found[row, :length]) == max(scores, key=scores.get)
        assert not found[row, length:].any()


def test_alphas_and_betas_by_enumeration(crf, emissions):
    lengths = tf.constant(LENGTHS)
    alphas, betas, norm = crf.forward_backward(tf.constant(emissions), lengths)
    total = (alphas + betas).numpy()
    for row, length in enumerate(LENGTHS):
        scores = dict(scored_sequences(crf, emissions[row], length))
        all_sequences = np.log(np.sum(np.exp(list(scores.values()))))
        np.testing.assert_allclose(norm[row], all_sequences, rtol=1e-6)
        for time, tag in itertools.product(range(length), range(TAGS)):
            through = np.log(sum(np.exp(score) for tags, score in scores.items() if tags[time] == tag))
            np.testing.assert_allclose(total[row, time, tag], through, rtol=1e-6)


def test_padding_changes_nothing(crf, emissions):
    gold, lengths = tf.zeros([3, 4], tf.int32), tf.constant(LENGTHS)
    junk = emissions.copy()
    junk[1, 1:], junk[2, 3:] = 50, -50
    np.testing.assert_allclose(
        crf.log_likelihood(junk, gold, lengths), crf.log_likelihood(emissions, gold, lengths), atol=1e-5
    )
    np.testing.assert_array_equal(crf.decode(junk, lengths), crf.decode(emissions, lengths))


def test_forbidden_transitions_are_not_taken(emissions):
    # Tag 2 wins everywhere, but it may neither begin nor follow itself.
    emissions = emissions * 0.1 + np.array([0.0, 0.0, 5.0], np.float32)
    crf = CRF(TAGS, forbidden=[(-1, 2), (2, 2)])
    crf(tf.zeros([1, 1, 2]))
    tags = crf.decode(emissions, tf.constant([4, 4, 4])).numpy()
    assert (tags[:, 0] != 2).all()
    assert (tags == 2).any()
    assert not ((tags[:, :-1] == 2) & (tags[:, 1:] == 2)).any()


@pytest.mark.slow  # test_stack imports the same in a process that it needs anyway
def test_the_banner_of_tensorflow_addons_does_not_reach_the_terminal():
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", "import cman_tf.layers.crf"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
