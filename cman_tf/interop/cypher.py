"""Predicted entities and relations as Cypher statements, for Neo4j and other graph databases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.reading import check_unicode, types, written
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def write_cypher(documents: Iterable[Document], path: str | Path) -> None:
    """Write `MERGE` statements, one on each line: entities of the same words and type are one node.

        MERGE (:`Peop` {name: 'Ana Lima'});
        MATCH (a:`Peop` {name: 'Ana Lima'}), (b:`Loc` {name: 'Oslo'}) MERGE (a)-[r:`Live_In`]->(b)
            SET r.score = 0.97, r.sentence = '7:1';

    Loading a file twice changes nothing. A relation that is found twice is one edge with the best score and its
    sentence; `score` is missing where it is unknown. `text` of the sentence is `r.text`.

    Args:
        documents: iterable of `Document`. A sentence without an id is called `#1` if it is the first, and so on.
        path: str or path.

    Raises:
        InputError: if a type contains a backslash, which versions of Cypher read differently, a text contains a lone
            surrogate, or the file cannot be written.
    """
    nodes: dict[str, None] = {}
    edges: dict[tuple[str, str, str], tuple[float | None, str]] = {}
    for number, found in enumerate(written(each(documents), _checked), 1):
        names = [_node(entity.type, found.entity_text(entity)) for entity in found.entities]
        nodes.update(dict.fromkeys(names))
        for relation in found.relations:
            edge = names[relation.head], _name(relation.type), names[relation.tail]
            score = None if relation.score is None else float(relation.score)
            about = f"r.sentence = {_string(found.id or f'#{number}')}, r.text = {_string(found.text)}"
            if edge not in edges or (score or 0.0) > (edges[edge][0] or 0.0):
                edges[edge] = score, about
    with atomic_write(path) as file:
        file.writelines(f"MERGE (:{node});\n" for node in nodes)
        for (head, kind, tail), (score, about) in edges.items():
            scored = "" if score is None else f"r.score = {score!r}, "
            file.write(f"MATCH (a:{head}), (b:{tail}) MERGE (a)-[r:{kind}]->(b) SET {scored}{about};\n")


def _checked(document: Document) -> Document:
    check_unicode(document.text, document.id)
    for name in types(document):
        if "\\" in name:
            raise InputError(f"A type in Cypher must not contain a backslash. Received: {name!r}")
    return document


def _node(kind: str, mention: str) -> str:
    return f"{_name(kind)} {{name: {_string(' '.join(mention.split()))}}}"


def _name(kind: str) -> str:
    return "`" + kind.replace("`", "``") + "`"


def _string(text: str) -> str:
    """A string literal on one line. Backslashes first: the escapes contain them."""
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() else "".join(map(_unit, _units(c))) for c in text) + "'"


def _units(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


def _unit(number: int) -> str:
    return f"\\u{number:04x}"
