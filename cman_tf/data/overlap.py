"""Policies for overlapping entities, which BIO tags cannot represent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cman_tf.data.document import Document, Entity, named
from cman_tf.errors import InputError, check_choice


@dataclass(frozen=True)
class Counts:
    """Number of sentences, entities and relations that a policy dropped.

    Args:
        sentences: int.
        entities: int. Includes those of dropped sentences.
        relations: int. Includes those of dropped sentences.
    """

    sentences: int = 0
    entities: int = 0
    relations: int = 0

    def __bool__(self) -> bool:
        return bool(self.sentences or self.entities or self.relations)

    def __str__(self) -> str:
        return f"{self.sentences} sentences, {self.entities} entities, {self.relations} relations"


def resolve(documents: Iterable[Document], policy: str = "error") -> tuple[list[Document], Counts]:
    """Apply a policy for overlapping entities.

    Args:
        documents: iterable of `Document`.
        policy: str. `"error"`: refuse overlapping entities; `"drop_sentences"`: drop sentences that have any;
            `"keep_outer"`: drop the entities that overlap a longer one (of equal ones, the later), and their
            relations; `"keep_inner"`: likewise those that overlap a shorter one. Not in the paper. Default: `"error"`.

    Returns:
        `(documents, counts)`: list of `Document` without overlapping entities, and `Counts` of what was dropped.

    Raises:
        InputError: if the policy is unknown or, under `"error"`, a sentence has overlapping entities.
    """
    check_choice("An overlap policy", policy, POLICIES)
    return _apply(documents, POLICIES[policy])


def no_overlapping(documents: Iterable[Document]) -> tuple[list[Document], Counts]:
    """Drop every entity that overlaps another, outer ones too, and their relations.

    For evaluation only: for comparison with published figures without overlapping entities, both gold and predictions
    are stripped.

    Returns:
        `(documents, counts)`, as `resolve` returns them.
    """
    return _apply(documents, _without_overlapping)


def _apply(documents: Iterable[Document], policy: Callable) -> tuple[list[Document], Counts]:
    documents = list(documents)
    kept = []
    for number, document in enumerate(documents, 1):
        pairs = document.overlapping()
        result = policy(document, pairs, number) if pairs else document
        if result is not None:
            kept.append(result)
    return kept, Counts(
        len(documents) - len(kept),
        sum(len(d.entities) for d in documents) - sum(len(d.entities) for d in kept),
        sum(len(d.relations) for d in documents) - sum(len(d.relations) for d in kept),
    )


def refuse(document: Document, pairs: Sequence[tuple[int, int]], place: str) -> None:
    """Raise the `InputError` about the overlapping entities `pairs` of a document."""
    first, second = (document.entity_text(document.entities[index]) for index in pairs[0])
    raise InputError(
        "Entities must not overlap, because BIO tags cannot represent them; choose a policy, --corpus.overlap "
        f"{'|'.join(name for name in POLICIES if name != 'error')}. Received: {first!r} and {second!r} in "
        f"{place}"
    )


def _refuse(document: Document, pairs: Sequence[tuple[int, int]], number: int) -> None:
    refuse(document, pairs, named(document, number))


def _drop_sentence(document: Document, pairs: Sequence[tuple[int, int]], number: int) -> None:
    return None


def _keep_outer(document: Document, pairs: Sequence[tuple[int, int]], number: int) -> Document:
    return _keep_first(document, lambda entity: entity.start - entity.end)


def _keep_inner(document: Document, pairs: Sequence[tuple[int, int]], number: int) -> Document:
    return _keep_first(document, lambda entity: entity.end - entity.start)


def _keep_first(document: Document, order: Callable[[Entity], int]) -> Document:
    """Keep each entity that overlaps none that precedes it in the order."""
    entities = document.entities
    kept: list[int] = []
    for index in sorted(range(len(entities)), key=lambda i: (order(entities[i]), i)):
        entity = entities[index]
        if all(entity.end <= entities[other].start or entities[other].end <= entity.start for other in kept):
            kept.append(index)
    return document.with_only(kept)


def _without_overlapping(document: Document, pairs: Sequence[tuple[int, int]], number: int) -> Document:
    overlapping = {index for pair in pairs for index in pair}
    return document.with_only(set(range(len(document.entities))) - overlapping)


POLICIES = {"error": _refuse, "drop_sentences": _drop_sentence, "keep_outer": _keep_outer, "keep_inner": _keep_inner}
