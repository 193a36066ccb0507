"""Splits tokens into word pieces, and sentences into windows that fit an encoder, inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from cman_tf.stack import import_tensorflow_text


class WordPieces(tf.Module):
    """Word pieces of each token; each token is split separately, as BERT's tokenizer splits a word.

    Args:
        vocabulary: list of str, the word pieces by id.
        unknown: str, the piece for unknown words and for a token without any piece.
        lower_case: bool.
        strip_accents: bool.

    Call arguments:
        tokens: string `(tokens,)`. Invalid UTF-8 counts as U+FFFD.

    Shapes:
        `(tokens,)` -> ragged int32 `(tokens, pieces)`, at least one piece for each token.

    Reference:
        Devlin et al. (2019); Song et al. (2021), Fast WordPiece Tokenization.
    """

    def __init__(self, vocabulary: Sequence[str], unknown: str, lower_case: bool, strip_accents: bool) -> None:
        super().__init__()
        self.unknown = vocabulary.index(unknown)
        self.lower_case = lower_case
        self.strip_accents = strip_accents
        # The tokenizer's own lower-casing also folds ½ to 1/2 and ß to ss, unlike that of the encoders' training.
        self._tokenizer = import_tensorflow_text().FastBertTokenizer(
            vocabulary, token_out_type=tf.int32, unknown_token=unknown, lower_case_nfd_strip_accents=False
        )

    # A function, so that the two traces of an encoder share its tables.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def __call__(self, tokens: tf.Tensor) -> tf.RaggedTensor:
        tokens = tf.strings.unicode_transcode(tokens, "UTF-8", "UTF-8", errors="replace")
        # White space stays, because it separates. Other control characters and invalid UTF-8 are dropped.
        tokens = tf.strings.regex_replace(tokens, r"[\t\n\r]", " ")
        tokens = tf.strings.regex_replace(tokens, r"[\p{C}\x{FFFD}]", "")
        if self.lower_case:
            tokens = tf.strings.lower(tokens, encoding="utf-8")
        if self.strip_accents:
            tokens = tf.strings.regex_replace(import_tensorflow_text().normalize_utf8(tokens, "NFD"), r"\p{Mn}", "")
        pieces = self._tokenizer.tokenize(tokens)
        empty = tf.cast(pieces.row_lengths() == 0, tf.int32)
        unknown = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(empty)], self.unknown), empty)
        return tf.concat([pieces, unknown.with_row_splits_dtype(pieces.row_splits.dtype)], axis=1)


class Windows:
    """Overlapping windows over sentences, and for each piece the window in which it has most context.

    A sentence that fits is one window. A longer one is split into windows that start half a window apart; the last one
    moves left so that it is full.

    Args:
        sizes: int32 `(batch,)`, word pieces of each sentence.
        capacity: int. Word pieces in a full window.

    Attributes:
        pieces: ragged int32 `(windows, pieces)`, the batch's pieces in each window, sentence after sentence and in
            order.
    """

    def __init__(self, sizes: tf.Tensor, capacity: int) -> None:
        self._stride = capacity // 2
        self._capacity = capacity
        self._sizes = sizes
        beyond = tf.maximum(sizes - capacity, 0)
        self._counts = (beyond + self._stride - 1) // self._stride + 1
        self._beyond = beyond
        self._first = tf.cumsum(self._counts, exclusive=True)
        self._offsets = tf.cumsum(sizes, exclusive=True)
        sentence = tf.repeat(tf.range(tf.size(sizes)), self._counts)
        index = tf.range(tf.size(sentence)) - tf.gather(self._first, sentence)
        starts = self._start(index, sentence) + tf.gather(self._offsets, sentence)
        self.pieces = tf.ragged.range(starts, starts + tf.minimum(tf.gather(sizes, sentence), capacity))

    def locate(self, groups: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Find the window and position in which each piece has most context.

        Args:
            groups: int32 `(tokens,)`, number of pieces of each token. A token of at most a quarter of a window takes
                all its pieces from one window.

        Returns:
            `(window, position)`, int32 `(pieces,)` each.
        """
        total = tf.reduce_sum(self._sizes)
        sentence = tf.repeat(tf.range(tf.size(self._sizes)), self._sizes)
        place = tf.range(total) - tf.gather(self._offsets, sentence)
        token = tf.repeat(tf.range(tf.size(groups)), groups)
        middle = tf.cumsum(groups, exclusive=True) + (groups - 1) // 2
        middle = tf.gather(middle, token) - tf.gather(self._offsets, sentence)
        anchor = tf.where(tf.gather(groups, token) * 4 <= self._capacity, middle, place)
        # Most context on the shorter side means nearest to the window's middle. Doubled, so that all are integers.
        index = (2 * anchor - (self._capacity - 1) + self._stride) // (2 * self._stride)
        last = tf.gather(self._counts, sentence) - 1
        index = tf.clip_by_value(index, 0, last)
        index = tf.where(self._distance(anchor, last, sentence) <= self._distance(anchor, index, sentence), last, index)
        return tf.gather(self._first, sentence) + index, place - self._start(index, sentence)

    def _start(self, index: tf.Tensor, sentence: tf.Tensor) -> tf.Tensor:
        return tf.minimum(index * self._stride, tf.gather(self._beyond, sentence))

    def _distance(self, anchor: tf.Tensor, index: tf.Tensor, sentence: tf.Tensor) -> tf.Tensor:
        return tf.abs(2 * (anchor - self._start(index, sentence)) - (self._capacity - 1))
