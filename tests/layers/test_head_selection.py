import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.head_selection import HeadSelection
from tests.layers.harness import check_layer

LENGTHS = [3, 5, 1]


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(3, 5, 6)).astype(np.float32)


@pytest.mark.parametrize(("projection", "prior"), [("per_relation", 0.5), ("shared", 0.5), ("per_relation", 0.01)])
def test_layer(inputs, projection, prior):
    check_layer(
        HeadSelection(4, 3, projection, prior),
        {"inputs": inputs},
        (3, 5, 5, 4),
        lengths=LENGTHS,
        lengths_as="lengths",
        token_axes=(1, 2),
    )


def test_per_relation_is_equation_9(inputs):
    layer = HeadSelection(4, 3)
    scores = layer(inputs, lengths=tf.constant(LENGTHS)).numpy()
    layer.bias.assign(np.linspace(-1, 1, 12))
    scores = layer(inputs, lengths=tf.constant(LENGTHS)).numpy()
    for row, length in enumerate(LENGTHS):
        for relation in range(4):
            part = slice(3 * relation, 3 * relation + 3)
            u, w = layer.head_kernel.numpy()[:, part], layer.tail_kernel.numpy()[:, part]
            b, v = layer.bias.numpy()[part], layer.scorer.numpy()[relation, :, 0]
            for i in range(length):
                for j in range(length):
                    expected = v @ np.tanh(inputs[row, i] @ u + inputs[row, j] @ w + b)
                    np.testing.assert_allclose(scores[row, i, j, relation], expected, atol=1e-5)
        assert not scores[row, length:].any()
        assert not scores[row, :, length:].any()


def test_shared_has_one_hidden_layer_for_all_relations(inputs):
    layer = HeadSelection(4, 3, "shared")
    scores = layer(inputs, lengths=tf.constant(LENGTHS)).numpy()
    hidden = np.tanh(inputs[1][:, None] @ layer.head_kernel.numpy() + inputs[1][None] @ layer.tail_kernel.numpy())
    np.testing.assert_allclose(scores[1], hidden @ layer.scorer.numpy()[0], atol=1e-5)


def test_pairs_are_added_inside(inputs):
    layer = HeadSelection(4, 3, pair_features=2)
    pairs = np.random.default_rng(3).normal(size=(3, 5, 5, 2)).astype(np.float32)
    scores = layer(inputs, lengths=tf.constant(LENGTHS), pairs=pairs).numpy()
    plain = inputs[1][:, None] @ layer.head_kernel.numpy() + inputs[1][None] @ layer.tail_kernel.numpy()
    hidden = np.tanh(plain + pairs[1] @ layer.pair_kernel.numpy())
    np.testing.assert_allclose(scores[1], hidden @ layer._block_diagonal().numpy().T, atol=1e-5)


@pytest.mark.parametrize(("projection", "features"), [("per_relation", 0), ("shared", 0), ("per_relation", 2)])
def test_gradients_are_those_of_automatic_differentiation(inputs, projection, features):
    layer = HeadSelection(4, 3, projection, pair_features=features)
    more = {}
    if features:
        more["pairs"] = tf.Variable(np.random.default_rng(3).normal(size=(3, 5, 5, 2)).astype(np.float32))
    layer(inputs, lengths=tf.constant(LENGTHS), **more)
    direction = np.random.default_rng(1).normal(size=(3, 5, 5, 4)).astype(np.float32)
    inside = tf.sequence_mask(LENGTHS, 5, tf.float32)

    def plain(inputs):
        hidden = (inputs @ layer.head_kernel)[:, :, None] + (inputs @ layer.tail_kernel + layer.bias)[:, None]
        hidden = tf.tanh(hidden + tf.tensordot(more["pairs"], layer.pair_kernel, 1) if more else hidden)
        scores = tf.einsum("bijp,rp->bijr", hidden, layer._block_diagonal())
        return scores * (inside[:, :, None] * inside[:, None])[..., None]

    def gradients(function):
        with tf.GradientTape() as tape:
            tokens = tf.constant(inputs)
            tape.watch(tokens)
            loss = tf.reduce_sum(function(tokens) * direction)
        found = tape.gradient(loss, [tokens, *layer.trainable_weights, *more.values()])
        # Of cells in the padding there is none.
        return [
            value * inside[:, :, None, None] * inside[:, None, :, None] if value.ndim == 4 else value for value in found
        ]

    ours = gradients(lambda tokens: layer(tokens, lengths=tf.constant(LENGTHS), **more))
    for our, expected in zip(ours, gradients(plain)):
        np.testing.assert_allclose(our, expected, atol=1e-4)


def test_blocks_change_nothing(inputs, monkeypatch):
    from cman_tf.layers import pair_scores

    layer, lengths = HeadSelection(4, 3), tf.constant(LENGTHS)

    def answers():
        with tf.GradientTape() as tape:
            tokens = tf.constant(inputs)
            tape.watch(tokens)
            scores = layer(tokens, lengths=lengths)
            loss = tf.reduce_sum(scores**3)
        return [scores, *tape.gradient(loss, [tokens, *layer.trainable_weights])]

    expected = answers()
    monkeypatch.setattr(pair_scores, "PAIRS", 7)  # 2 rows of the sentence of 3 tokens, 1 of that of 5
    for found, value in zip(answers(), expected):
        np.testing.assert_allclose(found, value, atol=1e-5)


def test_empty_sentences_have_no_scores(inputs):
    assert not HeadSelection(4, 3)(inputs, lengths=tf.constant([0, 0, 0])).numpy().any()


def test_an_untrained_layer_holds_the_prior_for_the_probability(inputs):
    layer = HeadSelection(4, 3, prior=0.01)
    lengths = tf.constant(LENGTHS)
    plain = HeadSelection(4, 3)
    plain(inputs, lengths=lengths)
    layer(inputs, lengths=lengths)
    layer.set_weights([*plain.get_weights(), layer.prior_bias.numpy()])
    moved = (layer(inputs, lengths=lengths) - plain(inputs, lengths=lengths)).numpy()
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(tf.sigmoid(moved[row, :length, :length]), 0.01, rtol=1e-4)
        assert not moved[row, length:].any()
        assert not moved[row, :, length:].any()


@pytest.mark.parametrize("prior", [0, 0.6, 1])
def test_prior_must_be_in_range(prior):
    with pytest.raises(ValueError, match=f"Received: {prior}"):
        HeadSelection(4, 3, prior=prior)


def test_projection_must_be_known():
    with pytest.raises(ValueError, match="'both'"):
        HeadSelection(4, 3, "both")
