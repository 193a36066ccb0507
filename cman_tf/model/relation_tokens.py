"""The tokens whose pairs the relation network scores, from the tokens of the entity network and what BLA attends to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

UNITS = "bla_1", "bla_2"


def relation_tokens(
    layer: Callable[[str], tf.keras.layers.Layer],
    tokens: tf.Tensor,
    mask: tf.Tensor,
    labels: Sequence[Mapping[str, tf.Tensor]],
    training: bool | None = None,
) -> tf.Tensor:
    """BLA, fusion, BLA, eq. 5 to 7; the tokens alone without BLA.

    Args:
        layer: function from the name of a layer of the relation network to the layer.
        tokens: float32 `(batch, tokens, 2d)`, `X^m`.
        mask: bool `(batch, tokens)`, False for padding.
        labels: for each unit of `UNITS`, `{"labels": ...}` or `{"memory": ...}`, see `BLA`; empty without BLA.
        training: bool. Whether dropout is on. Default: what Keras decides.

    Returns:
        float32 `(batch, tokens, 2d)`.
    """
    mode = {} if training is None else {"training": training}
    if labels:
        first = layer(UNITS[0])(tokens, mask=mask, **labels[0], **mode)
        both = layer("tokens_and_labels")([tokens, first])
        fused = layer("fusion_dropout")(layer("fusion")(both, mask=mask, **mode), **mode)
        tokens = layer(UNITS[1])(fused, mask=mask, **labels[1], **mode)
    return layer("relation_dropout")(tokens, **mode)


def label_memories(model: tf.keras.Model, tags: tf.Tensor, lengths: tf.Tensor, training: bool) -> list[tf.Tensor]:
    """Memories that the BLA units attend to, `H = BiLSTM(L)` of eq. 1 before dropout. They depend only on the tags.

    Args:
        model: `Cman`.
        tags: int32 `(batch, tokens)`.
        lengths: int32 `(batch,)`.
        training: bool. False uses kernels without a gradient.

    Returns:
        list of float32 `(batch, tokens, 2d)`, one for each unit; empty without BLA.
    """
    encoders = label_encoders(model)
    if not encoders:
        return []
    labels = model.relation_network.get_layer("label_embedding")(tags)
    if training and model.label_dropout:
        labels *= tf.cast(model.sampler.uniform(tf.shape(tags)) >= model.label_dropout, labels.dtype)[..., None]
    mask = tf.sequence_mask(lengths, tf.shape(tags)[1])
    return [tf.cast(encoder(labels, mask=mask, training=training), tf.float32) for encoder in encoders]


def label_encoders(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """The sequence encoders of the BLA units; empty without BLA or without relations."""
    layers = model.relation_network.layers if model.has_relations else []
    return [layer.sequence_encoder for layer in layers if layer.name in UNITS]


def label_weights(model: tf.keras.Model) -> list[tf.Variable]:
    """Trained weights that `label_memories` depends on."""
    encoders = label_encoders(model)
    layers = [model.relation_network.get_layer("label_embedding"), *encoders] if encoders else []
    return [weight for layer in layers for weight in layer.trainable_weights]
