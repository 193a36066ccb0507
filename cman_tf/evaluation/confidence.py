"""How well scores tell right from wrong items: precision and recall at every threshold, and calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cman_tf.data.document import Document
from cman_tf.evaluation.candidates import Candidates, candidates, considered, without_unlikely
from cman_tf.evaluation.scorer import ITEMS
from cman_tf.model.calibration import Calibration

if TYPE_CHECKING:
    from cman_tf.encoders.feature_store import StoredVectors
    from cman_tf.predictor import Predictor

BINS = 10
POINTS = 60
"""Most points of a curve."""


def confidence(
    predictor: Predictor, documents: Sequence[Document], contextual: dict[str, StoredVectors] | None = None
) -> dict[str, Any]:
    """Measure the scores of a network.

    The items are all decoded entities, and all relations with an uncalibrated score of at least 5 % between those above
    their threshold.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, annotated.
        contextual: see `Predictor.extract`.

    Returns:
        dict, ready for JSON, of `"entities"` and `"relations"`, without those of which there are none, to

        - `"precision_recall"`: list of `{"threshold", "precision", "recall"}`, thresholds descending, strict micro
        - `"reliability"`: the result of `reliability`
        - `"before_calibration"`: that of uncalibrated scores, if the network's scores are calibrated
    """
    calibration = predictor.network.calibration
    known = calibration or Calibration()
    found = considered(predictor, documents, contextual)
    lowest = float(predictor.extractor.cutoffs.entity)
    kept = without_unlikely(found, known.entity_scale, lowest)
    result: dict[str, Any] = {}
    for item, part, scale in zip(ITEMS, (found, kept), (known.entity_scale, known.relation_scale)):
        items = candidates(documents, part, item)
        if len(items.scores):
            scores = scale(items.scores)
            result[item] = {
                "precision_recall": precision_recall(items, scores),
                "reliability": reliability(scores, items.right),
            }
            if calibration:
                result[item]["before_calibration"] = reliability(items.scores, items.right)
    return result


def precision_recall(items: Candidates, scores: np.ndarray) -> list[dict[str, float]]:
    """Precision and recall of the items with a score of at least each threshold, at most `POINTS` of them.

    Args:
        items: `Candidates`.
        scores: float array `(items,)`, their calibrated scores.

    Returns:
        list of `{"threshold", "precision", "recall"}`.
    """
    order = np.argsort(-scores, kind="stable")
    correct = np.cumsum(items.right[order])
    # Equal scores are found together.
    ends = np.flatnonzero(np.append(np.diff(scores[order]) < 0, True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).round().astype(int))]
    gold = max(sum(items.gold.values()), 1)
    return [
        {
            "threshold": float(scores[order][end]),
            "precision": float(correct[end] / (end + 1)),
            "recall": float(correct[end] / gold),
        }
        for end in ends
    ]


def reliability(scores: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How often items with a score are right.

    Args:
        scores: float array `(items,)`, from 0 to 1, at least one.
        right: bool array `(items,)`.

    Returns:
        dict: `"bins"`, of `BINS` ranges of scores of equal width those with items: list of `{"score", "right",
        "count"}`, mean score and share of right items; `"expected_calibration_error"`, the mean difference of both,
        weighted by the number of items (Guo et al., 2017).
    """
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    bins = [
        {
            "score": float(scores[place == number].mean()),
            "right": float(right[place == number].mean()),
            "count": int((place == number).sum()),
        }
        for number in np.unique(place)
    ]
    error = sum(part["count"] * abs(part["score"] - part["right"]) for part in bins) / len(scores)
    return {"bins": bins, "expected_calibration_error": float(error)}
