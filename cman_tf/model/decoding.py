"""Decodes tags and relation scores into entities and relations, in training, prediction and export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:
    from cman_tf.layers.crf import CRF


def decode_entities(tags: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
    """Entities of BIO tags, decoded as in conlleval: an I- tag without a B- before it starts an entity.

    Args:
        tags: int32 `(batch, tokens)`; 0 is O, `1 + 2k` is B- and `2 + 2k` is I- of type k.
        lengths: int32 `(batch,)`.

    Returns:
        dict of `(batch, entities)`, padded: `entity_start`, `entity_end` (exclusive) and `entity_type` int32, 0 where
        `entity_mask` (bool) is False.
    """
    tags *= tf.sequence_mask(lengths, tf.shape(tags)[1], tags.dtype)
    types, inside = (tags - 1) // 2, tags > 0
    continues = (tags > 0) & (tags % 2 == 0) & (types == _shift(types, 1, -1)) & _shift(inside, 1, False)
    starts = inside & ~continues
    ends = inside & ~_shift(continues, -1, False)
    first, last = tf.cast(tf.where(starts), tf.int32), tf.cast(tf.where(ends), tf.int32)
    row, start = tf.unstack(first, num=2, axis=1)
    padded = by_row(row, tf.shape(tags)[0])
    return {
        "entity_start": padded(start),
        "entity_end": padded(tf.unstack(last, num=2, axis=1)[1] + 1),
        "entity_type": padded(tf.gather_nd(types, first)),
        "entity_mask": padded(tf.ones_like(row)) > 0,
    }


def by_row(row: tf.Tensor, rows: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Function that groups items by row and pads with 0: `(items,)` -> `(rows, most items of a row)`.

    Ragged tensors do the same with a hundred operations, which take long to trace.

    Args:
        row: int32 `(items,)`, the row of each item, in ascending order.
        rows: int32, number of rows.
    """
    count = tf.math.unsorted_segment_sum(tf.ones_like(row), row, rows)
    place = tf.range(tf.size(row)) - tf.gather(tf.cumsum(count, exclusive=True), row)
    where = tf.stack([row, place], axis=1)
    shape = tf.stack([rows, tf.reduce_max(tf.concat([count, [0]], axis=0))])
    return lambda values: tf.scatter_nd(where, values, shape)


