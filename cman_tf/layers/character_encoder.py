"""Character-level word vectors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cman_tf.layers.bilstm import BiLSTM
from cman_tf.layers.packing import TwoWayPacking
from cman_tf.layers.symbolic import shapes_only


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class CharacterEncoder(tf.keras.layers.Layer):
    """The last states of a character BiLSTM for each token.

    A word's vector depends only on its spelling, so each distinct word of a batch is encoded once.

    Args:
        num_characters: int. Number of characters, padding (0) and unknown (1) included.
        size: int. Width of the character embeddings.
        hidden_size: int. Width of the LSTM per direction.

    Call arguments:
        inputs: int32 `(words, characters)`, the distinct words of the batch, 0 for padding.
        index: int32 `(batch, tokens)`, the row of each token in `inputs`.

    Shapes:
        -> `(batch, tokens, 2 * hidden_size)`.

    Reference:
        Lample et al. (2016), section 4.1.
    """

    def __init__(self, num_characters: int, size: int, hidden_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_characters = num_characters
        self.size = size
        self.hidden_size = hidden_size
        self.embedding = tf.keras.layers.Embedding(num_characters, size, name="embedding")
        self.bilstm = BiLSTM(hidden_size, name="bilstm")

    def build(self, input_shape: tf.TensorShape) -> None:
        self.embedding.build(None)
        self.bilstm.build([None, None, self.size])
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        if shapes_only():
            return tf.zeros(tf.concat([tf.shape(index), [2 * self.hidden_size]], axis=0))
        packing = TwoWayPacking(tf.math.count_nonzero(inputs, axis=1, dtype=tf.int32))
        # The alphabet is much smaller than the text, so project the table, then look up.
        table = self.bilstm.project(self.embedding.embeddings)
        characters = tf.gather_nd(inputs, tf.stack([packing.sequence, packing.time], axis=1))
        states = self.bilstm.recur(tf.gather(table, 2 * characters + packing.direction), packing)
        # Padding is a word without characters; its row is not used but must exist.
        states = tf.gather(tf.pad(states, [[0, 1], [0, 0]]), packing.last)
        return tf.gather(tf.concat(tf.unstack(states), axis=1), index)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_characters": self.num_characters,
            "size": self.size,
            "hidden_size": self.hidden_size,
        }
