"""A learnt mix of the layers of a contextual encoder."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class ScalarMix(tf.keras.layers.Layer):
    """Weighted sum of an encoder's layers, learnt for the task: `gamma * sum_l softmax(w)_l * layer_l`.

    Shapes:
        `(batch, tokens, layers, width)` -> `(batch, tokens, width)`.

    Example:
        >>> ScalarMix()(tf.ones([2, 3, 4, 5])).shape
        TensorShape([2, 3, 5])

    Reference:
        Peters et al. (2018), eq. 1.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        self.weight = self.add_weight("weight", [input_shape[-2]], initializer="zeros")
        self.gamma = self.add_weight("gamma", [], initializer="ones")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.linalg.matvec(inputs, self.gamma * tf.nn.softmax(self.weight), transpose_a=True)

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        batch, tokens, _, width = input_shape
        return tf.TensorShape([batch, tokens, width])
