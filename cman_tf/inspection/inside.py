"""Attention, tag marginals and relation probabilities of one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cman_tf.errors import InputError
from cman_tf.layers.attention_unit import BLA, BSA
from cman_tf.model.ensemble import Ensemble

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.model.cman import Cman
    from cman_tf.predictor import Predictor


@dataclass(frozen=True)
class Inside:
    """Result of `look_inside`; arrays are float32.

    Args:
        tokens: tuple of str.
        tags: tuple of str, the decoded tags, to which the BLA units attend.
        attention: dict of unit names, `bsa_1`, `bsa_2`, ..., `bla_1`, `bla_2`, to `(heads, tokens, tokens)`: the weight
            that each token (row) gives to each token, or for BLA to each token's label (column). Rows sum to 1. Units
            that an ablation removes are missing.
        marginals: `(tokens, tags)`, probability of each tag under the CRF. Rows sum to 1.
        relations: `(tokens, tokens, relation types)`, probability that a relation leads from the entity that ends at
            the row's token to the one that ends at the column's; not calibrated.
        tag_names: tuple of str, of the columns of `marginals`.
        relation_names: tuple of str, of the last dimension of `relations`.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    attention: dict[str, np.ndarray]
    marginals: np.ndarray
    relations: np.ndarray
    tag_names: tuple[str, ...]
    relation_names: tuple[str, ...]


def look_inside(predictor: Predictor, document: Document | str) -> Inside:
    """Run one sentence through a trained network and return its intermediate results.

    Args:
        predictor: `Predictor`.
        document: `Document`, or str, which is split into tokens; its annotation is ignored.

    Returns:
        `Inside`.

    Raises:
        InputError: if the sentence has no token.
    """
    document, features = sentence_features(predictor, document)
    model, lengths = predictor.network.model, features["lengths"]
    embeddings = token_embeddings(model, features)
    mask = tf.sequence_mask(lengths)
    entity_inputs = {"embeddings": embeddings, "lengths": lengths}
    found = model.entity_network(entity_inputs, training=False)
    tags = model.crf.decode(found["emissions"], lengths)
    relation_inputs = {"tokens": found["tokens"], "tags": tags, "lengths": lengths}
    length = len(document.tokens)
    relations = np.zeros([length, length, 0], np.float32)
    attention = _attention(model.entity_network, BSA, entity_inputs, mask)
    if model.has_relations:
        relations = tf.sigmoid(model.relation_network(relation_inputs, training=False)["scores"])[0].numpy()
        attention.update(_attention(model.relation_network, BLA, relation_inputs, mask))
    alphas, betas, log_norm = model.crf.forward_backward(found["emissions"], lengths)
    names = predictor.network.schema.tags
    return Inside(
        tokens=tuple(document.tokens),
        tags=tuple(names[tag] for tag in tags[0].numpy()),
        attention=attention,
        marginals=tf.exp(alphas + betas - log_norm[:, None, None])[0].numpy(),
        relations=relations,
        tag_names=names,
        relation_names=tuple(predictor.network.schema.relation_types),
    )


def sentence_features(predictor: Predictor, document: Document | str) -> tuple[Document, dict[str, tf.Tensor]]:
    """`(document, features)`: the tokenized sentence, and the network's features of a batch of this sentence.

    Raises:
        InputError: if the sentence has no token, or the predictor is that of an ensemble.
    """
    if isinstance(document, str):
        [document] = predictor.tokenize([document])
    if isinstance(predictor.network.model, Ensemble):
        raise InputError("Inspection needs a run of one network. Received: an ensemble; load one of its members")
    if not document.tokens:
        raise InputError(f"A sentence must have at least one token. Received: {document.text!r}")
    tokens = tf.constant([[token.encode("utf-8", "replace") for token in document.tokens]])
    return document, predictor.extractor.features(tokens)


def token_embeddings(model: Cman, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The concatenated embeddings of a batch, without dropout: float32 `(batch, tokens, width)`."""
    embedding = model.token_embedding
    return embedding({name: features[name] for name in embedding.input_names}, training=False)


def _attention(
    network: tf.keras.Model, kind: type[BSA] | type[BLA], inputs: Mapping[str, tf.Tensor], mask: tf.Tensor
) -> dict[str, np.ndarray]:
    """Attention of all units of a kind in a functional model."""
    units = [layer for layer in network.layers if isinstance(layer, kind) and getattr(layer, "self_attention", True)]
    if not units:
        return {}
    # The inputs of the units are outputs of the network itself, so this fits every ablation.
    given = {unit.name: unit.input for unit in units}
    if kind is BLA:
        given["labels"] = network.get_layer("label_embedding").output
    given = tf.keras.Model(network.input, given)(inputs, training=False)
    options = {"mask": mask, "training": False, "return_attention_scores": True}
    if kind is BLA:
        options["labels"] = given.pop("labels")
    return {unit.name: unit(given[unit.name], **options)[1][0].numpy() for unit in units}
