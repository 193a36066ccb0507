"""Prints predictions on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from cman_tf.errors import printable

if TYPE_CHECKING:
    from cman_tf.data.document import Document, Entity, Relation


def table(documents: Iterable[Document], console: Console | None = None) -> None:
    """Print each sentence with its entities and relations.

    Args:
        documents: iterable of `Document`.
        console: `rich.console.Console`. Default: standard output.
    """
    console = console or Console(highlight=False)
    for document in documents:
        console.print(Text(printable(document.text)), soft_wrap=True)
        for entity in document.entities:
            start, end = document.char_span(entity)
            line = f"  {entity.type:<12} {document.entity_text(entity)}  [{start}:{end}]"
            console.print(Text(printable(line) + _score(entity)), soft_wrap=True)
        for relation in document.relations:
            head, tail = (document.entity_text(document.entities[i]) for i in (relation.head, relation.tail))
            console.print(Text(printable(f"  {head} --{relation.type}--> {tail}") + _score(relation)), soft_wrap=True)
        console.print()


def _score(item: Entity | Relation) -> str:
    return "" if item.score is None else f"  {item.score:.3f}"
