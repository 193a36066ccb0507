"""Predicted entities and relations as Cypher statements, for Neo4j and other graph databases."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.reading import check_unicode, types, written
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from cman_tf.interop.merging import Node, merged

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def write_cypher(documents: Iterable[Document], path: str | Path) -> None:
    """Write `MERGE` statements, one on each line: entities of the same words and type are one node.

        MERGE (:`Peop` {name: 'Ana Lima'});
        MATCH (a:`Peop` {name: 'Ana Lima'}), (b:`Loc` {name: 'Oslo'}) MERGE (a)-[r:`Live_In`]->(b)
            SET r.count = 1, r.score = 0.97,
            r.places = '[{"sentence": "7:1", "text": "Ana Lima lives in Oslo.", "score": 0.97}]';

    Loading a file twice changes nothing. A relation that is found several times is one edge with the number of places,
    the best score, which is missing where none is known, and the places as JSON.

    Args:
        documents: iterable of `Document`. A sentence without an id is called `#1` if it is the first, and so on.
        path: str or path.

    Raises:
        InputError: if a type contains a backslash, which versions of Cypher read differently, a text contains a lone
            surrogate, or the file cannot be written.
    """
    nodes, edges = merged(written(each(documents), _checked))
    with atomic_write(path) as file:
        file.writelines(f"MERGE (:{_node(node)});\n" for node in nodes)
        for (head, kind, tail), about in edges.items():
            # A property cannot be a list of maps.
            places = _string(json.dumps(about["places"], ensure_ascii=False))
            scored = f"r.score = {about['score']!r}, " if "score" in about else ""
            file.write(
                f"MATCH (a:{_node(head)}), (b:{_node(tail)}) MERGE (a)-[r:{_name(kind)}]->(b) "
                f"SET r.count = {about['count']}, {scored}r.places = {places};\n"
            )


def _checked(document: Document) -> Document:
    check_unicode(document.text, document.id)
    for name in types(document):
        if "\\" in name:
            raise InputError(f"A type in Cypher must not contain a backslash. Received: {name!r}")
    return document


def _node(node: Node) -> str:
    kind, mention = node
    return f"{_name(kind)} {{name: {_string(mention)}}}"


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
