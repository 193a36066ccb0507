import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.attention import MultiHeadAttention


def random(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


@pytest.mark.parametrize("heads", [1, 3])
def test_it_is_the_stock_layer_gradients_too(heads):
    query, memory, above = random(2, 5, 6), random(2, 4, 6, seed=1), random(2, 5, 6, seed=2)
    mask = tf.constant([[True, True, True, False], [True, True, True, True]])
    ours = MultiHeadAttention(heads)
    ours(query, memory)
    stock = tf.keras.layers.MultiHeadAttention(heads, 6 // heads, use_bias=False)
    stock(query, memory)
    stock.set_weights([kernel.reshape(shape.shape) for kernel, shape in zip(ours.get_weights(), stock.weights)])

    def outcome(layer, weights, **options):
        with tf.GradientTape() as tape:
            tape.watch([query, memory])
            attended, scores = layer(query, memory, **options)
        gradients = tape.gradient(attended, [query, memory, *weights], output_gradients=above)
        return [attended, scores, *(tf.reshape(gradient, [-1]) for gradient in gradients)]

    for one, other in zip(
        outcome(ours, ours.trainable_weights, mask=mask, return_attention_scores=True),
        outcome(stock, stock.trainable_weights, attention_mask=mask[:, None], return_attention_scores=True),
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_is_masked_is_not_attended_to():
    tokens, mask = random(1, 3, 4), tf.constant([[True, False, True]])
    layer = MultiHeadAttention(2)
    attended, scores = layer(tokens, tokens, mask=mask, return_attention_scores=True)
    np.testing.assert_array_equal(layer(tokens, tokens, mask=mask), attended)
    assert not np.any(scores[..., 1])
    np.testing.assert_allclose(tf.reduce_sum(scores, axis=-1), 1, atol=1e-6)
