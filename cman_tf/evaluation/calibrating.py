"""Chooses the thresholds of a trained network and the calibration of its scores, on annotated sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cman_tf.evaluation.candidates import FLOOR, Candidates, candidates, considered, without_unlikely
from cman_tf.evaluation.evaluator import contextual_vectors
from cman_tf.model.calibration import Calibration, Scale

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.predictor import Predictor

SUPPORT = 30
"""Fewest annotated examples for a threshold of its own, and fewest items to calibrate scores on."""


def fit_calibration(
    predictor: Predictor, documents: Sequence[Document], fitted_on: Mapping[str, Any] | None = None
) -> Calibration:
    """Fit scales and thresholds.

    Scores are calibrated first. Thresholds are those with the highest strict micro F1: one for entities; one for each
    relation type with at least `SUPPORT` annotated relations, and for the others the one that is best for all relations
    together. With fewer than `SUPPORT` entities or relations in all, their threshold stays as it is.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, annotated, which the network was not trained on.
        fitted_on: dict or None. Stored with the result, beside the numbers of examples. Default None.

    Returns:
        `Calibration`.
    """
    config = predictor.network.config.decoding
    found = considered(predictor, documents, contextual_vectors(predictor, documents))
    entities = candidates(documents, found, "entities")
    entity_scale = fit_scale(entities)
    entity_threshold = best_threshold(entities, entity_scale, 0.0)
    if entity_threshold is None:
        entity_threshold = config.entity_threshold
    kept = without_unlikely(found, entity_scale, entity_threshold)
    relations = candidates(documents, kept, "relations")
    scale = fit_scale(relations)
    lowest = float(scale(np.array(FLOOR)))
    shared = best_threshold(relations, scale, lowest)
    shared = config.threshold if shared is None else shared
    own = {name: best_threshold(relations.of(name), scale, lowest) for name in predictor.network.schema.relation_types}
    thresholds = {name: shared if value is None else value for name, value in own.items()}
    examples = {"entities": sum(entities.gold.values()), "relations": {name: relations.gold[name] for name in own}}
    return Calibration(entity_threshold, thresholds, entity_scale, scale, {**(fitted_on or {}), **examples})


def fit_scale(items: Candidates) -> Scale:
    """The scale that makes scores the share of right items (logistic regression of right on the log odds).

    The scores stay as they are if there are fewer than `SUPPORT` items, if all are right or all wrong, or if higher
    scores are not right more often.
    """
    if len(items.scores) < SUPPORT or items.right.all() or not items.right.any():
        return Scale()
    from sklearn.linear_model import LogisticRegression

    scores = np.clip(items.scores, 1e-6, 1 - 1e-6)
    found = LogisticRegression().fit(np.log(scores / (1 - scores))[:, None], items.right)
    slope, intercept = float(found.coef_[0, 0]), float(found.intercept_[0])
    return Scale(slope, intercept) if slope > 0 else Scale()


def best_threshold(items: Candidates, scale: Scale, lowest: float) -> float | None:
    """The threshold of calibrated scores with the highest F1, half-way between two scores.

    Args:
        items: `Candidates`.
        scale: `Scale`.
        lowest: float. The threshold that keeps all items.

    Returns:
        float; None if fewer than `SUPPORT` items are annotated, or none of them is found.
    """
    gold = sum(items.gold.values())
    if gold < SUPPORT or not items.right.any():
        return None
    order = np.argsort(-items.scores, kind="stable")
    scores = np.append(scale(items.scores)[order], lowest)
    # As float32, in which the graph compares: equal scores are kept together.
    different = np.diff(scores.astype(np.float32)) < 0
    different[-1] = True
    f1 = 2 * np.cumsum(items.right[order]) / (np.arange(1, len(order) + 1) + gold)
    best = int(np.argmax(np.where(different, f1, -1.0)))
    return lowest if best + 1 == len(order) else float((scores[best] + scores[best + 1]) / 2)
