"""Vectors of pairs of tokens, from the tokens between them and their distance."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# Lower bounds, in tokens, of the bins of distances that share a vector.
EDGES = (1, 2, 3, 4, 5, 8, 12, 20, 40)
DISTANCE_SIZE = 16

# Between two tokens, up to 2 ** LEVELS tokens after the first and before the second are read.
LEVELS = 11


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class PairContext(tf.keras.layers.Layer):
    """A vector for each pair of tokens, an addition to the paper: the element-wise maximum of a ReLU layer over the
    tokens between them, and a learnt vector for their signed distance.

    The maximum over any span comes from a table of maxima over spans of 1, 2, 4, ... tokens, two of which cover it.

    Args:
        size: int. Width of the ReLU layer.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        positions: int32 `(batch, m)`, the tokens to pair. Default: all, m = tokens.

    Shapes:
        `(batch, tokens, features)` -> `(batch, m, m, size + 16)`; row i, column j is the pair (i, j).

    Example:
        >>> PairContext(8)(tf.zeros([2, 4, 6])).shape
        TensorShape([2, 4, 4, 24])

    Reference:
        The text between two entities: Eberts and Ulges (2020), "Span-based joint entity and relation extraction with
        transformer pre-training", section 3.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight("kernel", [input_shape[-1], self.size], initializer="glorot_uniform")
        self.bias = self.add_weight("bias", [self.size], initializer="zeros")
        self.distances = self.add_weight("distances", [2 * len(EDGES) + 1, DISTANCE_SIZE], initializer="uniform")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, positions: tf.Tensor | None = None) -> tf.Tensor:
        values = tf.nn.relu(tf.matmul(inputs, self.kernel) + self.bias)
        if positions is None:
            positions = tf.repeat(tf.range(tf.shape(inputs)[1])[None], tf.shape(inputs)[0], axis=0)
        head, tail = positions[:, :, None], positions[:, None, :]
        between = _largest(values, tf.minimum(head, tail) + 1, tf.maximum(head, tail))
        far = tf.reduce_sum(tf.cast(tf.abs(tail - head)[..., None] >= tf.constant(EDGES), tf.int32), axis=-1)
        distance = tf.gather(self.distances, len(EDGES) + tf.sign(tail - head) * far)
        return tf.ensure_shape(tf.concat([between, distance], axis=-1), [None, None, None, self.size + DISTANCE_SIZE])

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        batch, tokens, _ = input_shape
        return tf.TensorShape([batch, tokens, tokens, self.size + DISTANCE_SIZE])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def _largest(values: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Maxima of `values` `(batch, n, size)`, none negative, over `start <= t < end` `(batch, m, m)`; 0 if empty."""
    batch, n = tf.shape(values)[0], tf.shape(values)[1]
    table = [values]
    for level in range(LEVELS):
        step = tf.minimum(2**level, n)
        table.append(tf.maximum(table[-1], tf.pad(table[-1][:, step:], [[0, 0], [0, step], [0, 0]])))
    count = end - start
    level = tf.reduce_sum(tf.cast(count[..., None] >= tf.constant([2**k for k in range(1, LEVELS + 1)]), tf.int32), -1)
    second = end - tf.bitwise.left_shift(1, level)
    rows = tf.reshape(tf.stack(table), [-1, values.shape[-1]])
    first_of_sentence = (level * batch + tf.range(batch)[:, None, None]) * n

    def at(place: tf.Tensor) -> tf.Tensor:
        return tf.gather(rows, first_of_sentence + tf.clip_by_value(place, 0, n - 1))

    return tf.where((count > 0)[..., None], tf.maximum(at(start), at(second)), 0.0)
