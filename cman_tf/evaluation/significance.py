"""Significance of the difference between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS, Counts, check_same_sentences, items_of

# Sentence draws in memory at once: about 50 MB with their counts.
_DRAWS_AT_ONCE = 1_000_000


def paired_bootstrap(
    gold: Sequence[Document],
    predicted_a: Sequence[Document],
    predicted_b: Sequence[Document],
    *,
    metric: str = "relations",
    samples: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare two runs on the same sentences by the paired bootstrap of Koehn (2004).

    Each draw has as many sentences as the corpus, with replacement, and scores both runs. The p-value is Koehn's: the
    share of draws in which the run that is better on the whole corpus is not better. It is one-sided, and ties count
    against the difference, so two equal runs give 1.

    It measures the choice of test sentences alone. Only several trainings show the influence of the seed.

    Args:
        gold: sequence of `Document`, annotated.
        predicted_a: sequence of `Document`, the same sentences in the same order, predicted by the first run.
        predicted_b: sequence of `Document`, the same, predicted by the second run.
        metric: str. `"entities"` or `"relations"`; strict micro F1 is compared. Default `"relations"`.
        samples: int. Number of draws. Default 10000.
        seed: int. Seed of the draws; the same seed gives the same answer. Default 0.

    Returns:
        dict: `metric`, `f1_a`, `f1_b`, `difference` (b minus a), `interval` (`[low, high]`: the middle 95 % of the
        drawn differences), `p_value`, `samples`, `seed`. F1 and differences are fractions.

    Raises:
        InputError: if gold and the predictions do not contain the same sentences, there are none, `metric` is unknown,
            or `samples` is not positive.

    Reference:
        Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004.
    """
    return pooled_bootstrap(gold, [predicted_a], [predicted_b], metric=metric, samples=samples, seed=seed)


def pooled_bootstrap(
    gold: Sequence[Document],
    runs_a: Sequence[Sequence[Document]],
    runs_b: Sequence[Sequence[Document]],
    *,
    metric: str = "relations",
    samples: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """`paired_bootstrap` of two networks, each trained several times: counts are summed over the trainings.

    A drawn sentence is drawn for all trainings, because their answers to it are alike.

    Args:
        gold, metric, samples, seed: see `paired_bootstrap`.
        runs_a: sequence of the predictions of each training of the first network.
        runs_b: sequence of the predictions of each training of the second network, as many.

    Returns:
        dict, see `paired_bootstrap`. F1 is that of all trainings together.
    """
    if metric not in ITEMS:
        raise InputError(f"`metric` must be one of {', '.join(ITEMS)}. Received: {metric!r}")
    if samples < 1:
        raise InputError(f"`samples` must be positive. Received: {samples}")
    if not gold:
        raise InputError("A bootstrap needs at least one sentence. Received: none")
    if len(runs_a) != len(runs_b) or not runs_a:
        raise InputError(f"Both networks must have equally many trainings. Received: {len(runs_a)} and {len(runs_b)}")
    for predicted in (*runs_a, *runs_b):
        check_same_sentences(gold, predicted)

    # (sentences, network, count): the F1 of any draw follows from sums over its sentences.
    summed = [sum(sentence_counts(gold, predicted, metric) for predicted in runs) for runs in (runs_a, runs_b)]
    counts = np.stack(summed, axis=1)
    f1_a, f1_b = (float(f1) for f1 in _f1(counts.sum(axis=0)))
    difference = f1_b - f1_a

    random = np.random.default_rng(seed)
    drawn = np.empty(samples)
    step = max(1, _DRAWS_AT_ONCE // len(gold))
    for start in range(0, samples, step):
        size = min(step, samples - start)
        draws = random.integers(len(gold), size=(size, len(gold)))
        f1 = _f1(counts[draws].sum(axis=1))
        drawn[start : start + size] = f1[:, 1] - f1[:, 0]

    return {
        "metric": metric,
        "f1_a": f1_a,
        "f1_b": f1_b,
        "difference": difference,
        "interval": [float(bound) for bound in np.percentile(drawn, [2.5, 97.5])],
        "p_value": float(np.mean(drawn * np.sign(difference) <= 0)),
        "samples": samples,
        "seed": seed,
    }


def sentence_counts(
    gold: Sequence[Document], predicted: Sequence[Document], item: str, mode: str = "strict"
) -> np.ndarray:
    """Gold, predicted and correct items of each sentence: int32 array, `(sentences, 3)`."""
    rows = [
        Counts.of(items_of(gold_document, item, mode), items_of(predicted_document, item, mode))
        for gold_document, predicted_document in zip(gold, predicted)
    ]
    return np.array([(row.gold, row.predicted, row.correct) for row in rows], dtype=np.int32).reshape(-1, 3)


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 over the last axis; 0 without gold and predicted items, as in the scorer."""
    gold, predicted, correct = np.moveaxis(counts, -1, 0)
    return 2 * correct / np.maximum(gold + predicted, 1)
