"""Which pairs of tokens a training step scores."""

from __future__ import annotations

import tensorflow as tf

from cman_tf.model.decoding import decode_entities


def sample_tokens(
    tags: tf.Tensor, relations: tf.Tensor, lengths: tf.Tensor, share: float, uniform: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Choose the tokens whose pairs are scored: every entity's last token, and some of the others.

    Only pairs of entities' last tokens can be relations, yet nearly all of the `n * n` pairs of a sentence are others.
    They teach that there is no relation where there is no entity, for which a part of them will do.

    Args:
        tags: int32 `(batch, tokens)`, gold.
        relations: int32 `(batch, relations, 3)`, rows of (head token, tail token, relation type), -1 for padding.
        lengths: int32 `(batch,)`.
        share: float in [0, 1]. Chance of each token that ends no entity.
        uniform: float32 `(batch, tokens)`, random numbers in [0, 1).

    Returns:
        `(positions, relations, count)`: int32 `(batch, m)`, the chosen tokens in their order, 0 for padding; the
        relations with places among the chosen in the place of tokens; int32 `(batch,)`, how many are chosen.
    """
    entities = decode_entities(tags, lengths)
    batch, tokens = tf.unstack(tf.shape(tags))
    last = tf.where(entities["entity_mask"], entities["entity_end"] - 1, -1)
    ends = tf.reduce_any(last[:, :, None] == tf.range(tokens), axis=1)
    chosen = (ends | (uniform < share)) & tf.sequence_mask(lengths, tokens)
    positions = tf.ragged.boolean_mask(tf.repeat(tf.range(tokens)[None], batch, axis=0), chosen)
    places = tf.cumsum(tf.cast(chosen, tf.int32), axis=1, exclusive=True)
    there = relations >= 0
    ends = tf.gather(places, tf.maximum(relations[:, :, :2], 0), batch_dims=1)
    relations = tf.where(there, tf.concat([ends, relations[:, :, 2:]], axis=2), relations)
    return positions.to_tensor(0), relations, tf.cast(positions.row_lengths(), tf.int32)
