"""Gradients of a training step of `Cman`: of the joint loss, of both passes, in micro-batches, over replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import tensorflow as tf

from cman_tf.model.adversarial import perturbation
from cman_tf.model.joining import Joined, join
from cman_tf.model.relation_tokens import label_encoders, label_memories, label_weights

MOST_CELLS = 1_000_000
"""Maximum number of token pairs per gradient computation, padding included, unless a single sentence has more. The
memory of a step grows with it."""

LossScaleOptimizer = tf.keras.mixed_precision.LossScaleOptimizer

SOFT_TARGETS = ("tag_shift", "transition_shift", "relation_values")
"""Further targets of a training with a teacher, see `training_batches`."""

JOINED = [
    tf.TensorSpec([None, None], tf.int32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None, None, 3], tf.int32),
    tf.TensorSpec([None, None], tf.float32),
]
"""The parts of a `Joined`."""

JointGradients = Callable[..., tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], list[tf.Tensor]]]


class TrainedEncoders(Protocol):
    """Contextual encoders whose weights are trained, as a training step uses them."""

    @property
    def variables(self) -> list[tf.Variable]:
        """Trained weights."""

    def encode(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Contextual inputs of the network for string `(batch, tokens)`."""

    def apply_gradients(self, gradients: Sequence[tf.Tensor]) -> None:
        """Update the weights with gradients in the order of `variables`."""


def scaled_loss(model: tf.keras.Model, loss: tf.Tensor) -> tf.Tensor:
    """The loss times the factor of a `LossScaleOptimizer`, which keeps gradients within the range of float16."""
    optimizer = model.optimizer
    return optimizer.get_scaled_loss(loss) if isinstance(optimizer, LossScaleOptimizer) else loss


def unscaled(model: tf.keras.Model, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients of the loss from those of the scaled loss."""
    optimizer = model.optimizer
    return optimizer.get_unscaled_gradients(gradients) if isinstance(optimizer, LossScaleOptimizer) else gradients


def update_encoders(model: tf.keras.Model, gradients: list[tf.Tensor], all_gradients: list[tf.Tensor]) -> None:
    """Update the trained encoders, unless a `LossScaleOptimizer` skips the step because a gradient is not finite."""
    if not isinstance(model.optimizer, LossScaleOptimizer):
        model.fine_tuning.apply_gradients(gradients)
        return
    finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in all_gradients]

    def update() -> tf.Tensor:
        model.fine_tuning.apply_gradients(gradients)
        return tf.constant(True)

    tf.cond(tf.reduce_all(finite), update, lambda: tf.constant(False))


def interaction_weights(model: tf.keras.Model) -> list[tf.Variable]:
    """Trained weights of everything after the embeddings."""
    weights = model.entity_network.trainable_weights
    return weights + model.relation_network.trainable_weights if model.has_relations else weights


def joint_gradients(model: tf.keras.Model) -> JointGradients:
    """Traced function of the losses and gradients of a batch.

    It takes `(embeddings, memories, tags, relations, lengths, soft, joined)`. `memories`: see `label_memories`. `soft`:
    the targets named in `SOFT_TARGETS`, or an empty list. `joined`: the parts of a `Joined`, or an empty list. It
    returns `(L_ner, L_re, inputs' gradients, gradients)`: those of the embeddings and memories, and those of the
    `interaction_weights` that the memories do not depend on. All gradients are of the scaled loss, see `scaled_loss`.
    """
    weights = _after_memories(model)
    width = model.entity_network.output_shape["tokens"][-1]
    tags = model.crf.num_tags
    soft = [[None, None, tags], [None, tags, tags], [None, None]] if model.soft_targets else []

    # Not inlined, so that the graph contains its body once, though a step calls it twice.
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, model.token_embedding.output_shape[-1]], tf.float32),
            [tf.TensorSpec([None, None, width], tf.float32) for _ in label_encoders(model)],
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None, 3], tf.int32),
            tf.TensorSpec([None], tf.int32),
            [tf.TensorSpec(shape, tf.float32) for shape in soft],
            JOINED if model.joined and model.has_relations else [],
            [tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None, None, tags], tf.float32), tf.TensorSpec([None, None, None, None], tf.float32), tf.TensorSpec([], tf.float32)],
        ],
        experimental_attributes={"_noinline": True},
        autograph=False,
    )
    def compute(
        embeddings: tf.Tensor,
        memories: list[tf.Tensor],
        tags: tf.Tensor,
        relations: tf.Tensor,
        lengths: tf.Tensor,
        soft: list[tf.Tensor],
        joined: list[tf.Tensor],
        extra,
    ):
        inputs = [embeddings, *memories]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*inputs, *weights])
            pairs = Joined(*joined) if joined else None
            ner, re, em, sc = model.joint_loss(embeddings, tags, relations, lengths, True, memories, soft, pairs, extra)
            loss = scaled_loss(model, ner + re)
        gradients = tape.gradient(loss, [*inputs, *weights])
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return ner, re, gradients[: len(inputs)], gradients[len(inputs) :], em, sc

    return compute


def batch_gradients(
    model: tf.keras.Model, joint: JointGradients, features: Mapping[str, tf.Tensor], targets: Mapping[str, tf.Tensor]
) -> tuple[tuple[tf.Tensor, tf.Tensor], list[tf.Tensor]]:
    """`((L_ner, L_re), gradients)` of a batch, the sum of both passes. Gradients are in the order: weights of the
    networks, of the embeddings, of the encoders. They are of the scaled loss, see `scaled_loss`."""
    tags, relations, lengths = targets["tags"], targets["relations"], features["lengths"]
    names = model.token_embedding.input_names
    with tf.GradientTape() as tape:
        if model.fine_tuning:
            features = {**features, **model.fine_tuning.encode(features["tokens"])}
        embeddings = model.token_embedding({name: features[name] for name in names}, training=True)
        # They do not depend on the perturbation: computed once for both passes, as the embeddings are.
        joined = _joined(model, targets, lengths) if model.joined and model.has_relations else None
        read = (joined.tokens(tags), joined.lengths) if joined else (tags, lengths)
        memories = label_memories(model, *read, training=True)
    soft = [targets[name] for name in SOFT_TARGETS if model.soft_targets]
    rest = memories, tags, relations, lengths, soft, list(joined or ())
    uniform = model.sampler.uniform(tf.shape(read[0]))
    ner, re, upstream, gradients, em, sc = joint(embeddings, *rest, [uniform, tf.zeros([1, 1, model.crf.num_tags]), tf.zeros([1, 1, 1, 1]), tf.constant(0.0)])
    if model.adversarial_alpha:
        moved = embeddings + perturbation(upstream[0], model.adversarial_alpha, lengths)
        import os
        moved_ner, moved_re, moved_upstream, moved_gradients, _, _ = joint(moved, *rest, [uniform, em, sc, tf.constant(float(os.environ.get("CONS", "1")))])
        ner, re = ner + moved_ner, re + moved_re
        upstream = [first + second for first, second in zip(upstream, moved_upstream)]
        gradients = [first + second for first, second in zip(gradients, moved_gradients)]
    labels = label_weights(model)
    inner = labels + model.token_embedding.trainable_weights
    if model.fine_tuning:
        inner = inner + model.fine_tuning.variables
    outer = tape.gradient(
        [embeddings, *memories], inner, output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    found = {weight.ref(): gradient for weight, gradient in zip(_after_memories(model), gradients)}
    found |= {weight.ref(): tf.convert_to_tensor(gradient) for weight, gradient in zip(labels, outer)}
    gradients = [found[weight.ref()] for weight in interaction_weights(model)]
    return (ner, re), gradients + outer[len(labels) :]


def _joined(model: tf.keras.Model, targets: Mapping[str, tf.Tensor], lengths: tf.Tensor) -> Joined:
    """The batch for the relation network: in a share of the steps, two sentences are one."""
    relations = targets["relations"]
    values = targets["relation_values"] if model.soft_targets else tf.ones(tf.shape(relations)[:2])
    return join(lengths, tf.shape(targets["tags"])[1], relations, values, model.sampler.uniform([]) < model.joined)


def _after_memories(model: tf.keras.Model) -> list[tf.Variable]:
    before = {weight.ref() for weight in label_weights(model)}
    return [weight for weight in interaction_weights(model) if weight.ref() not in before]


def accumulated_gradients(
    model: tf.keras.Model, joint: JointGradients, features: Mapping[str, tf.Tensor], targets: Mapping[str, tf.Tensor]
) -> tuple[tuple[tf.Tensor, tf.Tensor], list[tf.Tensor]]:
    """Same as `batch_gradients`, one micro-batch after another, each without superfluous padding."""
    if not (model.micro_batch or model.most_cells):
        return batch_gradients(model, joint, features, targets)
    rows, tokens = tf.unstack(tf.shape(targets["tags"]))
    size = tf.minimum(rows, model.micro_batch) if model.micro_batch else rows
    if model.most_cells:
        size = tf.clip_by_value(model.most_cells // (tokens * tokens), 1, size)

    def step(start: tf.Tensor, ner: tf.Tensor, re: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
        own = slice(start, start + size)
        (part_ner, part_re), gradients = batch_gradients(model, joint, *_part(features, targets, own))
        share = tf.cast(tf.minimum(size, rows - start), tf.float32) / tf.cast(rows, tf.float32)
        sums = tuple(total + share * tf.convert_to_tensor(gradient) for total, gradient in zip(sums, gradients))
        return (start + size, ner + share * part_ner, re + share * part_re, *sums)

    weights = interaction_weights(model) + model.token_embedding.trainable_weights
    weights += model.fine_tuning.variables if model.fine_tuning else []
    _, ner, re, *gradients = tf.while_loop(
        lambda start, *_: start < rows, step, (0, 0.0, 0.0, *[tf.zeros(weight.shape) for weight in weights])
    )
    return (ner, re), gradients


def _part(
    features: Mapping[str, tf.Tensor], targets: Mapping[str, tf.Tensor], own: slice
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Sentences `own` of a batch, padded to the longest of them, with only their own spellings."""
    lengths = features["lengths"][own]
    longest = tf.maximum(tf.reduce_max(lengths), 1)
    part = {name: value[own, :longest] for name, value in features.items() if name not in ("lengths", "spellings")}
    index = part["spelling_index"]
    used, place = tf.unique(tf.reshape(index, [-1]))
    part |= {
        "lengths": lengths,
        "spellings": tf.gather(features["spellings"], used),
        "spelling_index": tf.reshape(place, tf.shape(index)),
    }
    own_targets = {name: value[own] for name, value in targets.items()}
    return part, {n: value[:, :longest] if n in ("tags", "tag_shift") else value for n, value in own_targets.items()}


def sum_over_replicas(values: Sequence[tf.Tensor], share: tf.Tensor) -> list[tf.Tensor]:
    """Sum tensors over replicas, each multiplied by the replica's share of the batch."""
    values = [share * tf.convert_to_tensor(value) for value in values]
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
