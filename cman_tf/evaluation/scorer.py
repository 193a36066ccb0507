"""Precision, recall and F1 of entities and relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cman_tf.data.document import Document
from cman_tf.errors import InputError

MODES = ("strict", "boundaries")
ITEMS = ("entities", "relations")
RATES = ("precision", "recall", "f1")

# The type of every entity if types are ignored.
ANY_TYPE = "(any)"


@dataclass(frozen=True)
class Counts:
    """Numbers of annotated, predicted and correct items.

    Args:
        gold: int. Annotated items. Default 0.
        predicted: int. Predicted items. Default 0.
        correct: int. Items in both. Default 0.
    """

    gold: int = 0
    predicted: int = 0
    correct: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.gold + other.gold, self.predicted + other.predicted, self.correct + other.correct)

    @classmethod
    def of(cls, gold: set, predicted: set) -> Counts:
        """Counts of two sets of items."""
        return cls(len(gold), len(predicted), len(gold & predicted))

    @property
    def precision(self) -> float:
        """Share of the predicted items that are correct; 0 if nothing was predicted."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the annotated items that were found; 0 if nothing is annotated."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if both are."""
        # 2PR / (P + R) without its roundings, so that a perfect run scores 1.0 and not 0.9999999999999999.
        total = self.gold + self.predicted
        return 2 * self.correct / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Precision, recall and F1 as fractions, then the three counts."""
        return {**_rates(self), "gold": self.gold, "predicted": self.predicted, "correct": self.correct}


def score(
    gold: Sequence[Document], predicted: Sequence[Document], *, exclude_types: Sequence[str] = ()
) -> dict[str, Any]:
    """Compare predicted entities and relations with the annotated ones.

    *Strict*: an entity is right if its boundaries and its type are; a relation if its type, its direction and both
    its entities (boundaries and types) are. *Boundaries*: the same with entity types ignored; the relation's type
    still counts. Micro averages pool the counts of all types; macro averages are unweighted means over the types
    present in gold or prediction. With entity types ignored there is only one entity type, so the
    boundaries macro of entities equals their micro. These are the measures of Bekoulis et al. (2018) and of SpERT
    (Eberts and Ulges, 2020), whose script (scikit-learn, `zero_division=0`) gives the same figures.

    Items are sets: a repeated item of a sentence counts once. A rate with denominator 0 is 0, also if nothing is
    annotated and nothing predicted.

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order, as predicted.
        exclude_types: sequence of str. Entity types that are removed from gold and prediction before counting, with
            their relations, e.g. `["Other"]` for CoNLL04. Default `()`.

    Returns:
        dict, ready for JSON. Rates are fractions from 0 to 1, not rounded.

        - `"strict"`, `"boundaries"`: `{"micro"|"macro": {"entities"|"relations": {"precision", "recall", "f1"}}}`
        - `"per_type"`: by mode, item and type `{"precision", "recall", "f1", "gold", "predicted", "correct"}`
        - types are in alphabetical order; `"(any)"` for entities of `"boundaries"`
        - `"counts"`: `sentences`, and `entities_*` and `relations_*` with `gold`, `predicted`, `correct` (strict)
        - `"exclude_types"`: list of str, as given

    Raises:
        InputError: if the two sequences do not contain the same sentences, or `exclude_types` is a string.
    """
    if isinstance(exclude_types, str):
        raise InputError(f"`exclude_types` must be a sequence of entity types. Received: the string {exclude_types!r}")
    check_same_sentences(gold, predicted)
    if exclude_types:
        gold = [without_types(document, exclude_types) for document in gold]
        predicted = [without_types(document, exclude_types) for document in predicted]

    result: dict[str, Any] = {mode: {"micro": {}, "macro": {}} for mode in MODES}
    per_type: dict[str, Any] = {mode: {} for mode in MODES}
    counts = {"sentences": len(gold)}
    for mode in MODES:
        for item in ITEMS:
            by_type = count_types(gold, predicted, item, mode)
            total = sum(by_type.values(), Counts())
            result[mode]["micro"][item] = _rates(total)
            result[mode]["macro"][item] = _mean([_rates(count) for count in by_type.values()])
            per_type[mode][item] = {name: count.to_dict() for name, count in by_type.items()}
            if mode == "strict":
                counts[f"{item}_gold"] = total.gold
                counts[f"{item}_predicted"] = total.predicted
                counts[f"{item}_correct"] = total.correct
    return {**result, "per_type": per_type, "counts": counts, "exclude_types": list(exclude_types)}


def items_of(document: Document, item: str, mode: str = "strict") -> set[tuple]:
    """The entities or relations of one sentence as a set of comparable tuples, the type first.

    Args:
        document: `Document`.
        item: str. `"entities"` or `"relations"`.
        mode: str. `"strict"` or `"boundaries"`. Default `"strict"`.

    Returns:
        set of `(type, start, end)`, or of `(type, head entity, tail entity)` with entities as such tuples.
    """
    entities = [
        (entity.type if mode == "strict" else ANY_TYPE, entity.start, entity.end) for entity in document.entities
    ]
    if item == "entities":
        return set(entities)
    return {(relation.type, entities[relation.head], entities[relation.tail]) for relation in document.relations}


def count_types(
    gold: Sequence[Document], predicted: Sequence[Document], item: str, mode: str = "strict"
) -> dict[str, Counts]:
    """`Counts` of each type present in gold or prediction, in alphabetical order, as a dict."""
    by_type: dict[str, Counts] = defaultdict(Counts)
    for gold_document, predicted_document in zip(gold, predicted):
        gold_items = items_of(gold_document, item, mode)
        predicted_items = items_of(predicted_document, item, mode)
        for found in gold_items | predicted_items:
            is_gold, is_predicted = found in gold_items, found in predicted_items
            by_type[found[0]] += Counts(int(is_gold), int(is_predicted), int(is_gold and is_predicted))
    return {name: by_type[name] for name in sorted(by_type)}


def without_types(document: Document, entity_types: Collection[str]) -> Document:
    """`document` without the entities of these types and their relations."""
    kept = [i for i, entity in enumerate(document.entities) if entity.type not in entity_types]
    position = {old: new for new, old in enumerate(kept)}
    relations = [
        type(relation)(position[relation.head], position[relation.tail], relation.type, relation.score)
        for relation in document.relations
        if relation.head in position and relation.tail in position
    ]
    return document.with_annotation([document.entities[i] for i in kept], relations)


def check_same_sentences(gold: Sequence[Document], predicted: Sequence[Document]) -> None:
    """Raise `InputError` unless both contain the same sentences, token for token, in the same order."""
    if len(gold) != len(predicted):
        raise InputError(
            f"Gold and prediction must contain the same sentences. Received: {len(gold)} and {len(predicted)} sentences"
        )
    for index, (one, other) in enumerate(zip(gold, predicted)):
        if one.tokens != other.tokens:
            raise InputError(
                "Gold and prediction must contain the same sentences, token for token. Received: "
                f"{one.text!r} and {other.text!r} at position {index}"
            )


def _rates(counts: Counts) -> dict[str, float]:
    return {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}


def _mean(rates: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(r[name] for r in rates) / max(len(rates), 1) for name in RATES}
