"""Scores of one network at several thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cman_tf.data.document import Document
from cman_tf.evaluation.evaluator import contextual_vectors
from cman_tf.evaluation.scorer import score

if TYPE_CHECKING:
    from cman_tf.predictor import Predictor


def threshold_curve(
    predictor: Predictor, documents: Sequence[Document], thresholds: Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7)
) -> dict[float, dict[str, float]]:
    """Relation scores at several thresholds, without further training.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, annotated; the dev split, to choose a threshold.
        thresholds: sequence of float, above 0 and below 1. Default `(0.3, 0.4, 0.5, 0.6, 0.7)`.

    Returns:
        dict of each threshold to `{"precision", "recall", "f1"}`, strict micro, fractions from 0 to 1.

    Raises:
        InputError: if a threshold is out of range.
    """
    others = {value: predictor.with_decoding(threshold=value) for value in thresholds}
    contextual = contextual_vectors(predictor, documents)
    found = {value: other.extract(documents, contextual=contextual) for value, other in others.items()}
    return {value: score(documents, items)["strict"]["micro"]["relations"] for value, items in found.items()}
