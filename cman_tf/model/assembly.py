"""Builds the network from a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from cman_tf.config import change
from cman_tf.config.fields import MOST_PROJECTIONS
from cman_tf.layers.attention_unit import BLA, BSA, sequence_encoder
from cman_tf.layers.character_encoder import CharacterEncoder
from cman_tf.layers.crf import CRF
from cman_tf.layers.dropout import Dropout, WordDropout
from cman_tf.layers.head_selection import HeadSelection
from cman_tf.layers.pair_context import PairContext
from cman_tf.layers.scalar_mix import ScalarMix
from cman_tf.layers.token_mask import TokenMask
from cman_tf.layers.word_embedding import WordEmbedding
from cman_tf.model.cman import Cman
from cman_tf.model.relation_tokens import UNITS, relation_tokens

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.schema import Schema


# The layers do not need AutoGraph, which would search them for Python loops longer than everything else takes.
@tf.autograph.experimental.do_not_convert
def build_cman(
    config: Config,
    schema: Schema,
    *,
    num_trained_words: int,
    num_fixed_words: int,
    num_characters: int,
    num_dictionary: int = 0,
    contextual: Sequence[tuple[int, int]] = (),
    precision: str = "float32",
) -> Cman:
    """Build the network of a configuration.

    The network is three functional models in sequence: token embeddings (paper, 3.1), entity network (BSA units and CRF
    emissions, eq. 4 and 8), relation network (BLA, fusion, BLA, pair scores, eq. 5 to 9). Adversarial training perturbs
    the output of the first; decoded tags are an input of the third.

    Args:
        config: `Config`.
        schema: `Schema`.
        num_trained_words, num_fixed_words: int. Rows of the two word tables (`WordEmbedding`).
        num_characters: int. Rows of the character table.
        contextual: sequence of `(layers, width)`, one for each contextual encoder. Default: none.
        precision: str. `float32`, `mixed_float16` or `mixed_bfloat16`, the Keras dtype policy of the layers with
            large matrix products: attention units, BiLSTMs over tokens, projections. Embeddings, CRF, pair scores,
            outputs and all weights are float32. Default `float32`.

    Returns:
        `Cman` with inputs `words`, `spellings`, `spelling_index`, `lengths`, `contextual_1`, ..., `tags` and outputs
        `emissions` `(batch, tokens, tags)`, `relation_scores` `(batch, tokens, tokens, relations)`. Without relation
        types there is no relation network: `tags` and `relation_scores` are missing.
    """
    config = resolved(config, schema)
    tf.keras.utils.set_random_seed(config.seed)
    seeds = iter(range(config.seed * 1000, config.seed * 1000 + 1000))
    embedding = _token_embedding(config, num_trained_words, num_fixed_words, num_characters, contextual, precision, num_dictionary)
    entity_network = _entity_network(config, schema, embedding.output_shape[-1], seeds, precision)
    inputs = {item.name: item for item in embedding.inputs}
    inputs["lengths"] = tf.keras.Input([], dtype=tf.int32, name="lengths")
    embeddings = embedding({name: inputs[name] for name in embedding.input_names})
    entities = entity_network({"embeddings": embeddings, "lengths": inputs["lengths"]})
    if not schema.relation_types:
        return Cman(inputs, {"emissions": entities["emissions"]})
    relation_network = _relation_network(config, schema, seeds, precision)
    inputs["tags"] = tf.keras.Input([None], dtype=tf.int32, name="tags")
    pairs = relation_network({"tokens": entities["tokens"], "tags": inputs["tags"], "lengths": inputs["lengths"]})
    return Cman(inputs, {"emissions": entities["emissions"], "relation_scores": pairs["scores"]})


def _token_embedding(
    config: Config,
    num_trained_words: int,
    num_fixed_words: int,
    num_characters: int,
    contextual: Sequence[tuple[int, int]],
    precision: str,
    num_dictionary: int,
) -> tf.keras.Model:
    words = tf.keras.Input([None], dtype=tf.int32, name="words")
    spellings = tf.keras.Input([None], dtype=tf.int32, name="spellings")
    index = tf.keras.Input([None], dtype=tf.int32, name="spelling_index")
    inputs = [words, spellings, index]
    parts = [
        WordEmbedding(
            num_trained_words, num_fixed_words, config.words.size, config.words.trainable, name="word_embedding"
        )(words),
        CharacterEncoder(
            num_characters, config.characters.size, config.characters.hidden_size, name="character_encoder"
        )(spellings, index),
    ]
    if config.words.shape_size:
        inputs.append(tf.keras.Input([None], dtype=tf.int32, name="shapes"))
        parts.append(tf.keras.layers.Embedding(12, config.words.shape_size, name="shape_embedding")(inputs[-1]))
    if config.words.dictionaries:
        inputs.append(tf.keras.Input([None, num_dictionary], dtype=tf.float32, name="dictionary"))
        parts.append(tf.keras.layers.Dense(32, name="dictionary_embedding")(inputs[-1]))
    # Stored vectors have half precision; the gradient of a trained encoder needs single precision.
    dtype = "float32" if config.encoder.trainable else "float16"
    mixed = []
    for number, shape in enumerate(contextual, 1):
        inputs.append(tf.keras.Input([None, *shape], dtype=dtype, name=f"contextual_{number}"))
        mixed.append(ScalarMix(name=f"scalar_mix_{number}")(inputs[-1]))
    if mixed and config.encoder.projection:
        wide = tf.keras.layers.Concatenate(name="contextual")(mixed) if len(mixed) > 1 else mixed[0]
        project = tf.keras.layers.Dense(config.encoder.projection, name="contextual_projection", dtype=precision)
        mixed = [project(wide)]
    parts += mixed
    embeddings = tf.keras.layers.Concatenate(name="embeddings")(parts)
    return tf.keras.Model({item.name: item for item in inputs}, embeddings, name="token_embedding")


def _entity_network(config: Config, schema: Schema, width: int, seeds: Iterator[int], precision: str) -> tf.keras.Model:
    model = config.model
    embeddings = tf.keras.Input([None, width], name="embeddings")
    lengths = tf.keras.Input([], dtype=tf.int32, name="lengths")
    mask = TokenMask(name="mask")(embeddings, lengths=lengths)
    tokens = embeddings
    if config.words.dropout:
        tokens = WordDropout(config.words.dropout, seed=config.seed * 77, name="word_dropout")(tokens)
    tokens = Dropout(model.embedding_dropout, seed=next(seeds), name="embedding_dropout")(tokens)
    for unit in range(1, model.bsa_units + 1):
        tokens = BSA(
            model.hidden_size,
            model.num_heads,
            self_attention=model.bsa_attention,
            dropout=model.lstm_dropout,
            encoder=model.encoder,
            seed=next(seeds),
            name=f"bsa_{unit}",
            dtype=precision,
        )(tokens, mask=mask)
    forbidden = forbidden_transitions(len(schema.tags)) if config.decoding.bio_constrained else ()
    emissions = CRF(len(schema.tags), forbidden, name="crf")(tokens)
    return tf.keras.Model(
        {"embeddings": embeddings, "lengths": lengths},
        {"tokens": tokens, "emissions": emissions},
        name="entity_network",
    )


def _relation_network(config: Config, schema: Schema, seeds: Iterator[int], precision: str) -> tf.keras.Model:
    model = config.model
    tokens = tf.keras.Input([None, 2 * model.hidden_size], name="tokens")
    tags = tf.keras.Input([None], dtype=tf.int32, name="tags")
    lengths = tf.keras.Input([], dtype=tf.int32, name="lengths")
    mask = TokenMask(name="mask")(tokens, lengths=lengths) if model.bla else None
    layers: list[tf.keras.layers.Layer] = []
    arguments = []
    if model.bla:
        labels = tf.keras.layers.Embedding(len(schema.tags), model.label_size, name="label_embedding")(tags)
        arguments = [{"labels": labels}] * len(UNITS)
        unit: dict[str, Any] = {
            "num_heads": model.num_heads,
            "dropout": model.lstm_dropout,
            "encoder": model.encoder,
            "dtype": precision,
        }
        layers = [
            BLA(model.hidden_size, seed=next(seeds), name=UNITS[0], **unit),
            tf.keras.layers.Concatenate(name="tokens_and_labels", dtype=precision),
            sequence_encoder(model.encoder, model.hidden_size, name="fusion", dtype=precision),
            Dropout(model.lstm_dropout, seed=next(seeds), name="fusion_dropout", dtype=precision),
            BLA(model.hidden_size, seed=next(seeds), name=UNITS[1], **unit),
        ]
    layers.append(Dropout(model.relation_dropout, seed=next(seeds), name="relation_dropout"))
    fused = relation_tokens({layer.name: layer for layer in layers}.__getitem__, tokens, mask, arguments)
    pairs = {"pairs": PairContext(model.pair_context, name="pair_context")(fused)} if model.pair_context else {}
    scores = HeadSelection(
        len(schema.relation_types),
        model.relation_size,
        model.relation_projection,
        model.relation_prior,
        pairs["pairs"].shape[-1] if pairs else 0,
        name="head_selection",
        dtype=precision,
    )(fused, lengths=lengths, **pairs)
    return tf.keras.Model(
        {"tokens": tokens, "tags": tags, "lengths": lengths},
        {"tokens": fused, "scores": scores},
        name="relation_network",
    )


def resolved(config: Config, schema: Schema) -> Config:
    """The configuration with the form of the relation scores that `relation_projection: auto` stands for."""
    if config.model.relation_projection != "auto":
        return config
    projection = "shared" if len(schema.relation_types) > MOST_PROJECTIONS else "per_relation"
    return change(config, {"model.relation_projection": projection})


def forbidden_transitions(num_tags: int) -> list[tuple[int, int]]:
    """`(from, to)` tag ids that BIO forbids, -1 for the start: I- tags that do not follow their own B- or I-."""
    return [
        (source, target)
        for target in range(2, num_tags, 2)
        for source in range(-1, num_tags)
        if source not in (target - 1, target)
    ]
