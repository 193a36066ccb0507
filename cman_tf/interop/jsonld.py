"""Predicted entities and relations as JSON-LD: linked data for triple stores and other programs that read RDF."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cman_tf.data.formats.reading import check_unicode, written
from cman_tf.data.sentences import each
from cman_tf.files import atomic_write
from cman_tf.interop.merging import Node, merged

if TYPE_CHECKING:
    from cman_tf.data.document import Document

# Everything is defined in the file itself: no address is looked up.
_BASE = "urn:x-cman:"
CONTEXT: dict[str, Any] = {
    "@version": 1.1,
    "entity": {"@id": f"{_BASE}entity:", "@prefix": True},
    "type": {"@id": f"{_BASE}type:", "@prefix": True},
    "relation": {"@id": f"{_BASE}relation:", "@prefix": True},
    **{name: f"{_BASE}{name}" for name in ("Relation", "name", "count", "score", "sentence", "text", "places")},
    **{name: {"@id": f"{_BASE}{name}", "@type": "@id"} for name in ("head", "tail", "property")},
}


def write_jsonld(documents: Iterable[Document], path: str | Path) -> None:
    """Write one graph of all sentences, atomically: entities of the same words and type are one node.

        {"@context": {...}, "@graph": [
          {"@id": "entity:Peop:Ana%20Lima", "@type": "type:Peop", "name": "Ana Lima", "count": 1,
           "relation:Live_In": [{"@id": "entity:Loc:Oslo"}]},
          {"@id": "entity:Loc:Oslo", "@type": "type:Loc", "name": "Oslo", "count": 1},
          {"@type": "Relation", "head": "entity:Peop:Ana%20Lima", "property": "relation:Live_In",
           "tail": "entity:Loc:Oslo", "count": 1, "score": 0.97,
           "places": [{"sentence": "7:1", "text": "Ana Lima lives in Oslo.", "score": 0.97}]}]}

    A relation is a property of its head; a property has no score, so a node `Relation` has the best one, and the number
    and list of the places where the relation was found. Types and names in identifiers are percent-encoded.

    Args:
        documents: iterable of `Document`. A sentence without an id is called `#1` if it is the first, and so on.
        path: str or path.

    Raises:
        InputError: if a type is not valid, a text contains a lone surrogate, or the file cannot be written.
    """
    nodes, edges = merged(written(each(documents), _checked))
    own: dict[Node, dict[str, Any]] = {}
    for node, count in nodes.items():
        kind, mention = node
        own[node] = {"@id": _identifier(node), "@type": f"type:{_encoded(kind)}", "name": mention, "count": count}
    relations = []
    for (head, kind, tail), about in edges.items():
        name = f"relation:{_encoded(kind)}"
        own[head].setdefault(name, []).append({"@id": _identifier(tail)})
        ends = {"head": _identifier(head), "property": name, "tail": _identifier(tail)}
        relations.append({"@type": "Relation", **ends, **about})
    content = {"@context": CONTEXT, "@graph": [*own.values(), *relations]}
    with atomic_write(path) as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")


def _checked(document: Document) -> Document:
    check_unicode(document.text, document.id)
    return document


def _identifier(node: Node) -> str:
    kind, mention = node
    return f"entity:{_encoded(kind)}:{_encoded(mention)}"


def _encoded(text: str) -> str:
    return quote(text, safe="")
