"""Figures 4 and 5 of the paper from the runs of the ablations."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from cman_tf.evaluation.scorer import ITEMS
from cman_tf.files import atomic_write
from reproduction.runs import runs_of

_LINES = {"whole": ("CMAN", "#1b6ca8", "o-"), "no_units": ("without BSA attention and BLA", "#c8553d", "s--")}


def breakdown_figure(folder: Path, key: str, path: Path) -> bool:
    """Draw F1 on dev over the groups of a breakdown, the whole network against that without both units.

    Args:
        folder: path. The ablations, with runs in `whole/` and `no_units/`.
        key: str. `by_entity_distance` (Figure 4) or `by_sentence_length` (Figure 5).
        path: path of the SVG picture.

    Returns:
        bool: whether there were runs to draw.
    """
    runs = {name: [metrics for _, metrics, _ in runs_of(folder / name)] for name in _LINES}
    if not all(found and all(key in metrics.get("dev", {}) for metrics in found) for found in runs.values()):
        return False
    # Not pyplot: a window system is neither needed nor looked for.
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    rc: Any = {"svg.hashsalt": key, "svg.fonttype": "none"}  # ids that do not change, and text that can be searched
    lowest = min(
        metrics["dev"][key][group][item]["f1"]
        for found in runs.values()
        for metrics in found
        for group in metrics["dev"][key]
        for item in ITEMS
    )
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    FigureCanvasSVG(figure)
    for axes, item in zip(figure.subplots(1, 2, sharey=True), ITEMS):
        for name, (label, colour, style) in _LINES.items():
            groups = list(runs[name][0]["dev"][key])
            values = [[100 * metrics["dev"][key][group][item]["f1"] for metrics in runs[name]] for group in groups]
            axes.errorbar(
                groups,
                [statistics.mean(group) for group in values],
                [statistics.stdev(group) if len(group) > 1 else 0 for group in values],
                fmt=style,
                color=colour,
                capsize=3,
                label=label,
            )
        axes.set_title(item.capitalize(), fontsize=10)
        axes.set_xlabel("characters from end to end" if key == "by_entity_distance" else "tokens in sentence")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(20 * (100 * lowest // 20), 100)
    axes.legend(frameon=False, loc="lower left", fontsize=8)
    figure.axes[0].set_ylabel("strict micro F1, %")
    with matplotlib.rc_context(rc), atomic_write(path, "wb") as file:
        # Without the date, so that the same figures give the same file.
        figure.savefig(file, format="svg", metadata={"Date": None})
    return True
