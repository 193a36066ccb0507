import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.bilstm import BiLSTM
from tests.layers.harness import check_layer


def sequences(batch, tokens, width, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, tokens, width)).astype(np.float32)


def test_layer():
    check_layer(
        BiLSTM(4),
        {"inputs": sequences(3, 5, 6)},
        (3, 5, 8),
        lengths=[2, 5, 3],
        lengths_as="mask",
        call={"training": True},
    )


def stock(layer, width):
    """Keras's own BiLSTM with the weights of ours."""
    result = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(layer.units, return_sequences=True))
    result(tf.zeros([1, 1, width]))
    weights = []
    for way, columns in enumerate(np.split(np.arange(8 * layer.units), 2)):
        weights += [
            layer.kernel.numpy()[:, columns],
            layer.recurrent_kernel.numpy()[way],
            layer.bias.numpy()[columns],
        ]
    result.set_weights(weights)
    return result


@pytest.mark.parametrize("lengths", [[1, 7, 4], [7], [3, 7, 7, 2, 5]])
def test_same_function_and_gradients_as_the_stock_layer(lengths):
    inputs = tf.constant(sequences(len(lengths), 7, 5))
    mask = tf.sequence_mask(lengths, 7)
    layer = BiLSTM(6)
    layer(inputs)
    keras = stock(layer, 5)
    weights = tf.constant(sequences(len(lengths), 7, 12, seed=1)) * tf.cast(mask, tf.float32)[:, :, None]

    def gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = function(inputs, mask=mask, training=True)
            loss = tf.reduce_sum(output * weights)
        return output, tape.gradient(loss, inputs)

    ours, our_gradient = gradient(layer)
    theirs, their_gradient = gradient(keras)
    np.testing.assert_allclose(ours[mask], theirs[mask], atol=1e-5)
    np.testing.assert_allclose(our_gradient, their_gradient, atol=1e-5)
    assert not np.any(ours[~mask])


@pytest.mark.parametrize("lengths", [[7], [2], [1, 7, 4], [3, 7, 7, 2, 5]])
def test_prediction_and_training_are_one_function(lengths):
    inputs, mask = tf.constant(sequences(len(lengths), 7, 5)), tf.sequence_mask(lengths, 7)
    layer = BiLSTM(6)
    np.testing.assert_allclose(
        layer(inputs, mask=mask, training=False), layer(inputs, mask=mask, training=True), atol=1e-5
    )


def test_prediction_refuses_a_gradient():
    layer, inputs = BiLSTM(2), tf.ones([1, 3, 2])
    with pytest.raises(ValueError, match="training=True"), tf.GradientTape() as tape:  # noqa: PT012
        tape.watch(inputs)
        tape.gradient(layer(inputs, training=False), inputs)


def test_weight_gradients_against_finite_differences():
    inputs = tf.constant(sequences(3, 4, 2))
    mask = tf.sequence_mask([4, 1, 3], 4)
    layer = BiLSTM(2)
    layer(inputs)
    direction = sequences(3, 4, 4, seed=2)

    def loss():
        return tf.reduce_sum(layer(inputs, mask=mask, training=True) * direction)

    with tf.GradientTape() as tape:
        value = loss()
    for weight, gradient in zip(layer.trainable_weights, tape.gradient(value, layer.trainable_weights)):
        values = weight.numpy()
        for place in [(0,) * values.ndim, tuple(size - 1 for size in values.shape)]:
            step = np.zeros_like(values)
            step[place] = 1e-2
            weight.assign(values + step)
            above = loss()
            weight.assign(values - step)
            below = loss()
            weight.assign(values)
            np.testing.assert_allclose(gradient.numpy()[place], (above - below) / 2e-2, atol=2e-3)


def test_each_direction_starts_with_values_of_its_own():
    layer = BiLSTM(3)
    layer.build([None, None, 2])
    forward, backward = np.split(layer.kernel.numpy(), 2, axis=1)
    assert np.all(forward != backward)
    forward, backward = layer.recurrent_kernel.numpy()
    assert np.all(forward != backward)
    for direction in (forward, backward):
        np.testing.assert_allclose(direction @ direction.T, np.eye(3), atol=1e-6)


def test_forget_gate_starts_open():
    layer = BiLSTM(3)
    layer.build([None, None, 2])
    np.testing.assert_array_equal(layer.bias, 2 * ([0] * 3 + [1] * 3 + [0] * 6))


@pytest.mark.parametrize("shape", [(0, 0, 3), (2, 0, 3), (0, 4, 3)])
def test_nothing_in_nothing_out(shape):
    assert tf.function(BiLSTM(2))(tf.zeros(shape)).shape == (*shape[:2], 4)