def last_tokens(entities: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Position of each entity's last token: int32 `(batch, entities)`, 0 for padding."""
    return tf.maximum(entities["entity_end"] - 1, 0)


class Constraints(NamedTuple):
    """What relations may be decoded, as tensors.

    allowed: bool `(entity types, entity types, relation types)`, the allowed types of head, tail and relation.
    one_type: bool, see `cman_tf.data.rules.Rules`, like the others.
    one_tail: bool `(relation types,)`.
    one_head: bool `(relation types,)`.
    inverse: int32 `(relation types,)`.
    """

    allowed: tf.Tensor
    one_type: tf.Tensor
    one_tail: tf.Tensor
    one_head: tf.Tensor
    inverse: tf.Tensor


def decode_relations(
    scores: tf.Tensor,
    entities: Mapping[str, tf.Tensor],
    threshold: float | tf.Tensor,
    constraints: Constraints,
    scale: Sequence[float] | tf.Tensor = (1.0, 0.0),
) -> dict[str, tf.Tensor]:
    """Relations between decoded entities: all with a probability above `threshold` that obey the constraints.

    What a symmetric or inverse type states in one direction holds in the other, with the higher score of the two. Both
    are one candidate, which is left out if the type constraint forbids one of them. Candidates are taken in the order
    of their logits, of equal ones the first in the order of head, tail and type; each stays if it obeys the rules
    together with those that stayed before it.

    Args:
        scores: float32 `(batch, entities, entities, relation types)`, logits of the entities' last tokens.
        entities: dict, the result of `decode_entities`.
        threshold: float, or float32 `(relation types,)`.
        constraints: `Constraints`.
        scale: float32 `(2,)`, slope and intercept of the calibration of probabilities. Default: none.

    Returns:
        dict of `(batch, relations)`, padded: `relation_head`, `relation_tail` (indices of entities) and
        `relation_type` int32, `relation_score` float32 (probability), `relation_mask` bool.
    """
    # Not probabilities, of which high ones are equal.
    logits = scale[0] * scores + scale[1]
    mask = entities["entity_mask"]
    possible = (mask[:, :, None] & mask[:, None, :])[..., None] & ~tf.eye(tf.shape(mask)[1], dtype=tf.bool)[..., None]
    types = entities["entity_type"]
    possible &= tf.gather(tf.gather(constraints.allowed, types), types, axis=2, batch_dims=1)
    possible &= _opposite(possible, constraints.inverse)
    logits = tf.where(possible & (tf.sigmoid(logits) > threshold), logits, logits.dtype.min)
    logits = tf.maximum(logits, _opposite(logits, constraints.inverse))
    kept = _obeying(logits, constraints)
    cells = tf.cast(tf.where(kept), tf.int32)
    row, head, tail, relation = tf.unstack(cells, num=4, axis=1)
    padded = by_row(row, tf.shape(mask)[0])
    return {
        "relation_head": padded(head),
        "relation_tail": padded(tail),
        "relation_type": padded(relation),
        "relation_score": padded(tf.sigmoid(tf.gather_nd(logits, cells))),
        "relation_mask": padded(tf.ones_like(row)) > 0,
    }


def _obeying(logits: tf.Tensor, constraints: Constraints) -> tf.Tensor:
    """Bool `(batch, heads, tails, relation types)`: the candidates that stay, of logits above the lowest number."""
    cells = tf.where(logits > logits.dtype.min)
    # As a list: candidates are few, and most sentences have no logits to sort.
    order = tf.argsort(tf.gather_nd(logits, cells), direction="DESCENDING", stable=True)
    count = tf.size(order, cells.dtype)
    ranks = tf.scatter_nd(tf.gather(cells, order), tf.range(count, 0, -1), tf.shape(logits, cells.dtype))
    # Both directions of a candidate have the rank of the first.
    ranks = tf.maximum(ranks, _opposite(ranks, constraints.inverse))

    def rivals(ranks: tf.Tensor) -> tf.Tensor:
        """The highest rank among the candidates that exclude each candidate, and its own if any can."""
        pair = tf.reduce_max(ranks, axis=3, keepdims=True)
        found = tf.where(constraints.one_type, tf.maximum(pair, tf.transpose(pair, [0, 2, 1, 3])), 0)
        of_head = tf.where(constraints.one_tail, tf.reduce_max(ranks, axis=2, keepdims=True), 0)
        of_tail = tf.where(constraints.one_head, tf.reduce_max(ranks, axis=1, keepdims=True), 0)
        found = tf.maximum(found, tf.maximum(of_head, of_tail))
        return tf.maximum(found, _opposite(found, constraints.inverse))

    def take(waiting: tf.Tensor, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        best = waiting & (ranks >= rivals(tf.where(waiting, ranks, 0)))
        return waiting & ~best & (rivals(tf.where(best, ranks, 0)) == 0), kept | best

    # Without rules, the first step takes all.
    waiting = ranks > 0
    return tf.while_loop(lambda waiting, _: tf.reduce_any(waiting), take, (waiting, tf.zeros_like(waiting)))[1]


def _opposite(values: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Values `(batch, heads, tails, relation types)` of the inverse relations; without an inverse type, their own."""
    turned = tf.gather(tf.transpose(values, [0, 2, 1, 3]), tf.maximum(inverse, 0), axis=3)
    return tf.where(inverse >= 0, turned, values)


def no_relations(rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """The result of `decode_relations` for a network without relation types: `(rows, 0)`."""
    kinds = {"head": tf.int32, "tail": tf.int32, "type": tf.int32, "score": tf.float32, "mask": tf.bool}
    return {f"relation_{name}": tf.zeros([rows, 0], kind) for name, kind in kinds.items()}


def entity_scores(
    crf: CRF, emissions: tf.Tensor, tags: tf.Tensor, entities: Mapping[str, tf.Tensor], lengths: tf.Tensor
) -> tf.Tensor:
    """Marginal probability in the CRF of each decoded span: of its tags, without a continuation after it.

    Args:
        crf: `CRF`.
        emissions: float32 `(batch, tokens, tags)`.
        tags: int32 `(batch, tokens)`, decoded.
        entities: dict, the result of `decode_entities`.
        lengths: int32 `(batch,)`.

    Returns:
        float32 `(batch, entities)`, 0 where `entity_mask` is False.
    """
    inside = tf.sequence_mask(lengths, tf.shape(tags)[1])
    alphas, betas, log_norm = crf.forward_backward(emissions, lengths)
    emissions, transitions = tf.cast(emissions, alphas.dtype), tf.cast(crf.transitions, alphas.dtype)
    alphas = tf.gather(alphas, tags, batch_dims=2)
    before = _shift(tags, 1, 0)
    steps = tf.gather_nd(transitions, tf.stack([before, tags], axis=2))
    path = tf.cumsum(steps + tf.gather(emissions, tags, batch_dims=2), axis=1)
    # Any tag may follow the span's last token except the I- tag of its type.
    ahead = emissions[:, 1:] + betas[:, 1:]
    leave = tf.gather(transitions, tags[:, :-1]) + ahead
    continuing = tf.one_hot((tags[:, :-1] + 1) // 2 * 2, crf.num_tags, on_value=True, off_value=False)
    leave = tf.reduce_logsumexp(tf.where(continuing, leave.dtype.min, leave), axis=2)
    leave = tf.where(inside[:, 1:], leave, tf.zeros_like(leave))
    leave = tf.concat([leave, tf.zeros_like(emissions[:, :1, 0])], axis=1)
    start, last = entities["entity_start"], last_tokens(entities)

    def at(values: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, positions, batch_dims=1)

    score = at(alphas, start) + at(path, last) - at(path, start) + at(leave, last)
    marginal = tf.cast(tf.exp(score - log_norm[:, None]), tf.float32)
    return tf.where(entities["entity_mask"], tf.minimum(marginal, 1.0), 0.0)


def sure_entities(
    tags: tf.Tensor, entities: Mapping[str, tf.Tensor], lengths: tf.Tensor, threshold: tf.Tensor, scale: tf.Tensor
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Calibrate the scores of entities, and leave out those below a threshold.

    Args:
        tags: int32 `(batch, tokens)`, decoded.
        entities: dict, the result of `decode_entities`, and `entity_score` float32 `(batch, entities)`.
        lengths: int32 `(batch,)`.
        threshold: float32 `()`.
        scale: float32 `(2,)`, see `decode_relations`.

    Returns:
        `(tags, entities)`, the same without these entities: their tags are O.
    """
    # In odds and float64, so that the slope 1 and the intercept 0 give the very same scores.
    score = tf.cast(entities["entity_score"], tf.float64)
    slope, intercept = tf.unstack(tf.cast(scale, tf.float64))
    right, wrong = tf.exp(intercept) * score**slope, (1 - score) ** slope
    scores = tf.cast(right / (right + wrong), tf.float32)
    kept = entities["entity_mask"] & (scores >= threshold)
    places = tf.range(tf.shape(tags)[1])
    inside = (places >= entities["entity_start"][..., None]) & (places < entities["entity_end"][..., None])
    tags = tf.where(tf.reduce_any(inside & kept[..., None], axis=1), tags, 0)
    cells = tf.cast(tf.where(kept), tf.int32)
    padded = by_row(tf.unstack(cells, num=2, axis=1)[0], tf.shape(kept)[0])
    return tags, {**decode_entities(tags, lengths), "entity_score": padded(tf.gather_nd(scores, cells))}


def _shift(values: tf.Tensor, by: int, fill: bool | int) -> tf.Tensor:
    """Move values along the tokens, from t to t + by."""
    edge = tf.fill([tf.shape(values)[0], 1], tf.cast(fill, values.dtype))
    return tf.concat([edge, values[:, :-1]], axis=1) if by > 0 else tf.concat([values[:, 1:], edge], axis=1)
