"""Pictures of whole runs: a training, a graph of what was found, figures beside the paper's."""

from __future__ import annotations

import statistics

from cman_tf.interop.extras import optional
from cman_tf.reproduction.sections import PAPER, runs_of

_ENTITIES, _RELATIONS, _PAPER = "#1b6ca8", "#c8553d", "#666666"


def history_picture(history):
    """Loss and dev scores of a training, epoch by epoch.

    Args:
        history: list of dicts, `Run.history()`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, (left, right) = _figure(1, 2, (8.5, 2.8))
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["loss"] for row in history], color=_PAPER)
    left.set(title="loss", xlabel="epoch", yscale="log")
    for column, name, colour in (("dev_ner_f1", "entities", _ENTITIES), ("dev_re_f1", "relations", _RELATIONS)):
        right.plot(epochs, [100 * row[column] if row[column] is not None else None for row in history], color=colour)
        right.plot([], [], color=colour, label=name)
    right.set(title="strict micro F1 on dev, %", xlabel="epoch", ylim=(0, 100))
    right.legend(frameon=False, fontsize=8)
    return figure


def graph_picture(graph, seed=1):
    """A drawing of the entities that have relations, and their relations.

    Args:
        graph: `networkx.MultiDiGraph`, from `cman_tf.interop.graph.relation_graph`.
        seed: int. Of the places of the nodes.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        InputError: networkx is not installed.
    """
    networkx = optional("networkx", "frames")
    graph = graph.subgraph([node for node, degree in graph.degree if degree])
    side = 4 + 0.9 * len(graph) ** 0.5
    figure, [axes] = _figure(1, 1, (side * 1.3, side))
    places = networkx.spring_layout(graph, k=2.2 / max(len(graph), 1) ** 0.5, iterations=200, seed=seed)
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
    kinds = {}
    for head, tail, kind in graph.edges(data="type"):
        kinds.setdefault((head, tail), []).append(kind)
    labels = {ends: ", ".join(dict.fromkeys(found)) for ends, found in kinds.items()}
    # Without parallel edges, whose labels networkx wants one by one.
    networkx.draw_networkx_edge_labels(
        networkx.DiGraph(graph), places, labels, ax=axes, font_size=7, font_color="#555555"
    )
    axes.margins(0.12)
    if types:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.axis("off")
    return figure


def paper_picture(folders):
    """F1 on CoNLL04's test split of experiments, mean and standard deviation over seeds, below the paper's Table 1.

    Args:
        folders: sequence of path. Each holds the runs of an experiment, as `results/conll04/NAME` does.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows = [(name, [entities], [relations], _PAPER) for name, entities, relations in PAPER]
    for folder in folders:
        micro = [metrics["strict"]["micro"] for _, metrics, _ in runs_of(folder)]
        scores = [[100 * found[item]["f1"] for found in micro] for item in ("entities", "relations")]
        rows.append((folder.name, *scores, _ENTITIES))
    figure, panels = _figure(1, 2, (9, 0.8 + 0.32 * len(rows)), sharey=True)
    for item, (axes, name) in enumerate(zip(panels, ("entities", "relations"))):
        for place, (_, *scores, colour) in enumerate(rows):
            values = scores[item]
            error = statistics.stdev(values) if len(values) > 1 else 0
            axes.errorbar(statistics.mean(values), place, xerr=error, fmt="o", color=colour, capsize=3)
        axes.set_title(f"{name}, strict micro F1, %", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(rows)), [name for name, *_ in rows], fontsize=8)
    panels[0].invert_yaxis()
    return figure


def _figure(rows, columns, size, **options):
    """`(figure, panels)` of a size in inches."""
    # Not pyplot: it would keep every figure, and look for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels
