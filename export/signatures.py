"""The signatures of an export: named, dense, padded outputs, each with the batch as its first dimension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.data.schema import Schema
from cman_tf.model.extraction import one_column_at_least

if TYPE_CHECKING:
    from cman_tf.model.extraction import Extractor


class Signatures:
    """The functions of an export; they share one network.

    `serving_default` takes `text`, string `(batch,)`; `tokens` takes `tokens`, string `(batch, tokens)` padded with
    `""`. Both answer:

    - `tokens` string, `token_start`, `token_end` int32, `tags` string (`B-Loc`), all `(batch, tokens)`. Starts and
      ends are Unicode code points of the text, end exclusive; in signature `tokens`, of the tokens joined by single
      spaces. Empty tokens between others are skipped: indices refer to the `tokens` of the answer.
    - `entity_start`, `entity_end` (tokens), `entity_char_start`, `entity_char_end` (code points) int32, `entity_type`
      string, `entity_score` float32, `entity_mask` bool, all `(batch, max_entities)`.
    - `relation_head`, `relation_tail` int32 (indices into the row's entities), `relation_type` string,
      `relation_score` float32, `relation_mask` bool, all `(batch, max_relations)`.
    - `entity_overflow`, `relation_overflow`, `token_overflow` int32 `(batch,)`: numbers of items left out. The
      best-scored entities and relations are kept, in the order of the sentence, and the first `max_tokens` tokens,
      because memory grows with their square. A relation is left out with its entity.

    `scores` also takes `tokens`. It answers `tokens`, and as float32 `emissions` `(batch, tokens, tags)`, `transitions`
    `(batch, tags, tags)` and `relation_logits` `(batch, tokens, tokens, relation types)`. All rows of `transitions` are
    equal: a server joins and splits batches along dimension 0.

    Args:
        extractor: `Extractor`.
        schema: `Schema`.
        max_entities, max_relations, max_tokens: int. Most items per sentence.
    """

    def __init__(
        self,
        extractor: Extractor,
        schema: Schema,
        max_entities: int = 64,
        max_relations: int = 64,
        max_tokens: int = 512,
    ) -> None:
        self.extractor = extractor
        self.max_entities = max_entities
        self.max_relations = max_relations
        self.max_tokens = max_tokens
        # Constants of the graph; the decoder's ids index them.
        self.tags = list(schema.tags)
        self.entity_types = list(schema.entity_types)
        # Without relation types, the name of none is looked up for padding.
        self.relation_types = list(schema.relation_types) or [""]
        tokens, offsets = tf.TensorSpec([None, None], tf.string), tf.TensorSpec([None, None], tf.int32)
        # A separate function, so that the graph contains the network once for both signatures.
        self._answer = tf.function(self._from_offsets, input_signature=[tokens, offsets, offsets], autograph=False)

    def functions(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """dict of signature names to `tf.function`."""
        text, tokens = tf.TensorSpec([None], tf.string, name="text"), tf.TensorSpec([None, None], tf.string, "tokens")
        return {
            name: tf.function(body, input_signature=[given], autograph=False)
            for name, body, given in (
                ("serving_default", self.from_text, text),
                ("tokens", self.from_tokens, tokens),
                ("scores", self.scores, tokens),
            )
        }

    def from_text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Body of `serving_default`."""
        text, rows = _one_row_at_least(text)
        parts = self.extractor.split(text)
        return _rows(self._answer(parts["tokens"], parts["token_start"], parts["token_end"]), rows)

    def from_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Body of `tokens`."""
        tokens, rows = _one_row_at_least(_readable(tokens))
        lengths = tf.strings.length(tokens, unit="UTF8_CHAR")
        ends = tf.cumsum(lengths + 1, axis=1) - 1
        present = tf.cast(tokens != "", tf.int32)
        return _rows(self._answer(tokens, (ends - lengths) * present, ends * present), rows)

    def scores(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Body of `scores`."""
        tokens, rows = _one_row_at_least(_readable(tokens))
        tokens = one_column_at_least(tokens, "")[:, : self.max_tokens]
        features = self.extractor.features(tokens)
        model, lengths = self.extractor.model, features["lengths"]
        embedded = {name: features[name] for name in model.token_embedding.input_names}
        embeddings = model.token_embedding(embedded, training=False)
        found = model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)
        emissions = found["emissions"]
        read = {"tokens": found["tokens"], "tags": model.crf.decode(emissions, lengths), "lengths": lengths}
        shape = tf.shape(tokens)
        logits = tf.zeros([shape[0], shape[1], shape[1], 0])
        if model.has_relations:
            logits = model.relation_network(read, training=False)["scores"]
        transitions = tf.repeat(model.crf.transitions[None], tf.shape(tokens)[0], axis=0)
        result = {"tokens": tokens, "emissions": emissions, "transitions": transitions, "relation_logits": logits}
        return _rows(result, rows)

    def _from_offsets(self, tokens: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens, starts, ends = (
            one_column_at_least(values, fill) for values, fill in ((tokens, ""), (starts, 0), (ends, 0))
        )
        count = tf.reduce_sum(tf.cast(tokens != "", tf.int32), axis=1)
        tokens, starts, ends = (values[:, : self.max_tokens] for values in (tokens, starts, ends))
        present = tokens != ""
        found = self.extractor.from_tokens(tokens)
        return {
            "tokens": tokens,
            "token_start": starts,
            "token_end": ends,
            "token_overflow": count - tf.reduce_sum(tf.cast(present, tf.int32), axis=1),
            "tags": tf.where(present, tf.gather(self.tags, found["tags"]), ""),
            **self._fit(found, starts, ends),
        }

    def _fit(self, found: Mapping[str, tf.Tensor], starts: tf.Tensor, ends: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best entities and relations, padded."""
        mask = found["entity_mask"]
        place, kept = best(found["entity_score"], mask, self.max_entities)
        start, end = (_take(found[f"entity_{name}"], place, kept) for name in ("start", "end"))
        answer = {
            "entity_start": start,
            "entity_end": end,
            "entity_char_start": _take(starts, start, kept),
            "entity_char_end": _take(ends, tf.maximum(end - 1, 0), kept),
            "entity_type": tf.where(kept, tf.gather(self.entity_types, _take(found["entity_type"], place, kept)), ""),
            "entity_score": _take(found["entity_score"], place, kept),
            "entity_mask": kept,
            "entity_overflow": _count(mask) - _count(kept),
        }
        # New position of each entity. One more column, because a sentence without entities has none to look up.
        places = tf.range(tf.shape(mask)[1] + 1)[None, :, None]
        went = (place[:, None, :] == places) & kept[:, None, :]
        stayed, position = tf.reduce_any(went, axis=2), tf.argmax(went, axis=2, output_type=tf.int32)

        head, tail, mask = found["relation_head"], found["relation_tail"], found["relation_mask"]
        both = mask & tf.gather(stayed, head, batch_dims=1) & tf.gather(stayed, tail, batch_dims=1)
        place, kept = best(found["relation_score"], both, self.max_relations)
        types = _take(found["relation_type"], place, kept)
        return {
            **answer,
            "relation_head": _take(tf.gather(position, head, batch_dims=1), place, kept),
            "relation_tail": _take(tf.gather(position, tail, batch_dims=1), place, kept),
            "relation_type": tf.where(kept, tf.gather(self.relation_types, types), ""),
            "relation_score": _take(found["relation_score"], place, kept),
            "relation_mask": kept,
            "relation_overflow": _count(mask) - _count(kept),
        }


def best(scores: tf.Tensor, mask: tf.Tensor, limit: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Select the best-scored items of each row, and keep their order.

    Args:
        scores: float32 `(batch, items)`, not negative.
        mask: bool `(batch, items)`. False at padding.
        limit: int. Most items to keep. Of equal scores, the first are kept.

    Returns:
        `(place, kept)`: int32 and bool `(batch, limit)`, indices of the kept items, and True for those, which come
        first. Elsewhere `place` is the number of items.
    """
    width = tf.shape(scores)[1]
    scores = tf.pad(tf.where(mask, scores, -1.0), [[0, 0], [0, limit]], constant_values=-1.0)
    score, place = tf.math.top_k(scores, limit)
    place = tf.sort(tf.where(score < 0, width, place), axis=1)
    return place, place < width


def _take(values: tf.Tensor, place: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """`values` `(batch, items)` at `place`; 0 where `kept` is False."""
    values = tf.pad(values, [[0, 0], [0, 1]])
    return tf.gather(values, tf.where(kept, place, tf.shape(values)[1] - 1), batch_dims=1)


def _count(mask: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)


def _readable(tokens: tf.Tensor) -> tf.Tensor:
    """Tokens with invalid UTF-8 replaced, as in text, and with empty tokens moved to the end."""
    tokens = tf.strings.unicode_transcode(tokens, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    # The network counts tokens to get lengths, so a gap would cut off the end of a sentence.
    return tf.gather(tokens, tf.argsort(tf.cast(tokens == "", tf.int32), axis=1, stable=True), batch_dims=1)


def _one_row_at_least(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`(values, rows)`: recurrences fail on an empty batch, so it gets a row, which `_rows` removes."""
    rows = tf.shape(values)[0]
    missing = tf.cast(rows == 0, tf.int32)
    return tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1), constant_values=""), rows


def _rows(result: Mapping[str, tf.Tensor], rows: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: values[:rows] for name, values in result.items()}
