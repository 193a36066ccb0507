"""Combines word pieces and a Transformer into vectors for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.encoders.subwords import Windows, WordPieces

if TYPE_CHECKING:
    from cman_tf.encoders.transformer import Transformer


class SubwordEncoder(tf.Module):
    """Vectors of each layer for tokens: the mean over a token's word pieces.

    A sentence with more word pieces than the Transformer has positions is read in windows that overlap by half, and
    each token is taken from the window where it has most context.

    Args:
        pieces: `WordPieces`.
        transformer: `Transformer`.
        begin, end: int. Ids of the pieces around every window.
        positions: int. Pieces that the Transformer can read at once, `begin` and `end` included.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""`.
        training: bool. Whether dropout is on.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, layers, width)`, 0 at padding.
    """

    def __init__(self, pieces: WordPieces, transformer: Transformer, begin: int, end: int, positions: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.transformer = transformer
        self.begin = begin
        self.end = end
        self.positions = positions

    def __call__(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        there = tokens != ""
        ids = self.pieces(tf.boolean_mask(tokens, there))
        groups = tf.cast(ids.row_lengths(), tf.int32)
        words = tf.cast(tf.where(there), tf.int32)
        sizes = tf.math.unsorted_segment_sum(groups, words[:, 0], tf.shape(tokens)[0])
        windows = Windows(sizes, self.positions - 2)
        states = self.transformer(*self._rows(ids.flat_values, windows.pieces), training)
        window, position = windows.locate(groups)
        lengths = tf.cast(windows.pieces.row_lengths(), tf.int32) + 2
        place = tf.gather(tf.cumsum(lengths, exclusive=True), window) + position + 1
        token = tf.repeat(tf.range(tf.size(groups)), groups)
        layers = [tf.math.segment_mean(tf.gather(state, place), token) for state in states]
        # The static shape, as far as it is known.
        layers = tf.ensure_shape(tf.stack(layers, axis=1), [None, len(states), states[0].shape[-1]])
        shape = tf.concat([tf.shape(tokens), layers.shape[1:]], axis=0)
        return tf.scatter_nd(words, layers, shape)

    def _rows(self, ids: tf.Tensor, pieces: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        ids = tf.ragged.map_flat_values(lambda index: tf.gather(ids, index), pieces)
        border = tf.ones([ids.nrows(), 1], tf.int32)
        ids = tf.concat([self.begin * border, ids, self.end * border], axis=1)
        return ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32)
