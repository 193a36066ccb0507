"""Padded batches of documents of similar length, in an order that depends only on seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.data.featurizer import Featurizer
    from cman_tf.data.schema import Schema


def plan(lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Divide sentences into batches of similar length, in random order.

    Up to a tenth of noise is added to the lengths before sorting, so that batches differ between epochs.

    Args:
        lengths: sequence of int, tokens of each sentence.
        batch_size: int.
        seed: int.
        epoch: int. The order depends on it and on `seed`: a resumed training sees the same batches.

    Returns:
        list of int arrays, indices of sentences; always `ceil(len(lengths) / batch_size)` of them.
    """
    random = np.random.default_rng([seed, epoch])
    lengths = np.asarray(lengths)
    order = np.argsort(lengths * random.uniform(1.0, 1.1, len(lengths)) + random.uniform(0, 1, len(lengths)))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    random.shuffle(batches)
    return batches


def divide(rows: np.ndarray, parts: int) -> list[tuple[np.ndarray, float]]:
    """Divide the sentences of a batch into parts.

    Args:
        rows: int array, sentences of the batch.
        parts: int.

    Returns:
        list of `(rows, share)`: int array, never empty, and float, its share of the batch's sentences. If there are
        fewer sentences than parts, the others contain the first sentence with a share of 0.
    """
    size = -(-len(rows) // parts)
    cut = [rows[start : start + size] for start in range(0, size * parts, size)]
    return [(part, len(part) / len(rows)) if len(part) else (rows[:1], 0.0) for part in cut]


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
    lengths = [len(document) for document in documents]

    def generate() -> Iterator[dict[str, Any]]:
        epoch = first_epoch
        while True:
            batches = plan(lengths, batch_size, seed, epoch)
            for rows, share in (part for batch in batches for part in divide(batch, parts or 1)[own]):
                batch = {
                    "tokens": pad([tokens[row] for row in rows], b""),
                    "tags": pad([tags[row] for row in rows], 0),
                    "relations": pad([cells[row] for row in rows], -1),
                    "share": np.float32(share),
                }
                yield batch | {name: pad([values[row] for row in rows], 0) for name, values in zero_padded.items()}
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
            features = {n: tf.cast(v, tf.float32) if n.startswith("contextual") else v for n, v in features.items()}
            features["tokens"] = batch["tokens"]
        return features, {name: batch[name] for name in ("tags", "relations", *soft, *["share"] * bool(parts))}

    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature).map(featurize)
    return dataset.prefetch(2), -(-len(documents) // batch_size)


def pad(rows: Sequence[np.ndarray], value: object) -> np.ndarray:
    """Stack arrays of different length, padded with `value`: `(rows, longest, ...)`."""
    result = np.full([len(rows), max(map(len, rows), default=0), *rows[0].shape[1:]], value, rows[0].dtype)
    for position, row in enumerate(rows):
        result[position, : len(row)] = row
    return result
