"""The checks that all layers share, so that a layer's test is data."""

import numpy as np
import tensorflow as tf


def check_layer(layer, inputs, output_shape, *, lengths=None, lengths_as=None, token_axes=(1,), call=None):
    """Serialisation, output shape, padding without effect, gradients, one training step.

    Args:
        layer: a new layer.
        inputs: dict of arrays; the entry `inputs` is the layer's first argument, the others go by name. Float arrays
            of more than one axis have tokens on axis 1.
        output_shape: tuple of int.
        lengths: list of int, tokens of each sentence, for layers that know padding; the longest sentence fills the
            width.
        lengths_as: `"mask"` or `"lengths"`, how the layer gets them.
        token_axes: axes of the output that run over tokens.
        call: dict of further arguments of the call.
    """
    call = call or {}

    def run(layer, inputs, lengths):
        named = {name: tf.convert_to_tensor(value) for name, value in inputs.items()}
        if lengths_as == "mask":
            named["mask"] = tf.sequence_mask(lengths, tf.shape(named["inputs"])[1])
        elif lengths_as == "lengths":
            named["lengths"] = tf.convert_to_tensor(lengths)
        return layer(named.pop("inputs"), **named, **call)

    output = run(layer, inputs, lengths)
    assert tuple(output.shape) == output_shape

    # In a graph that knows no sizes but the features'.
    specs = {
        name: tf.TensorSpec(
            [None] * (value.ndim - 1) + [value.shape[-1] if value.dtype.kind == "f" else None], value.dtype
        )
        for name, value in inputs.items()
    }
    graph = tf.function(
        lambda arrays, lengths: run(layer, arrays, lengths), input_signature=[specs, tf.TensorSpec([None], tf.int32)]
    )
    np.testing.assert_allclose(graph(inputs, lengths or [0]), output, atol=1e-5)

    # Serialisation: the configuration makes the same layer, and with its weights the same answer.
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    run(copy, inputs, lengths)
    copy.set_weights(layer.get_weights())
    np.testing.assert_allclose(run(copy, inputs, lengths), output, atol=1e-6)
    registered = tf.keras.utils.get_registered_name(type(layer))
    assert tf.keras.utils.get_registered_object(registered) is type(layer)

    if lengths is not None:
        _check_padding(lambda inputs, lengths: run(layer, inputs, lengths), inputs, lengths, output, token_axes)

    # Every weight gets a gradient, and one step along it lowers the loss.
    target = np.random.default_rng(0).normal(size=output.shape).astype(np.float32)

    def loss():
        return tf.reduce_mean(tf.square(run(layer, inputs, lengths) - target))

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, layer.trainable_weights)
    for weight, gradient in zip(layer.trainable_weights, gradients):
        assert gradient is not None, weight.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name
    tf.keras.optimizers.SGD(1e-2).apply_gradients(zip(gradients, layer.trainable_weights))
    assert loss() < before


def _check_padding(run, inputs, lengths, output, token_axes):
    """The same sentence alone and in a padded batch gets the same answer, whatever the padding contains."""
    for row, length in enumerate(lengths):
        alone = {
            name: value[row : row + 1, :length] if value.ndim > 1 else value[row : row + 1]
            for name, value in inputs.items()
        }
        part = output[row]
        for axis in token_axes:
            part = tf.gather(part, tf.range(length), axis=axis - 1)
        np.testing.assert_allclose(run(alone, [length])[0], part, atol=1e-5)
    junk = {}
    for name, value in inputs.items():
        junk[name] = value.copy()
        if value.dtype.kind == "f":
            for row, length in enumerate(lengths):
                junk[name][row, length:] = 1e3
    changed = run(junk, lengths)
    for row, length in enumerate(lengths):
        part, other = output[row], changed[row]
        for axis in token_axes:
            part, other = (tf.gather(x, tf.range(length), axis=axis - 1) for x in (part, other))
        np.testing.assert_allclose(other, part, atol=1e-5)
