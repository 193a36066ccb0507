"""Scores of parts of a corpus: by sentence length, by entity distance, and for given sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS, Counts, check_same_sentences, items_of, score

# Lower borders of the groups, each up to the next border.
SENTENCE_LENGTHS = (0, 20, 35, 50)
ENTITY_DISTANCES = (0, 10, 20)


def by_sentence_length(
    gold: Sequence[Document], predicted: Sequence[Document], *, borders: Sequence[int] = SENTENCE_LENGTHS
) -> dict[str, dict[str, Any]]:
    """Strict micro scores of short and long sentences: Figure 5 of Zhao et al. (2020).

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order.
        borders: sequence of int. Lower borders of the groups, in tokens, the first of them 0. Default
            `(0, 20, 35, 50)`, the paper's groups.

    Returns:
        dict, one entry for each group in rising order, named like `"0-19"` and `">=50"`:
        `{"sentences": int, "entities"|"relations": {"precision", "recall", "f1", "gold", "predicted", "correct"}}`.
        Rates are fractions.

    Raises:
        InputError: if gold and prediction do not contain the same sentences, or `borders` are invalid.
    """
    check_same_sentences(gold, predicted)
    names = _group_names(borders)
    sentences = dict.fromkeys(names, 0)
    counts = {item: dict.fromkeys(names, Counts()) for item in ITEMS}
    for gold_document, predicted_document in zip(gold, predicted):
        name = names[_group(len(gold_document), borders)]
        sentences[name] += 1
        for item in ITEMS:
            counts[item][name] += Counts.of(items_of(gold_document, item), items_of(predicted_document, item))
    return {
        name: {"sentences": sentences[name], **{item: counts[item][name].to_dict() for item in ITEMS}} for name in names
    }


def by_entity_distance(
    gold: Sequence[Document], predicted: Sequence[Document], *, borders: Sequence[int] = ENTITY_DISTANCES
) -> dict[str, dict[str, Any]]:
    """Strict micro scores of relations between near and far entities: Figure 4 of Zhao et al. (2020).

    The distance of a relation is the paper's: the characters from the last character of the entity that comes first
    in the text to the last character of the other one. The paper draws three groups and names one border, "more than
    20 characters"; the border at 10 is this project's choice.

    Relations are grouped by their own distance, gold and predicted alike. The paper does not say how entities, which
    have no distance, are grouped. Here an entity counts in the group of each relation, gold or predicted, that an
    entity with its boundaries takes part in. So an entity that was found does not become a miss if only its relation
    was missed. An entity with relations in several groups counts in each; one without relations counts in none.

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order.
        borders: sequence of int. Lower borders of the groups, in characters, the first of them 0. Default
            `(0, 10, 20)`.

    Returns:
        dict, one entry for each group in rising order, named like `"0-9"` and `">=20"`:
        `{"entities"|"relations": {"precision", "recall", "f1", "gold", "predicted", "correct"}}`. Rates are
        fractions.

    Raises:
        InputError: if gold and prediction do not contain the same sentences, or `borders` are invalid.
    """
    check_same_sentences(gold, predicted)
    names = _group_names(borders)
    counts = {item: dict.fromkeys(names, Counts()) for item in ITEMS}
    for gold_document, predicted_document in zip(gold, predicted):
        # The same sentence must give the same distance, and prediction may carry another text around its tokens.
        offsets = gold_document.offsets
        groups = [_by_group(document, offsets, borders) for document in (gold_document, predicted_document)]
        entities = [items_of(document, "entities") for document in (gold_document, predicted_document)]
        for index, name in enumerate(names):
            gold_relations, predicted_relations = (by_group.get(index, set()) for by_group in groups)
            counts["relations"][name] += Counts.of(gold_relations, predicted_relations)
            spans = {entity[1:] for _, *pair in gold_relations | predicted_relations for entity in pair}
            counts["entities"][name] += Counts.of(*({e for e in found if e[1:] in spans} for found in entities))
    return {name: {item: counts[item][name].to_dict() for item in ITEMS} for name in names}


def score_sentences(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    indices: Iterable[int],
    *,
    exclude_types: Sequence[str] = (),
) -> dict[str, Any]:
    """`score` of some sentences only, e.g. the test sentences that are not in the training data.

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order.
        indices: iterable of int. Positions of the sentences to count.
        exclude_types: sequence of str. As in `score`. Default `()`.

    Returns:
        dict, as from `score`.

    Raises:
        InputError: as `score`, or if an index is out of range or repeated.
    """
    indices = list(indices)
    for index in indices:
        if not 0 <= index < len(gold):
            raise InputError(
                f"An index must be at least 0 and less than the number of sentences, {len(gold)}. Received: {index}"
            )
    if len(set(indices)) != len(indices):
        raise InputError(f"`indices` must not contain repetitions. Received: {indices}")
    check_same_sentences(gold, predicted)
    return score([gold[i] for i in indices], [predicted[i] for i in indices], exclude_types=exclude_types)


def _by_group(document: Document, offsets: Sequence[tuple[int, int]], borders: Sequence[int]) -> dict[int, set]:
    """Strict relation items of `document`, as `{group: set}`."""
    groups: dict[int, set] = {}
    for relation in items_of(document, "relations"):
        _, (_, _, head_end), (_, _, tail_end) = relation
        distance = abs(offsets[head_end - 1][1] - offsets[tail_end - 1][1])
        groups.setdefault(_group(distance, borders), set()).add(relation)
    return groups


def _group(value: int, borders: Sequence[int]) -> int:
    return sum(value >= border for border in borders) - 1


def _group_names(borders: Sequence[int]) -> list[str]:
    if not borders or borders[0] != 0 or any(low >= high for low, high in zip(borders, borders[1:])):
        raise InputError(f"`borders` must start at 0 and be strictly increasing. Received: {list(borders)}")
    return [f"{low}-{high - 1}" for low, high in zip(borders, borders[1:])] + [f">={borders[-1]}"]
