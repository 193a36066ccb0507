"""Converts tokens to the ids that the network reads, for training, prediction and export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from cman_tf.data.vocabulary import Vocabulary


class Featurizer(tf.Module):
    """Looks up words and characters, in TensorFlow operations.

    Args:
        vocabulary: `Vocabulary`.
        max_characters: int. Number of characters read from the start of a word.

    Call arguments:
        tokens: string `(batch, tokens)`, padded with `""` at the end.

    Returns:
        dict: `words` int32 `(batch, tokens)`; `spellings` int32 `(distinct words, characters)`; `spelling_index`
        int32 `(batch, tokens)`, the spelling of each token; `lengths` int32 `(batch,)`. Id 0 is padding, 1 unknown.
    """

    def __init__(self, vocabulary: Vocabulary, max_characters: int) -> None:
        super().__init__(name="featurizer")
        self.lowercase = vocabulary.lowercase
        self.max_characters = max_characters
        # A table must have a key: if all words are too rare, one that is never looked up.
        self.words = _table(vocabulary.words or [""], tf.string)
        self.characters = _table(vocabulary.characters or [-1], tf.int64)

    @property
    def num_characters(self) -> int:
        """Number of ids, including padding and unknown."""
        return int(self.characters.size()) + 2

    def __call__(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        present = tokens != ""
        words = tf.strings.lower(tokens, encoding="utf-8") if self.lowercase else tokens
        distinct, index = tf.unique(tf.reshape(tokens, [-1]))
        points = tf.strings.unicode_decode(distinct, "UTF-8", errors="replace")[:, : self.max_characters]
        spellings = tf.cast(self.characters.lookup(tf.cast(points.flat_values, tf.int64)), tf.int32)
        spellings = points.with_flat_values(spellings).to_tensor(0)
        # Padding has no characters, but still needs a column.
        spellings = tf.pad(spellings, [[0, 0], [0, tf.cast(tf.shape(spellings)[1] == 0, tf.int32)]])
        return {
            "words": tf.cast(self.words.lookup(words), tf.int32) * tf.cast(present, tf.int32),
            "spellings": spellings,
            "spelling_index": tf.reshape(index, tf.shape(tokens)),
            "lengths": tf.reduce_sum(tf.cast(present, tf.int32), axis=1),
        }


def _table(keys: Sequence[str] | Sequence[int], dtype: tf.DType) -> tf.lookup.StaticHashTable:
    values = tf.range(2, len(keys) + 2, dtype=tf.int64)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(keys, dtype, shape=[len(keys)]), values), default_value=1
    )
