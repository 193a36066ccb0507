"""Padded batches of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cman_tf.data.epoch import divide, joined, plan, steps_of_an_epoch

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.data.featurizer import Featurizer
    from cman_tf.data.schema import Schema


def training_batches(
    documents: Sequence[Document],
    schema: Schema,
    featurizer: Featurizer,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    contextual: Mapping[str, Sequence[np.ndarray]] | None = None,
    keep_tokens: bool = False,
    soft_targets: Mapping[str, Sequence[np.ndarray]] | None = None,
    join: float = 0.0,
    parts: int | None = None,
    own: slice = slice(None),
) -> tuple[tf.data.Dataset, int]:
    """Endless training data, from `first_epoch`.

    Args:
        documents: sequence of `Document`.
        schema: `Schema`, for tags and relation cells.
        featurizer: `Featurizer`.
        batch_size: int.
        seed: int. See `plan`.
        first_epoch: int. Default 0.
        contextual: dict of names to sequences of float arrays `(tokens, layers, width)`, one for each document, as
            `contextual_1`. They are read when their batch is created. Default: none.
        keep_tokens: bool. Whether features also contain `tokens`, string `(batch, tokens)`. Default False.
        soft_targets: dict or None. Targets of a training with a teacher, see `cman_tf.training.teaching.soft_targets`.
            Default: those of the annotation.
        join: float. Share of the sentences that are joined in pairs, see `joined`. Default 0.
        parts: int. Parts of each batch, for training on several devices; `targets` then also contain `share`, float32
            scalar, see `divide`. Default: batches are not divided.
        own: slice. The parts to yield, one after the other. Default: all.

    Returns:
        `(dataset, steps)`: `tf.data.Dataset` of `(features, targets)`, and the number of batches in an epoch.
        `features`: the output of `Featurizer`, and those of `contextual` `(batch, tokens, layers, width)`.
        `targets`: `tags` int32 `(batch, tokens)`; `relations` int32 `(batch, relations, 3)`, rows of (head token, tail
        token, relation type), -1 for padding; and those of `soft_targets`, padded with 0.
    """
    contextual = contextual or {}
    tokens = [np.array([token.encode() for token in document.tokens], object) for document in documents]
    tags = [np.array(schema.tag_ids(document), np.int32) for document in documents]
    soft = dict(soft_targets or {})
    cells = soft.pop("relations", None) or [
        np.array(schema.relation_cells(document), np.int32).reshape(-1, 3) for document in documents
    ]
    zero_padded = {**contextual, **soft}
    lengths = np.array([len(document) for document in documents])

    def generate() -> Iterator[dict[str, Any]]:
        epoch = first_epoch
        while True:
            sentences = joined(len(documents), join, seed, epoch)
            batches = plan([lengths[list(rows)].sum() for rows in sentences], batch_size, seed, epoch)
            for places, share in (part for batch in batches for part in divide(batch, parts or 1)[own]):
                rows = [sentences[place] for place in places]
                batch = {
                    "tokens": pad([_together(tokens, row) for row in rows], b""),
                    "tags": pad([_together(tags, row) for row in rows], 0),
                    "relations": pad([_cells_together(cells, lengths, row) for row in rows], -1),
                    "share": np.float32(share),
                }
                for name, values in zero_padded.items():
                    combined = _summed if name == "transition_shift" else _together
                    batch[name] = pad([combined(values, row) for row in rows], 0)
                yield batch
            epoch += 1

    signature = {
        "tokens": tf.TensorSpec([None, None], tf.string),
        "tags": tf.TensorSpec([None, None], tf.int32),
        "relations": tf.TensorSpec([None, None, 3], tf.int32),
        "share": tf.TensorSpec([], tf.float32),
    }
    for name, values in zero_padded.items():
        signature[name] = tf.TensorSpec([None, None, *values[0].shape[1:]], values[0].dtype)

    @tf.autograph.experimental.do_not_convert  # no Python loops or conditions to convert
    def featurize(batch: Mapping[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        features = {**featurizer(batch["tokens"]), **{name: batch[name] for name in contextual}}
        if keep_tokens:
            features["tokens"] = batch["tokens"]
        return features, {name: batch[name] for name in ("tags", "relations", *soft, *["share"] * bool(parts))}

    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature).map(featurize)
    return dataset.prefetch(2), steps_of_an_epoch(len(documents), batch_size, join)


def _together(values: Sequence[np.ndarray], rows: tuple[int, ...]) -> np.ndarray:
    return values[rows[0]] if len(rows) == 1 else np.concatenate([values[row] for row in rows])


def _summed(values: Sequence[np.ndarray], rows: tuple[int, ...]) -> np.ndarray:
    # The step from one sentence to the next is that of the annotation: its shift is 0.
    return sum((values[row] for row in rows[1:]), values[rows[0]])


def _cells_together(cells: Sequence[np.ndarray], lengths: np.ndarray, rows: tuple[int, ...]) -> np.ndarray:
    if len(rows) == 1:
        return cells[rows[0]]
    first, second = (cells[row] for row in rows)
    return np.concatenate([first, second + [lengths[rows[0]], lengths[rows[0]], 0]]).astype(np.int32)


def pad(rows: Sequence[np.ndarray], value: object) -> np.ndarray:
    """Stack arrays of different length, padded with `value`: `(rows, longest, ...)`."""
    result = np.full([len(rows), max(map(len, rows), default=0), *rows[0].shape[1:]], value, rows[0].dtype)
    for position, row in enumerate(rows):
        result[position, : len(row)] = row
    return result
