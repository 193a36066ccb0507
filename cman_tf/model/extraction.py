"""Strings in, entities and relations out, in one graph: what prediction runs and an export saves."""

import tensorflow as tf

from cman_tf.data.tokenizer import tokenize
from cman_tf.model.decoding import decode_entities, decode_relations, entity_scores, last_tokens


class Extractor(tf.Module):
    """Featuriser, network and decoder in a row.

    Args:
        model: `Cman`.
        featurizer: `Featurizer`.
        schema: `Schema`.
        decoding: `DecodingConfig`.
        encoders: `Encoders` or None.

    Methods:
        from_tokens: string `(batch, tokens)` padded with `""` -> dict, dense and padded, batch first: `tags` int32
            `(batch, tokens)`; `entity_start`, `entity_end` (tokens, exclusive), `entity_type` int32, `entity_score`
            float32, `entity_mask` bool `(batch, entities)`; `relation_head`, `relation_tail` (indices of entities),
            `relation_type` int32, `relation_score` float32, `relation_mask` bool `(batch, relations)`.
        from_features: the same from the featuriser's output and contextual vectors, and with given tags.
        split: string `(batch,)` -> `tokens` string, `token_start`, `token_end` int32 (code points) `(batch, tokens)`.
    """

    def __init__(self, model, featurizer, schema, decoding, encoders=None):
        super().__init__(name="extractor")
        self.model = model
        self.featurizer = featurizer
        self.encoders = encoders
        self.threshold = decoding.threshold
        self.allowed = allowed_types(schema) if decoding.type_constrained else None

    def split(self, text):
        tokens, starts, ends = tokenize(text)
        return {"tokens": tokens.to_tensor(""), "token_start": starts.to_tensor(0), "token_end": ends.to_tensor(0)}

    def from_tokens(self, tokens):
        # One column at least: the CRF has no answer for a batch in which every sentence is empty.
        tokens = tf.pad(tokens, [[0, 0], [0, tf.cast(tf.shape(tokens)[1] == 0, tf.int32)]], constant_values="")
        return self.from_features(self.features(tokens))

    def features(self, tokens):
        """What the network reads of string `(batch, tokens)`: a dict."""
        return {**self.featurizer(tokens), **(self.encoders(tokens) if self.encoders else {})}

    def from_features(self, features, gold_tags=None):
        lengths = features["lengths"]
        embedding = self.model.token_embedding
        embeddings = embedding({name: features[name] for name in embedding.input_names}, training=False)
        found = self.model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)
        emissions = found["emissions"]
        tags = self.model.crf.decode(emissions, lengths)
        fed = tags if gold_tags is None else gold_tags
        entities = decode_entities(tags, lengths)
        tokens = self.model.relation_network(
            {"tokens": found["tokens"], "tags": fed, "lengths": lengths}, training=False
        )["tokens"]
        # Only the last tokens of entities can be related, and they are few.
        count = tf.reduce_sum(tf.cast(entities["entity_mask"], tf.int32), axis=1)
        scores = self.model.score_pairs(tokens, last_tokens(entities), count)
        entities["entity_score"] = entity_scores(self.model.crf, emissions, tags, entities, lengths)
        return {"tags": tags, **entities, **decode_relations(scores, entities, self.threshold, self.allowed)}


def allowed_types(schema):
    """Bool `(entity types, entity types, relation types)`: the (head, tail, relation) seen in the training data."""
    return tf.constant(
        [
            [
                [(relation, head, tail) in schema.signatures for relation in schema.relation_types]
                for tail in schema.entity_types
            ]
            for head in schema.entity_types
        ]
    )
