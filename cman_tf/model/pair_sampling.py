"""Samples the pairs of tokens that a training step scores."""

from __future__ import annotations

import tensorflow as tf

from cman_tf.model.decoding import by_row, decode_entities


def sample_tokens(
    tags: tf.Tensor, relations: tf.Tensor, lengths: tf.Tensor, share: float, uniform: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Choose the tokens whose pairs are scored: the last token of every entity and some of the others.

    Only pairs of entities' last tokens can be relations, but nearly all of the `n * n` pairs of a sentence are others.
    They teach that there is no relation without an entity, for which some of them are enough.

    Args:
        tags: int32 `(batch, tokens)`, gold.
        relations: int32 `(batch, relations, 3)`, rows of (head token, tail token, relation type), -1 for padding.
        lengths: int32 `(batch,)`.
        share: float in [0, 1]. Probability of each token that does not end an entity.
        uniform: float32 `(batch, tokens)`, random numbers in [0, 1).

    Returns:
        `(positions, relations, count)`: int32 `(batch, m)`, the chosen tokens in order, 0 for padding; the relations
        with indices of chosen tokens instead of tokens; int32 `(batch,)`, number of chosen tokens.
    """
    entities = decode_entities(tags, lengths)
    batch, tokens = tf.unstack(tf.shape(tags))
    last = tf.where(entities["entity_mask"], entities["entity_end"] - 1, -1)
    ends = tf.reduce_any(last[:, :, None] == tf.range(tokens), axis=1)
    chosen = (ends | (uniform < share)) & tf.sequence_mask(lengths, tokens)
    row, position = tf.unstack(tf.cast(tf.where(chosen), tf.int32), num=2, axis=1)
    places = tf.cumsum(tf.cast(chosen, tf.int32), axis=1, exclusive=True)
    there = relations >= 0
    ends = tf.gather(places, tf.maximum(relations[:, :, :2], 0), batch_dims=1)
    relations = tf.where(there, tf.concat([ends, relations[:, :, 2:]], axis=2), relations)
    return by_row(row, batch)(position), relations, tf.reduce_sum(tf.cast(chosen, tf.int32), axis=1)
