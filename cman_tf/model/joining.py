"""Joins the sentences of a batch in pairs, for the relation network alone."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Joined(NamedTuple):
    """Pairs of sentences as one, in the place of the sentences.

    Attributes:
        index: int32 `(pairs, longer)`, position of each token among all `batch * tokens` of the batch, 0 for padding.
        lengths: int32 `(pairs,)`, tokens of both.
        relations: int32 `(pairs, m, 3)`, rows of (head token, tail token, relation type), -1 for padding.
        values: float32 `(pairs, m)`, their targets, see `relation_loss`.
    """

    index: tf.Tensor
    lengths: tf.Tensor
    relations: tf.Tensor
    values: tf.Tensor

    def tokens(self, values: tf.Tensor) -> tf.Tensor:
        """Values of the joined tokens, `(batch, tokens, ...)` -> `(pairs, longer, ...)`, 0 at padding."""
        shape = tf.shape(values)
        found = tf.gather(tf.reshape(values, tf.concat([[-1], shape[2:]], axis=0)), self.index)
        inside = tf.sequence_mask(self.lengths, tf.shape(self.index)[1])
        inside = tf.reshape(inside, tf.concat([tf.shape(self.index), tf.ones_like(shape[2:])], axis=0))
        return tf.where(inside, found, tf.zeros_like(found))


def join(
    lengths: tf.Tensor, num_tokens: tf.Tensor, relations: tf.Tensor, values: tf.Tensor, chosen: tf.Tensor
) -> Joined:
    """Join the sentences of a batch in pairs; of an odd number, one stays alone.

    Few sentences of a corpus have many entities that are far apart and not related. Two sentences in a row do.

    Args:
        lengths: int32 `(batch,)`.
        num_tokens: int32 scalar, tokens of each row, padding included.
        relations: int32 `(batch, m, 3)`, rows of (head token, tail token, relation type), -1 for padding.
        values: float32 `(batch, m)`, their targets.
        chosen: bool scalar. Whether to join; if not, the sentences stay as they are.

    Returns:
        `Joined`.
    """
    batch = tf.shape(lengths)[0]
    pairs = tf.where(chosen, batch // 2, 0)
    # Sentence i and sentence pairs + i, then those that stay alone.
    first = tf.concat([tf.range(pairs), tf.range(2 * pairs, batch)], axis=0)
    alone = batch - 2 * pairs
    second = tf.pad(tf.range(pairs, 2 * pairs), [[0, alone]])
    own, other = tf.gather(lengths, first), tf.pad(lengths[pairs : 2 * pairs], [[0, alone]])
    total = own + other
    place = tf.range(tf.reduce_max(total))[None]
    index = (second * num_tokens - own)[:, None] + place
    index = tf.where(place < own[:, None], (first * num_tokens)[:, None] + place, index)
    index = tf.where(place < total[:, None], index, 0)

    there = relations[pairs : 2 * pairs]
    shift = tf.concat([tf.repeat(own[:pairs, None], 2, axis=1), tf.zeros([pairs, 1], tf.int32)], axis=1)
    there = tf.where(there >= 0, there + shift[:, None], there)
    there = tf.pad(there, [[0, alone], [0, 0], [0, 0]], constant_values=-1)
    return Joined(
        index,
        total,
        tf.concat([tf.gather(relations, first), there], axis=1),
        tf.concat([tf.gather(values, first), tf.pad(values[pairs : 2 * pairs], [[0, alone], [0, 0]])], axis=1),
    )
