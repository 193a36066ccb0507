"""The two losses of the joint objective."""

from __future__ import annotations

import tensorflow as tf


def relation_loss(
    scores: tf.Tensor, relations: tf.Tensor, lengths: tf.Tensor, values: tf.Tensor | None = None
) -> tf.Tensor:
    """Cross-entropy over all cells, eq. 12 with the negative term of the multi-head code.

    `sum over i, j, k of -log sigma(s) if (i, j, k) is a relation, else -log(1 - sigma(s))`, or their weighted mean if
    the target is between 0 and 1.

    Args:
        scores: float32 `(batch, tokens, tokens, relations)`, logits.
        relations: int32 `(batch, m, 3)`, rows of (head token, tail token, relation type), -1 for padding.
        lengths: int32 `(batch,)`.
        values: float32 `(batch, m)` or None. Targets of the cells of `relations`. Default: 1.

    Returns:
        float32 `(batch,)`, summed over the cells of each sentence without padding.

    Reference:
        Zhao et al. (2020), eq. 12; Bekoulis et al. (2018).
    """
    shape = tf.shape(scores)
    there = relations[:, :, 0] >= 0
    rows = tf.repeat(tf.range(shape[0])[:, None], tf.shape(relations)[1], axis=1)
    cells = tf.boolean_mask(tf.concat([rows[:, :, None], relations], axis=2), there)
    # sigmoid_cross_entropy(s, y) = softplus(s) - y * s, and nearly every y is 0.
    negative = tf.nn.softplus(scores)
    inside = tf.sequence_mask(lengths, shape[1], scores.dtype)
    negative = tf.einsum("bijk,bi,bj->b", negative, inside, inside)
    positive = tf.gather_nd(scores, cells)
    if values is not None:
        positive *= tf.boolean_mask(values, there)
    positive = tf.math.unsorted_segment_sum(positive, cells[:, 0], shape[0])
    return negative - positive
