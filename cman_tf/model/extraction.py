"""From strings to entities and relations in one graph, for prediction and export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.data import rules
from cman_tf.data.tokenizer import tokenize
from cman_tf.model.calibration import Cutoffs, cutoffs
from cman_tf.model.decoding import (
    Constraints,
    decode_entities,
    decode_relations,
    entity_scores,
    last_tokens,
    no_relations,
    sure_entities,
)

if TYPE_CHECKING:
    from cman_tf.config.fields import DecodingConfig
    from cman_tf.data.schema import Schema
    from cman_tf.model.network import Network

NO_TAGS = ((-1,),)
"""The `given_tags` that leave all tags to the CRF."""


class Extractor(tf.Module):
    """Featurizer, network and decoder in sequence.

    Args:
        network: `Network`. Its configuration decides how to decode.

    Methods:
        from_tokens: string `(batch, tokens)` padded with `""` -> dict, dense and padded, batch first: `tags` int32
            `(batch, tokens)`; `entity_start`, `entity_end` (tokens, exclusive), `entity_type` int32, `entity_score`
            float32, `entity_mask` bool `(batch, entities)`; `relation_head`, `relation_tail` (indices of entities),
            `relation_type` int32, `relation_score` float32, `relation_mask` bool `(batch, relations)`.
        from_features: the same from the featurizer's output and contextual vectors.
        split: string `(batch,)` -> `tokens` string, `token_start`, `token_end` int32 (code points) `(batch, tokens)`.

    Further arguments of `from_tokens` and `from_features`: `given_tags` int32 `(batch, tokens)`, fed to the BLA units
    where they are 0 or more, by default nowhere; `cutoffs` and `constraints`, named as their classes, by default
    those of the network and its configuration. `tags` are O where an entity is below the threshold; the BLA units get
    the decoded ones.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(name="extractor")
        self.model = network.model
        self.featurizer = network.featurizer
        self.encoders = network.encoders
        self.tokenizer = network.config.words.tokenizer
        decoding = network.config.decoding
        self.cutoffs = cutoffs(network.schema, decoding, network.calibration)
        self.constraints = constraints(network.schema, decoding)

    def split(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Tokens of raw text, string `(batch,)`, and their offsets: a dict of `(batch, tokens)`."""
        tokens, starts, ends = tokenize(text, self.tokenizer)
        return {"tokens": tokens.to_tensor(""), "token_start": starts.to_tensor(0), "token_end": ends.to_tensor(0)}

    def from_tokens(
        self,
        tokens: tf.Tensor,
        given_tags: tf.Tensor | Sequence[Sequence[int]] = NO_TAGS,
        cutoffs: Cutoffs | None = None,
        constraints: Constraints | None = None,
    ) -> dict[str, tf.Tensor]:
        """Entities and relations of string `(batch, tokens)`: the dict described in the class."""
        # The CRF cannot decode a batch in which every sentence is empty.
        tokens, given_tags = one_column_at_least(tokens, ""), one_column_at_least(given_tags, 0)
        return self.from_features(self.features(tokens), given_tags, cutoffs, constraints)

    def features(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Inputs of the network for string `(batch, tokens)`: a dict."""
        return {**self.featurizer(tokens), **(self.encoders(tokens) if self.encoders else {})}

    def from_features(
        self,
        features: Mapping[str, tf.Tensor],
        given_tags: tf.Tensor | Sequence[Sequence[int]] = NO_TAGS,
        cutoffs: Cutoffs | None = None,
        constraints: Constraints | None = None,
    ) -> dict[str, tf.Tensor]:
        """Entities and relations from the result of `features`: the same dict."""
        lengths = features["lengths"]
        embedding = self.model.token_embedding
        embeddings = embedding({name: features[name] for name in embedding.input_names}, training=False)
        found = self.model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)
        emissions = found["emissions"]
        tags = self.model.crf.decode(emissions, lengths)
        entities = decode_entities(tags, lengths)
        entities["entity_score"] = entity_scores(self.model.crf, emissions, tags, entities, lengths)
        given_tags = tf.convert_to_tensor(given_tags)
        fed = tf.where(given_tags < 0, tags, given_tags)
        cutoffs = self.cutoffs if cutoffs is None else cutoffs
        tags, entities = sure_entities(tags, entities, lengths, cutoffs.entity, cutoffs.entity_scale)
        if not self.model.has_relations:
            return {"tags": tags, **entities, **no_relations(tf.shape(tags)[0])}
        tokens = self.model.relation_tokens(
            {"tokens": found["tokens"], "tags": fed, "lengths": lengths}, training=False
        )
        # Only the last tokens of entities can be in a relation, and they are few.
        count = tf.reduce_sum(tf.cast(entities["entity_mask"], tf.int32), axis=1)
        scores = self.model.score_pairs(tokens, last_tokens(entities), count)
        constraints = self.constraints if constraints is None else constraints
        relations = decode_relations(scores, entities, cutoffs.relations, constraints, cutoffs.relation_scale)
        return {"tags": tags, **entities, **relations}


def one_column_at_least(values: tf.Tensor | Sequence[Sequence[int]], fill: int | str) -> tf.Tensor:
    """`(batch, tokens)`, with one column of `fill` if there are no columns."""
    return tf.pad(values, [[0, 0], [0, tf.cast(tf.shape(values)[1] == 0, tf.int32)]], constant_values=fill)


def constraints(schema: Schema, decoding: DecodingConfig) -> Constraints:
    """What the configuration allows the relations of a sentence to be.

    Raises:
        InputError: if `decoding.rules` has an unknown rule.
    """
    found = rules.parse(decoding.rules, schema.relation_types, schema.rules)
    allowed = allowed_types(schema)
    return Constraints(
        allowed if decoding.type_constrained else tf.ones_like(allowed),
        tf.constant(found.one_type),
        tf.constant(found.one_tail, tf.bool),
        tf.constant(found.one_head, tf.bool),
        tf.constant(found.inverse, tf.int32),
    )


def allowed_types(schema: Schema) -> tf.Tensor:
    """Bool `(entity types, entity types, relation types)`: the (head, tail, relation) seen in the training data."""
    return tf.constant(
        [
            [
                [(relation, head, tail) in schema.signatures for relation in schema.relation_types]
                for tail in schema.entity_types
            ]
            for head in schema.entity_types
        ],
        tf.bool,
    )
