"""What was found as one graph: entities are nodes, relations are edges; networkx, and GraphML for other programs."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.errors import optional, printable
from cman_tf.files import atomic_write

if TYPE_CHECKING:
    import networkx

    from cman_tf.data.document import Document


def relation_graph(documents: Iterable[Document]) -> networkx.MultiDiGraph:
    """The graph of all sentences together: entities of the same words and type are one node.

    Args:
        documents: iterable of `Document`. One without an id is called `#1` if it is the first, and so on.

    Returns:
        `networkx.MultiDiGraph`. Nodes are named `type:mention` and have `mention`, `type` and `count`, how often the
        entity was found. Edges go from head to tail and have `type`, `sentence_id`, `text` and, if known, `score`.

    Raises:
        InputError: networkx is not installed.
    """
    graph = optional("networkx", "frames").MultiDiGraph()
    for number, document in enumerate(documents, 1):
        names = []
        for entity in document.entities:
            mention = " ".join(printable(document.entity_text(entity)).split())
            names.append(f"{printable(entity.type)}:{mention}")
            count = graph.nodes[names[-1]]["count"] if names[-1] in graph else 0
            graph.add_node(names[-1], mention=mention, type=printable(entity.type), count=count + 1)
        for relation in document.relations:
            about: dict[str, Any] = {
                "type": printable(relation.type),
                "sentence_id": printable(document.id or f"#{number}"),
            }
            if relation.score is not None:
                about["score"] = float(relation.score)
            graph.add_edge(names[relation.head], names[relation.tail], text=printable(document.text), **about)
    return graph


def write_graphml(documents: Iterable[Document], path: str | Path) -> None:
    """Write the graph of all sentences as GraphML, whole or not at all.

    Args:
        documents: iterable of `Document`.
        path: str or path.

    Raises:
        InputError: the file cannot be written, or networkx is not installed.
    """
    data = io.BytesIO()
    optional("networkx", "frames").write_graphml(relation_graph(documents), data)
    with atomic_write(path, "wb") as file:
        file.write(data.getbuffer())
