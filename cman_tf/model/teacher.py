"""The probabilities of a trained network that another one learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.model.decoding import decode_entities, last_tokens

if TYPE_CHECKING:
    from cman_tf.layers.crf import CRF
    from cman_tf.model.network import Network


class Teacher(tf.Module):
    """The probabilities that a trained network gives to tags, to steps between tags, and to relations.

    Like a network in training, it gets the annotated tags in its BLA units and scores the pairs of annotated entities.

    Args:
        network: `Network`, trained; may be an ensemble.

    Shapes:
        `from_tokens(tokens, tags)`: string `(batch, tokens)`, int32 `(batch, tokens)` -> dict of float32:
        `tags` `(batch, tokens, tags)`, marginals, 0 at padding; `transitions` `(batch, tags, tags)`, expected number of
        steps from the row's tag to the column's; `relations` `(batch, entities, entities, relations)`, only if there
        are relation types; and int32 `last` `(batch, entities)`, `count` `(batch,)`, the entities' last tokens.

    Reference:
        Hinton et al. (2015); for the CRF, Wang et al. (2020), "Structure-Level Knowledge Distillation For Multilingual
        Sequence Labeling", the posterior form.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(name="teacher")
        self.model, self.featurizer, self.encoders = network.model, network.featurizer, network.encoders

    def from_tokens(self, tokens: tf.Tensor, tags: tf.Tensor) -> dict[str, tf.Tensor]:
        """Probabilities; the encoders compute their vectors."""
        return self.from_vectors(tokens, tags, self.encoders(tokens) if self.encoders else {})

    def from_vectors(
        self, tokens: tf.Tensor, tags: tf.Tensor, vectors: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Probabilities from the stored `vectors` of the encoders, by the name of their input."""
        features = {**self.featurizer(tokens), **vectors}
        lengths, embedding = features["lengths"], self.model.token_embedding
        embeddings = embedding({name: features[name] for name in embedding.input_names}, training=False)
        found = self.model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)
        marginals, steps = expectations(self.model.crf, found["emissions"], lengths)
        entities = decode_entities(tags, lengths)
        last = last_tokens(entities)
        count = tf.reduce_sum(tf.cast(entities["entity_mask"], tf.int32), axis=1)
        answer = {"tags": marginals, "transitions": steps, "last": last, "count": count}
        if self.model.has_relations:
            inputs = {"tokens": found["tokens"], "tags": tags, "lengths": lengths}
            scores = self.model.score_pairs(self.model.relation_tokens(inputs, training=False), last, count)
            answer["relations"] = tf.sigmoid(scores)
        return answer


def expectations(crf: CRF, emissions: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Expected tags and steps between tags, over all tag sequences of each sentence.

    Args:
        crf: `CRF`.
        emissions: float32 `(batch, tokens, tags)`.
        lengths: int32 `(batch,)`.

    Returns:
        `(marginals, steps)`: float32 `(batch, tokens, tags)`, 0 at padding, and `(batch, tags, tags)`. They are the
        derivatives of the CRF's log normaliser by emissions and transitions.
    """
    alphas, betas, log_norm = crf.forward_backward(emissions, lengths)
    inside = tf.sequence_mask(lengths, tf.shape(emissions)[1])
    marginals = tf.where(inside[:, :, None], tf.exp(alphas + betas - log_norm[:, None, None]), 0.0)
    ahead = (tf.cast(emissions, betas.dtype) + betas)[:, 1:]
    between = alphas[:, :-1, :, None] + tf.cast(crf.transitions, alphas.dtype) + ahead[:, :, None]
    between = tf.exp(between - log_norm[:, None, None, None])
    steps = tf.reduce_sum(tf.where(inside[:, 1:, None, None], between, 0.0), axis=1)
    return tf.cast(marginals, tf.float32), tf.cast(steps, tf.float32)
