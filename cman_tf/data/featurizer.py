"""Tokens to the ids that the network reads: one featuriser for training, prediction and export."""

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
        max_characters: int. Characters of a word that are read, from its start.

    Call arguments:
        tokens: string `(batch, tokens)`, padded with `""` at the end.

    Returns:
        dict: `words` int32 `(batch, tokens)`; `spellings` int32 `(distinct words, characters)`; `spelling_index`
        int32 `(batch, tokens)`, which spelling each token has; `lengths` int32 `(batch,)`. Id 0 is padding, 1 unknown.
    """

    def __init__(self, vocabulary: Vocabulary, max_characters: int) -> None:
        super().__init__(name="featurizer")
        self.lowercase = vocabulary.lowercase
        self.max_characters = max_characters
        # A table must have a key: one that is never looked up, if all words are too rare.
        self.words = _table(vocabulary.words or [""], tf.string)
        self.characters = _table(vocabulary.characters or [-1], tf.int64)

    @property
    def num_characters(self) -> int:
        """Ids in use, padding and unknown included."""
        return int(self.characters.size()) + 2

    def __call__(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        present = tokens != ""
        words = tf.strings.lower(tokens, encoding="utf-8") if self.lowercase else tokens
        distinct, index = tf.unique(tf.reshape(tokens, [-1]))
        points = tf.strings.unicode_decode(distinct, "UTF-8", errors="replace")[:, : self.max_characters]
        spellings = tf.cast(self.characters.lookup(tf.cast(points.flat_values, tf.int64)), tf.int32)
        spellings = points.with_flat_values(spellings).to_tensor(0)
        # A word of no characters, which padding is, still needs a column to read.
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
