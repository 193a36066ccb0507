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
           "tail": "entity:Loc:Oslo", "score": 0.97,
           "places": [{"sentence": "7:1", "text": "Ana Lima lives in Oslo.", "score": 0.97}]}]}

    A relation is a property of its head; a property has no score, so a node `Relation` has the best one and the places
    where the relation was found. Types and names in identifiers are percent-encoded.

    Args:
        documents: iterable of `Document`. A sentence without an id is called `#1` if it is the first, and so on.
        path: str or path.

    Raises:
        InputError: if a type is not valid, a text contains a lone surrogate, or the file cannot be written.
    """
    nodes: dict[str, dict[str, Any]] = {}
    edges: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number, found in enumerate(written(each(documents), _checked), 1):
        names = [_entity(nodes, entity.type, found.entity_text(entity)) for entity in found.entities]
        for relation in found.relations:
            kind = f"relation:{_encoded(relation.type)}"
            head, tail = names[relation.head], names[relation.tail]
            if (head, kind, tail) not in edges:
                nodes[head].setdefault(kind, []).append({"@id": tail})
                edges[head, kind, tail] = {"@type": "Relation", "head": head, "property": kind, "tail": tail}
            edge = edges[head, kind, tail]
            place: dict[str, Any] = {"sentence": found.id or f"#{number}", "text": found.text}
            if relation.score is not None:
                place["score"] = float(relation.score)
                edge["score"] = max(place["score"], edge.get("score", 0.0))
            edge.setdefault("places", []).append(place)
    content = {"@context": CONTEXT, "@graph": [*nodes.values(), *edges.values()]}
    with atomic_write(path) as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")


def _checked(document: Document) -> Document:
    check_unicode(document.text, document.id)
    return document


def _entity(nodes: dict[str, dict[str, Any]], kind: str, mention: str) -> str:
    """The identifier of the node of an entity, which is made or counted."""
    mention = " ".join(mention.split())
    name = f"entity:{_encoded(kind)}:{_encoded(mention)}"
    node = nodes.setdefault(name, {"@id": name, "@type": f"type:{_encoded(kind)}", "name": mention, "count": 0})
    node["count"] += 1
    return name


def _encoded(text: str) -> str:
    return quote(text, safe="")
