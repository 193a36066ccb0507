"""Targets of a training that learns from a teacher as well as from the annotation (`training.teacher`)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cman_tf.data.batches import pad
from cman_tf.encoders.feature_store import stored_vectors
from cman_tf.errors import InputError
from cman_tf.model.teacher import Teacher
from cman_tf.predictor import Predictor
from cman_tf.training.run import Run

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.document import Document
    from cman_tf.data.schema import Schema
    from cman_tf.model.network import Network

LEAST = 1e-3
"""Smallest probability of a relation that is kept; nearly all are smaller."""


def teacher_of(config: Config, schema: Schema, allow_encoders: Sequence[str] = ()) -> Run | None:
    """The run that `training.teacher` names, or None.

    Raises:
        InputError: if it cannot be opened, has other types, or its encoders are not found or not allowed.
    """
    if not config.training.teacher:
        return None
    allowed = (*allow_encoders, *config.encoder.modules)  # those of the user's configuration, not of a run
    run = Run.open(config.training.teacher, allow_encoders=allowed)
    modules, found = run.config().encoder.modules, run.schema()
    if modules:
        from cman_tf.encoders.choosing import choose  # tensorflow-hub takes seconds to import

        choose(modules, run.about_encoders(), allowed, run.path)
    for what, known, own in (
        ("entity", found.entity_types, schema.entity_types),
        ("relation", found.relation_types, schema.relation_types),
    ):
        if known != own:
            raise InputError(
                f"`training.teacher` must have the {what} types of the training sentences. Received: "
                f"{config.training.teacher} with {', '.join(known) or 'none'}, and sentences with "
                f"{', '.join(own) or 'none'}"
            )
    return run


def fingerprint(run: Run) -> str:
    """SHA-256 of a teacher's weights; a resumed training must have the same teacher."""
    digest = hashlib.sha256()
    for member in run.members() or [run]:
        digest.update(member.weights.read_bytes())
    return digest.hexdigest()


def soft_targets(run: Run, documents: Sequence[Document], config: Config) -> dict[str, list[np.ndarray]]:
    """Mixtures of the annotation and the teacher's probabilities, `training.teacher_weight` of the latter.

    Args:
        run: `Run`, the teacher.
        documents: sequence of `Document`, sentences.
        config: `Config` of the training.

    Returns:
        dict of lists with an array for each document. `tag_shift` float32 `(tokens, tags)` and `transition_shift`
        float32 `(tags, tags)`: mixture minus annotation, of tags and of steps between tags. `relations` int32
        `(cells, 3)`, rows of (head token, tail token, relation type), and `relation_values` float32 `(cells,)`, the
        mixture; it is 0 for all other cells.
    """
    network = run.network()
    ask = _asked(network)
    targets: dict[str, list[Any]] = {
        name: [None] * len(documents) for name in ("tag_shift", "transition_shift", "relations", "relation_values")
    }
    # Whether vectors are stored depends on the teacher: those of encoders that it trained are not the encoders' own.
    places = dataclasses.replace(config.encoder, trainable=network.config.encoder.trainable)
    vectors = stored_vectors(network.encoders, places, documents) or {}
    for rows in Predictor(network).batches([len(document) for document in documents]):
        tags = [np.array(network.schema.tag_ids(documents[row]), np.int32) for row in rows]
        tokens = [np.array([word.encode("utf-8", "replace") for word in documents[row].tokens], object) for row in rows]
        given = {name: tf.constant(pad([values[row] for row in rows], 0)) for name, values in vectors.items()}
        found = ask(tf.constant(pad(tokens, b""), tf.string), pad(tags, 0), *[given] * bool(given))
        found = {name: value.numpy() for name, value in found.items()}
        for place, row in enumerate(rows):
            own = {name: value[place] for name, value in found.items()}
            cells = network.schema.relation_cells(documents[row])
            for name, value in _mixture(own, tags[place], cells, config.training.teacher_weight).items():
                targets[name][row] = value
    return targets


def _asked(network: Network) -> tf.types.experimental.GenericFunction:
    """The teacher's graph: from tokens and tags, and from stored vectors if there are encoders."""
    teacher = Teacher(network)
    inputs: list[Any] = [tf.TensorSpec([None, None], tf.string), tf.TensorSpec([None, None], tf.int32)]
    if not network.encoders or network.config.encoder.trainable:
        return tf.function(teacher.from_tokens, input_signature=inputs, autograph=False)
    names = network.encoders.input_names
    vectors = {item.name: item for item in network.model.token_embedding.inputs if item.name in names}
    inputs.append({name: tf.TensorSpec(item.shape, item.dtype) for name, item in vectors.items()})
    return tf.function(teacher.from_vectors, input_signature=inputs, autograph=False)


def _mixture(
    answer: dict[str, np.ndarray], tags: np.ndarray, gold: Sequence[tuple[int, int, int]], weight: float
) -> dict[str, np.ndarray]:
    """The targets of one sentence, see `soft_targets`."""
    marginals, steps = np.zeros_like(answer["tags"][: len(tags)]), np.zeros_like(answer["transitions"])
    marginals[np.arange(len(tags)), tags] = 1
    np.add.at(steps, (tags[:-1], tags[1:]), 1)
    cells = dict.fromkeys(gold, 1 - weight)
    if "relations" in answer:
        last = answer["last"][: answer["count"]]
        chances = answer["relations"][: len(last), : len(last)]
        for head, tail, kind in zip(*np.nonzero(chances > LEAST)):
            cell = (int(last[head]), int(last[tail]), int(kind))
            cells[cell] = cells.get(cell, 0) + weight * chances[head, tail, kind]
    return {
        "tag_shift": weight * (answer["tags"][: len(tags)] - marginals),
        "transition_shift": weight * (answer["transitions"] - steps),
        "relations": np.array(list(cells), np.int32).reshape(-1, 3),
        "relation_values": np.array(list(cells.values()), np.float32),
    }
