"""The sentences of an epoch: joined, divided into batches, in an order that depends only on seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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


def steps_of_an_epoch(count: int, batch_size: int, share: float = 0.0) -> int:
    """Number of batches of `count` sentences, a `share` of which is joined in pairs."""
    return -(-(count - int(count * share) // 2) // batch_size)


def joined(count: int, share: float, seed: int, epoch: int) -> list[tuple[int, ...]]:
    """Sentences of an epoch, some of which are two sentences of the corpus in a row.

    Args:
        count: int. Number of sentences.
        share: float in [0, 1]. Share of them that are joined in pairs.
        seed: int.
        epoch: int. The pairs depend on it and on `seed`.

    Returns:
        list of tuples of one or two sentences, each sentence in one of them.
    """
    pairs = int(count * share) // 2
    order = np.random.default_rng([seed, epoch, 1]).permutation(count) if pairs else np.arange(count)
    first, second, single = np.split(order, [pairs, 2 * pairs])
    return [*zip(first.tolist(), second.tolist()), *((row,) for row in single.tolist())]
