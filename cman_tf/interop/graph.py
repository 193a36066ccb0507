"""Predicted entities as nodes and relations as edges of one graph, in networkx or as a GraphML file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.sentences import each
from cman_tf.errors import optional, printable
from cman_tf.files import atomic_write
from cman_tf.interop.merging import merged

if TYPE_CHECKING:
    import networkx
    from matplotlib.figure import Figure

    from cman_tf.data.document import Document


def relation_graph(documents: Iterable[Document]) -> networkx.MultiDiGraph:
    """The graph of all sentences together: entities of the same words and type are one node.

    A relation that is found several times is one edge.

    Args:
        documents: iterable of `Document`. A sentence without an id is called `#1` if it is the first, and so on.

    Returns:
        `networkx.MultiDiGraph`. Nodes are named `type:mention` and have `mention`, `type` and `count`, the number of
        its entities. Edges go from head to tail and have `type`, `count`, the number of places where the relation was
        found, if known `score`, the best, and `places`: a JSON list of objects with `sentence`, `text` and `score`.

    Raises:
        InputError: if networkx is not installed.
    """
    graph = optional("networkx", "frames").MultiDiGraph()
    nodes, edges = merged(each(documents), printable)
    for (kind, mention), count in nodes.items():
        graph.add_node(f"{kind}:{mention}", mention=mention, type=kind, count=count)
    for (head, kind, tail), about in edges.items():
        # GraphML has no lists.
        places = json.dumps(about["places"], ensure_ascii=False)
        graph.add_edge(":".join(head), ":".join(tail), type=kind, **{**about, "places": places})
    return graph


def write_graphml(documents: Iterable[Document], path: str | Path) -> None:
    """Write the graph of all sentences as GraphML, atomically.

    Args:
        documents: iterable of `Document`.
        path: str or path.

    Raises:
        InputError: if the file cannot be written, or networkx is not installed.
    """
    data = io.BytesIO()
    optional("networkx", "frames").write_graphml(relation_graph(documents), data)
    with atomic_write(path, "wb") as file:
        file.write(data.getbuffer())


def graph_picture(graph: networkx.MultiDiGraph) -> Figure:
    """A drawing of the entities that have relations, and their relations.

    Args:
        graph: `networkx.MultiDiGraph`, from `relation_graph`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        InputError: if networkx is not installed.
    """
    networkx = optional("networkx", "frames")
    graph = graph.subgraph([node for node, degree in graph.degree if degree])
    # Each connected part has a cell of a grid, the largest first: in one layout, small parts would overlap.
    parts = sorted(networkx.weakly_connected_components(graph), key=len, reverse=True)
    columns = max(round((0.6 * len(parts)) ** 0.5), 1)
    # Not pyplot, which keeps every figure and looks for a window system.
    from matplotlib.figure import Figure

    figure = Figure((2 + 3.2 * columns, 1 + 1.9 * -(-len(parts) // columns)), layout="constrained")
    axes = figure.add_subplot()
    places = {}
    for number, part in enumerate(parts):
        middle = 3 * (number % columns), -3 * (number // columns)
        own = networkx.Graph(graph.subgraph(part))
        places.update(networkx.spring_layout(own, center=middle, iterations=200, seed=1))
    types = sorted({kind for _, kind in graph.nodes(data="type")})
    for number, kind in enumerate(types):
        nodes = [node for node, other in graph.nodes(data="type") if other == kind]
        drawn = networkx.draw_networkx_nodes(
            graph, places, nodes, ax=axes, node_size=260, node_color=f"C{number}", alpha=0.6
        )
        drawn.set_label(kind)
    networkx.draw_networkx_edges(graph, places, ax=axes, edge_color="#999999", arrowsize=9, node_size=260)
    names = {node: mention.replace("$", r"\$") for node, mention in graph.nodes(data="mention")}
    networkx.draw_networkx_labels(graph, places, names, ax=axes, font_size=8)
    kinds: dict[tuple[str, str], list[str]] = {}
    for head, tail, kind in graph.edges(data="type"):
        kinds.setdefault((head, tail), []).append(kind)
    labels = {ends: ", ".join(found) for ends, found in kinds.items()}
    # Without parallel edges, for which networkx requires a label each.
    networkx.draw_networkx_edge_labels(
        networkx.DiGraph(graph), places, labels, ax=axes, font_size=7, font_color="#555555"
    )
    axes.margins(0.12)
    if types:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.axis("off")
    return figure
