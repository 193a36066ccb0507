"""Word vectors: trained ones, and fixed ones from a vector file."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class WordEmbedding(tf.keras.layers.Layer):
    """Looks words up in a trained table and, beyond it, in a table of fixed pretrained vectors.

    Ids below `num_trained` are trained (0 is padding, 1 the unknown word). The rest are words that are in the vector
    file but not in the training data. They keep their vectors, in half precision, for prediction.

    Args:
        num_trained: int. Rows of the trained table, at least 2.
        num_fixed: int. Rows of the fixed table, 0 for none.
        size: int. Width of the vectors.
        trainable_vectors: bool. False fixes the first table too. Default True.

    Shapes:
        int32 `(batch, tokens)` -> float32 `(batch, tokens, size)`.
    """

    def __init__(
        self, num_trained: int, num_fixed: int, size: int, trainable_vectors: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_trained = num_trained
        self.num_fixed = num_fixed
        self.size = size
        self.trainable_vectors = trainable_vectors

    def build(self, input_shape: tf.TensorShape) -> None:
        self.trained = self.add_weight(
            "trained", [self.num_trained, self.size], initializer="uniform", trainable=self.trainable_vectors
        )
        if self.num_fixed:
            self.fixed = self.add_weight(
                "fixed", [self.num_fixed, self.size], dtype="float16", initializer="zeros", trainable=False
            )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        vectors = tf.gather(self.trained, tf.where(inputs < self.num_trained, inputs, 1))
        if not self.num_fixed:
            return vectors
        fixed = tf.gather(self.fixed, tf.maximum(inputs - self.num_trained, 0))
        return tf.where((inputs < self.num_trained)[..., None], vectors, tf.cast(fixed, vectors.dtype))

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        return tf.TensorShape(input_shape).concatenate(self.size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_trained": self.num_trained,
            "num_fixed": self.num_fixed,
            "size": self.size,
            "trainable_vectors": self.trainable_vectors,
        }
