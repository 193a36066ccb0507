"""Converts tokens to the ids that the network reads, for training, prediction and export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from cman_tf.data.vocabulary import Vocabulary


SHAPES = True


def _shapes(tokens):
    def like(pattern):
        return tf.strings.regex_full_match(tokens, pattern)

    patterns = [
        r"\p{Lu}",
        r"(\p{Lu}\.)+",
        r"\p{Lu}{2,}",
        r"\p{Lu}\p{Ll}+",
        r"\p{Ll}+",
        r"\d+",
        r"[^\pL\d]+",
        r"\p{Lu}.*\p{Lu}.*",
        r".*\d.*",
        r"\p{Lu}.*",
    ]
    result = tf.ones_like(tokens, tf.int32)
    for number, pattern in reversed(list(enumerate(patterns, 2))):
        result = tf.where(like(pattern), number, result)
    return tf.where(tokens == "", 0, result)


class Dictionary(tf.Module):
    def __init__(self, path):
        super().__init__(name="dictionary")
        bits = {}
        kinds = []
        for line in open(path, encoding="utf-8"):
            phrase, kind = line.rstrip("\n").split("\t")
            if kind not in kinds:
                kinds.append(kind)
            bits[phrase] = bits.get(phrase, 0) | 1 << kinds.index(kind)
        self.num_kinds = len(kinds)
        self.longest = max(phrase.count(" ") + 1 for phrase in bits)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(bits)), tf.constant(list(bits.values()), tf.int64)
            ),
            0,
        )

    def __call__(self, tokens):
        lower = tf.strings.lower(tokens, encoding="utf-8")
        capital = tf.strings.regex_full_match(tokens, r"\p{Lu}.*")
        width = tf.shape(tokens)[1]
        kinds = tf.range(self.num_kinds, dtype=tf.int64)
        covered = tf.zeros([tf.shape(tokens)[0], width, self.num_kinds], tf.bool)
        begin, inside = covered, covered
        phrases = [lower]
        for size in range(1, self.longest):
            following = tf.pad(lower[:, size:], [[0, 0], [0, tf.minimum(size, width)]], constant_values="")[:, :width]
            phrases.append(phrases[-1] + " " + following)
        for size in range(self.longest, 0, -1):
            found = self.table.lookup(phrases[size - 1])
            found = tf.bitwise.bitwise_and(tf.bitwise.right_shift(found[..., None], kinds), 1) > 0
            found &= capital[..., None] & ~covered
            begin |= found
            for step in range(size):
                moved = tf.pad(found, [[0, 0], [step, 0], [0, 0]])[:, :width]
                covered |= moved
                inside |= moved if step else tf.zeros_like(moved)
        begin &= ~inside
        return tf.cast(tf.concat([begin, inside], axis=2), tf.float32)


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

    def __init__(self, vocabulary: Vocabulary, max_characters: int, dictionary=None) -> None:
        super().__init__(name="featurizer")
        self.lowercase = vocabulary.lowercase
        self.max_characters = max_characters
        self.dictionary = dictionary and Dictionary(dictionary)
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
        more = {"shapes": _shapes(tokens)} if SHAPES else {}
        if self.dictionary:
            more["dictionary"] = self.dictionary(tokens)
        return {
            **more,
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
