"""Looks for entities whose span may be a mistake, and for mentions without an annotation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cman_tf.data.document import Document, Entity

OFTEN = 3
"""A mention must be annotated as often as this to be expected elsewhere."""

SHARE = 0.75
"""Share of the occurrences of a mention that must be annotated, for the others to be suspicious."""

_OUTER = re.compile(r"^[,;:!?)\]}]|[-,;:(\[{]$")


def name(document: Document) -> str:
    """How an example names its sentence: by its id, or the beginning of its text."""
    return document.id or document.text[:60]


def cut(documents: Sequence[Document]) -> list[str]:
    """Entities that begin or end inside a word, or have no letter or digit."""
    found = []
    for document, entity, text in _entities(documents):
        start, end = document.char_span(entity)
        before, after = document.text[max(start - 1, 0) : start], document.text[end : end + 1]
        inside = (before + text[0]).isalnum() and before or (text[-1] + after).isalnum() and after
        if inside or not re.search(r"\w", text):
            found.append(_example(document, entity))
    return found


def outer_characters(documents: Sequence[Document]) -> list[str]:
    """Entities that begin or end with a blank or punctuation which is not part of a name, or with half a bracket."""
    found = []
    for document, entity, text in _entities(documents):
        half = any(text.count(one) != text.count(other) for one, other in ("()", "[]", "{}"))
        if text != text.strip() or half or _OUTER.search(text):
            found.append(_example(document, entity))
    return found


def not_annotated(documents: Sequence[Document]) -> list[str]:
    """Mentions that are annotated nearly everywhere, where they are not.

    A mention counts if it is annotated at least `OFTEN` times, and in a share of at least `SHARE` of its occurrences.
    Occurrences inside another entity are not counted.
    """
    annotated = Counter(document.tokens[e.start : e.end] for document, e, _ in _entities(documents))
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for tokens, count in annotated.items():
        if count >= OFTEN:
            by_first[tokens[0]].append(tuple(tokens))
    missing: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for document in documents:
        inside = {place for entity in document.entities for place in range(entity.start, entity.end)}
        for start, token in enumerate(document.tokens):
            for tokens in by_first.get(token, ()):
                places = range(start, start + len(tokens))
                if document.tokens[start : start + len(tokens)] == tokens and inside.isdisjoint(places):
                    missing[tokens].append(name(document))
    return [
        f"{' '.join(tokens)} (annotated {annotated[tokens]} times): {', '.join(dict.fromkeys(names))}"
        for tokens, names in sorted(missing.items())
        if annotated[tokens] >= SHARE * (annotated[tokens] + len(names))
    ]


def _entities(documents: Sequence[Document]) -> Iterator[tuple[Document, Entity, str]]:
    for document in documents:
        for entity in document.entities:
            yield document, entity, document.entity_text(entity)


def _example(document: Document, entity: Entity) -> str:
    start, end = document.char_span(entity)
    text = document.text[max(start - 10, 0) : end + 10]
    return f"{document.entity_text(entity)!r} in {text!r}: {name(document)}"
