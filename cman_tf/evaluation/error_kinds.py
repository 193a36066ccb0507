"""Classifies each gold and predicted entity and relation of a sentence by kind of error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cman_tf.data.document import Document, Entity, Relation

ENTITY_KINDS = ("right", "wrong type", "wrong boundary", "missed", "spurious")
RELATION_KINDS = (
    "right",
    "wrong type",
    "wrong direction",
    "wrong entity",
    "missed",
    "missed end",
    "spurious",
    "spurious end",
)


@dataclass(frozen=True)
class Finding:
    """One entity or relation of the annotation, of the prediction, or of both.

    Args:
        kind: str. One of `ENTITY_KINDS` or `RELATION_KINDS`.
        gold: int or None. Its index in the annotated document; None for `spurious` and `spurious end`.
        predicted: int or None. Its index in the predicted document; None for `missed` and `missed end`.
    """

    kind: str
    gold: int | None
    predicted: int | None


def compare(gold: Document, predicted: Document) -> tuple[list[Finding], list[Finding]]:
    """Pair the annotated and the predicted entities and relations of one sentence.

    Entities, in this order, each used once:

    - right: same boundaries, same type
    - wrong type: same boundaries, another type
    - wrong boundary: they share a token; pairs of the same type first, then those with most tokens shared
    - missed: annotated and not paired; spurious: predicted and not paired

    Relations, likewise:

    - right: strictly right, in the sense of the scorer
    - wrong type: between the same two entities, strictly right, in the same direction
    - wrong direction: of the same type between the same two entities, strictly right, head and tail swapped
    - wrong entity: same type and direction, between entities paired above, one of which is not right
    - missed, spurious: as above, between two entities that are right
    - missed end, spurious end: as above, but an end is not right, so the relation cannot be right

    Repeated items count once, as in the scorer.

    Args:
        gold: `Document`, annotated.
        predicted: `Document`, the same sentence.

    Returns:
        `(entities, relations)`: two lists of `Finding`, in the order of the text, spurious ones last.
    """
    entities = _compare_entities(gold, predicted)
    return entities, _compare_relations(gold, predicted, entities)


def count_kinds(gold: Sequence[Document], predicted: Sequence[Document]) -> dict[str, dict[str, int]]:
    """Number of findings of each kind in a corpus.

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order.

    Returns:
        dict: `{"entities": {kind: int}, "relations": {kind: int}}`, with every kind.
    """
    entities: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    for pair in zip(gold, predicted):
        for counter, findings in zip((entities, relations), compare(*pair)):
            counter.update(finding.kind for finding in findings)
    return {
        "entities": {kind: entities[kind] for kind in ENTITY_KINDS},
        "relations": {kind: relations[kind] for kind in RELATION_KINDS},
    }


def _compare_entities(gold: Document, predicted: Document) -> list[Finding]:
    def same_boundaries(one: Entity, other: Entity) -> bool:
        return (one.start, one.end) == (other.start, other.end)

    def shared_tokens(one: Entity, other: Entity) -> int:
        return min(one.end, other.end) - max(one.start, other.start)

    matching = _Matching(_distinct(gold.entities), _distinct(predicted.entities))
    matching.pair("right", lambda one, other: one == other)
    matching.pair("wrong type", same_boundaries)
    candidates = sorted(
        (one.type != other.type, -shared_tokens(one, other), i, j)
        for i, one in matching.gold.items()
        for j, other in matching.predicted.items()
        if shared_tokens(one, other) > 0
    )
    for _, _, i, j in candidates:
        matching.take("wrong boundary", i, j)
    return matching.finish(lambda entity: (entity.start, entity.end))


def _compare_relations(gold: Document, predicted: Document, entity_findings: Sequence[Finding]) -> list[Finding]:
    gold_of = {finding.predicted: finding.gold for finding in entity_findings}
    right = {finding.gold for finding in entity_findings if finding.kind == "right"}
    # A relation may refer to any of several equal entities; the findings refer to the first.
    first_gold, first_predicted = _first_equal(gold.entities), _first_equal(predicted.entities)

    def annotated(relation: Relation) -> tuple[str, int, int]:
        return relation.type, first_gold[relation.head], first_gold[relation.tail]

    def in_gold_indices(relation: Relation) -> tuple[str | int | None, ...]:
        """The predicted relation with indices of gold entities; None for an entity without a partner."""
        return (relation.type, *(gold_of.get(first_predicted[i]) for i in (relation.head, relation.tail)))

    matching = _Matching(
        _distinct(gold.relations, annotated),
        _distinct(
            predicted.relations,
            lambda relation: (relation.type, first_predicted[relation.head], first_predicted[relation.tail]),
        ),
    )

    def same(one: Relation, other: Relation, *, swapped: bool = False, any_type: bool = False) -> bool:
        type_one, *ends_one = annotated(one)
        type_other, *ends_other = in_gold_indices(other)
        return (any_type or type_one == type_other) and ends_one == (ends_other[::-1] if swapped else ends_other)

    def strictly(one: Relation) -> bool:
        return {first_gold[one.head], first_gold[one.tail]} <= right

    matching.pair("right", lambda one, other: strictly(one) and same(one, other))
    matching.pair("wrong type", lambda one, other: strictly(one) and same(one, other, any_type=True))
    matching.pair("wrong direction", lambda one, other: strictly(one) and same(one, other, swapped=True))
    matching.pair("wrong entity", same)

    def of_its_cause(finding: Finding) -> Finding:
        if finding.kind == "missed" and finding.gold is not None:
            ends_right = strictly(gold.relations[finding.gold])
        elif finding.kind == "spurious" and finding.predicted is not None:
            ends_right = right.issuperset(in_gold_indices(predicted.relations[finding.predicted])[1:])
        else:
            return finding
        return finding if ends_right else replace(finding, kind=f"{finding.kind} end")

    starts = [entity.start for entity in gold.entities]
    found = matching.finish(lambda relation: (starts[relation.head], starts[relation.tail]))
    return [of_its_cause(finding) for finding in found]


class _Matching:
    """Gold and predicted items that are not paired yet, by index, and the findings so far."""

    def __init__(self, gold: dict[int, Any], predicted: dict[int, Any]) -> None:
        self.gold, self.predicted = gold, predicted
        self._all_gold: dict[Any, Any] = dict(gold)
        self.findings: list[Finding] = []

    def take(self, kind: str, i: int, j: int) -> None:
        """Pair gold item `i` with predicted item `j`, unless one of them is paired."""
        if i in self.gold and j in self.predicted:
            del self.gold[i], self.predicted[j]
            self.findings.append(Finding(kind, i, j))

    def pair(self, kind: str, alike: Callable[[Any, Any], bool]) -> None:
        """Pair items that are alike, in the order of the documents."""
        for i, one in list(self.gold.items()):
            for j, other in list(self.predicted.items()):
                if alike(one, other):
                    self.take(kind, i, j)
                    break

    def finish(self, position: Callable[[Any], tuple[int, int]]) -> list[Finding]:
        """All findings; the items left are missed or spurious."""
        self.findings += [Finding("missed", i, None) for i in self.gold]
        spurious = [Finding("spurious", None, j) for j in self.predicted]
        return sorted(self.findings, key=lambda finding: position(self._all_gold[finding.gold])) + spurious


def _distinct(items: Iterable[Any], key: Callable[[Any], Hashable] = lambda item: item) -> dict[int, Any]:
    """`{index: item}` without repeats."""
    seen: dict[Hashable, tuple[int, Any]] = {}
    for index, item in enumerate(items):
        seen.setdefault(key(item), (index, item))
    return dict(seen.values())


def _first_equal(items: Iterable[Hashable]) -> list[int]:
    """For each item the index of the first one equal to it."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(item, index) for index, item in enumerate(items)]
