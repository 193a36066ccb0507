"""Entities and relations that a network considers, with their probabilities and whether they are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cman_tf.data.document import Document
from cman_tf.evaluation.scorer import items_of

if TYPE_CHECKING:
    from cman_tf.encoders.feature_store import StoredVectors
    from cman_tf.model.calibration import Scale
    from cman_tf.predictor import Predictor

FLOOR = 0.05
"""Lowest probability of a relation that is considered. Nearly all pairs are below it and would decide each fit."""


@dataclass(frozen=True)
class Candidates:
    """Entities or relations with their scores.

    Args:
        types: str array `(items,)`.
        scores: float64 array `(items,)`, probabilities.
        right: bool array `(items,)`, whether the item is annotated (strict).
        gold: dict of type to int, the number of annotated items.
    """

    types: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    gold: Counter[str]

    def of(self, name: str) -> Candidates:
        """Those of one type."""
        kept = self.types == name
        return Candidates(self.types[kept], self.scores[kept], self.right[kept], Counter({name: self.gold[name]}))


def considered(
    predictor: Predictor, documents: Sequence[Document], contextual: dict[str, StoredVectors] | None = None
) -> list[Document]:
    """Documents with every entity that the network decodes and every relation above `FLOOR`, scores not calibrated.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`.
        contextual: see `Predictor.extract`.
    """
    return (
        predictor.with_calibration(None)
        .with_decoding(threshold=FLOOR, entity_threshold=0.0)
        .extract(documents, contextual=contextual)
    )


def without_unlikely(documents: Sequence[Document], scale: Scale, threshold: float) -> list[Document]:
    """Documents without the entities whose calibrated score is below a threshold, and without their relations."""
    kept = []
    for document in documents:
        scores = scale(np.array([entity.score for entity in document.entities], float))
        kept.append(document.with_only(np.flatnonzero(scores >= threshold).tolist()))
    return kept


def candidates(gold: Sequence[Document], found: Sequence[Document], item: str) -> Candidates:
    """The items of `found`.

    Args:
        gold: sequence of `Document`, annotated.
        found: sequence of `Document`, the same sentences in the same order, the result of `considered`.
        item: str. `"entities"` or `"relations"`.
    """
    rows: list[tuple[str, float, bool]] = []
    counts: Counter[str] = Counter()
    for annotated, document in zip(gold, found):
        right = items_of(annotated, item)
        counts.update(name for name, *_ in right)
        entities = [(entity.type, entity.start, entity.end) for entity in document.entities]
        keys = entities
        if item == "relations":
            keys = [(one.type, entities[one.head], entities[one.tail]) for one in document.relations]  # type: ignore[misc]
        scores = [float(one.score or 0.0) for one in getattr(document, item)]
        rows += [(key[0], score, key in right) for key, score in zip(keys, scores)]
    return Candidates(
        np.array([name for name, _, _ in rows], str),
        np.array([score for _, score, _ in rows], float),
        np.array([right for _, _, right in rows], bool),
        counts,
    )
