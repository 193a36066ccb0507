"""Scores of pairs of tokens, with a gradient written by hand."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Pairs of tokens to score at once; each takes a few kilobytes.
PAIRS = 16384


@tf.custom_gradient
def score_pairs(
    heads: tf.Tensor, tails: tf.Tensor, scorer: tf.Tensor, lengths: tf.Tensor, *context: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
    """Score pairs of tokens, sentence by sentence, with a gradient that computes the hidden layer again.

    Args:
        heads, tails: float32 `(batch, n, width)`.
        scorer: float32 `(relations, width)`.
        lengths: int32 `(batch,)`.
        *context: nothing, or `pairs` `(batch, n, n, features)` and their kernel `(features, width)`.

    Returns:
        float32 `(batch, n, n, relations)`, 0 at padding.
    """
    tokens = tf.shape(heads)[1]
    relations, width = scorer.shape
    features = context[1].shape[0] if context else 0
    sentence, first, rows = _blocks(lengths)
    count = tf.shape(sentence)[0]

    def hidden(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        row, start, n = sentence[block], first[block], lengths[sentence[block]]
        layer = heads[row, start : start + rows[block], None] + tails[row, None, :n]
        if context:
            layer += tf.tensordot(context[0][row, start : start + rows[block], :n], context[1], 1)
        return row, start, n, tf.reshape(tf.tanh(layer), [-1, width])

    def score(block: tf.Tensor, scores: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        _, _, n, layer = hidden(block)
        # The relations, which are few, are the rows: a product with few columns takes twice as long.
        score = tf.transpose(tf.matmul(scorer, layer, transpose_b=True))
        score = tf.reshape(score, [rows[block], n, relations])
        return block + 1, scores.write(block, tf.pad(score, [[0, 0], [0, tokens - n], [0, 0]]))

    _, scores = tf.while_loop(lambda block, _: block < count, score, (0, _array(count, None, relations)))

    def gradient(d_scores: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        def step(
            block: tf.Tensor,
            d_heads: tf.TensorArray,
            d_tails: tf.TensorArray,
            d_scorer: tf.Tensor,
            *d_context: tf.TensorArray | tf.Tensor,
        ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
            row, start, n, layer = hidden(block)
            d_score = tf.reshape(d_scores[row, start : start + rows[block], :n], [-1, relations])
            d_layer = tf.raw_ops.TanhGrad(y=layer, dy=tf.matmul(d_score, scorer))
            if context:
                pairs = tf.reshape(context[0][row, start : start + rows[block], :n], [-1, features])
                d_pairs = tf.reshape(tf.matmul(d_layer, context[1], transpose_b=True), [rows[block], n, features])
                d_context = (
                    d_context[0].write(block, tf.pad(d_pairs, [[0, 0], [0, tokens - n], [0, 0]])),
                    d_context[1] + tf.matmul(pairs, d_layer, transpose_a=True),
                )
            d_layer = tf.reshape(d_layer, [rows[block], n, width])
            d_tail = tf.pad(tf.reduce_sum(d_layer, axis=0), [[0, tokens - n], [0, 0]])
            return (
                block + 1,
                d_heads.write(block, tf.reduce_sum(d_layer, axis=1)),
                d_tails.write(block, d_tail),
                d_scorer + tf.matmul(d_score, layer, transpose_a=True),
                *d_context,
            )

        none = (_array(count, None, features), tf.zeros_like(context[1])) if context else ()
        _, d_heads, d_tails, d_scorer, *d_context = tf.while_loop(
            lambda block, *_: block < count,
            step,
            (0, _array(count, width), _array(count, width), tf.zeros_like(scorer), *none),
        )
        if context:
            d_context[0] = _padded(d_context[0].concat(), lengths, tokens)
        d_tails = tf.math.segment_sum(d_tails.stack(), sentence)
        return _padded(d_heads.concat(), lengths, tokens), d_tails, d_scorer, None, *d_context

    return _padded(scores.concat(), lengths, tokens), gradient


def _blocks(lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sentence, first row and number of rows of each block: a sentence, or as many of its rows as `PAIRS` allows."""
    size = tf.maximum(PAIRS // tf.maximum(lengths, 1), 1)
    blocks = tf.maximum(-(-lengths // size), 1)
    # As `tf.repeat`, in a fifth of its operations.
    block, ends = tf.range(tf.reduce_sum(blocks)), tf.cumsum(blocks)
    sentence = tf.searchsorted(ends, block, side="right")
    number = block - tf.gather(ends - blocks, sentence)
    size, lengths = tf.gather(size, sentence), tf.gather(lengths, sentence)
    return sentence, number * size, tf.minimum(size, lengths - number * size)


def _padded(rows: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """From the concatenated rows of all sentences to `(batch, tokens, ...)`."""
    places = tf.where(tf.sequence_mask(lengths, tokens))
    shape = tf.concat([[tf.shape(lengths)[0], tokens], tf.shape(rows)[1:]], axis=0)
    return tf.scatter_nd(tf.cast(places, tf.int32), rows, shape)


def _array(count: tf.Tensor, *shape: int | None) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=count, element_shape=[None, *shape], infer_shape=False)
