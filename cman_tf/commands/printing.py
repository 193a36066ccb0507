"""Prints predictions on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from cman_tf.data.sentences import parts
from cman_tf.errors import printable

if TYPE_CHECKING:
    from cman_tf.data.document import Document, Entity, Relation


def table(documents: Iterable[Document], console: Console | None = None) -> None:
    """Print each sentence with its entities and relations, below the id of its document, if that has one.

    The offsets of entities are those of the document.

    Args:
        documents: iterable of `Document`.
        console: `rich.console.Console`. Default: standard output.
    """
    console = console or Console(highlight=False)
    for document in documents:
        if document.id:
            console.print(Text(printable(f"id: {document.id}")), soft_wrap=True)
        shift = 0
        for number, part in enumerate(parts(document)):
            if part is not document:
                shift = document.sentence_span(number)[0]
            _print(console, part, shift)


def _print(console: Console, sentence: Document, shift: int) -> None:
    console.print(Text(_line(sentence.text)), soft_wrap=True)
    for entity in sentence.entities:
        start, end = sentence.char_span(entity)
        line = f"  {entity.type:<12} {_line(sentence.entity_text(entity))}  [{shift + start}:{shift + end}]"
        console.print(Text(printable(line) + _score(entity)), soft_wrap=True)
    for relation in sentence.relations:
        head, tail = (_line(sentence.entity_text(sentence.entities[i])) for i in (relation.head, relation.tail))
        console.print(Text(f"  {head} --{printable(relation.type)}--> {tail}" + _score(relation)), soft_wrap=True)
    console.print()


def _line(text: str) -> str:
    """A text of several lines on one."""
    return printable(" ".join(text.strip().splitlines()) if "\n" in text else text)


def _score(item: Entity | Relation) -> str:
    return "" if item.score is None else f"  {item.score:.3f}"
