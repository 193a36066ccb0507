"""One node for each name and type, one edge for each relation between them: what all formats of graphs contain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cman_tf.data.document import Document

Node = tuple[str, str]
"""Type and mention of entities."""


def merged(
    sentences: Iterable[Document], shown: Callable[[str], str] = str
) -> tuple[dict[Node, int], dict[tuple[Node, str, Node], dict[str, Any]]]:
    """The entities and relations of all sentences, each once.

    Args:
        sentences: iterable of `Document`. One without an id is called `#1` if it is the first, and so on.
        shown: callable, applied to every text. Default: `str`, which changes nothing.

    Returns:
        `(nodes, edges)`. Nodes are a dict of `(type, mention)` to the number of entities; blanks in a mention are one
        space. Edges are a dict of `(head, type, tail)` to a dict of `count`, the number of places, `score`, the best,
        missing if none is known, and `places`: a list of dict with `sentence` (id), `text` and, if known, `score`.
    """
    nodes: dict[Node, int] = {}
    edges: dict[tuple[Node, str, Node], dict[str, Any]] = {}
    for number, found in enumerate(sentences, 1):
        names = []
        for entity in found.entities:
            names.append((shown(entity.type), " ".join(shown(found.entity_text(entity)).split())))
            nodes[names[-1]] = nodes.get(names[-1], 0) + 1
        for relation in found.relations:
            about = edges.setdefault((names[relation.head], shown(relation.type), names[relation.tail]), {"count": 0})
            place: dict[str, Any] = {"sentence": shown(found.id or f"#{number}"), "text": shown(found.text)}
            if relation.score is not None:
                place["score"] = float(relation.score)
                about["score"] = max(place["score"], about.get("score", 0.0))
            about["count"] += 1
            about.setdefault("places", []).append(place)
    return nodes, edges
