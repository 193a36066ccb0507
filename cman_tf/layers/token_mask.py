"""Converts lengths to a mask."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class TokenMask(tf.keras.layers.Layer):
    """True for tokens, False for padding.

    Call arguments:
        inputs: `(batch, tokens, ...)`, for its number of tokens.
        lengths: int32 `(batch,)`.

    Shapes:
        -> bool `(batch, tokens)`.
    """

    def call(self, inputs: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        return tf.sequence_mask(lengths, tf.shape(inputs)[1])
