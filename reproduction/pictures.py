"""Pictures of the figures of several experiments, beside the paper's."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.errors import check_choice, optional
from reproduction.published import ROWS
from reproduction.runs import runs_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BREAKDOWNS = {"by_entity_distance": "characters from end to end", "by_sentence_length": "tokens in sentence"}

_OURS, _PAPER = "#1b6ca8", "#666666"


def paper_picture(folders: Sequence[Path]) -> Figure:
    """F1 on CoNLL04's test split of experiments, mean and standard deviation over seeds, below the paper's Table 1.

    Args:
        folders: sequence of path. Each holds the runs of an experiment, as `results/conll04/NAME` does.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows: list[tuple[Any, ...]] = [
        (name, [entities], [relations], _PAPER) for name, (entities, relations) in ROWS["conll04"].items()
    ]
    for folder in folders:
        micro = [metrics["strict"]["micro"] for _, metrics, _ in runs_of(folder)]
        scores = [[100 * found[item]["f1"] for found in micro] for item in ("entities", "relations")]
        rows.append((folder.name, *scores, _OURS))
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


def breakdown_picture(folders: Sequence[Path], key: str) -> Figure:
    """F1 on the test split over the groups of a breakdown, a line for each experiment: mean over its runs.

    Args:
        folders: sequence of path, as in `paper_picture`; of any corpus.
        key: str. `by_entity_distance` or `by_sentence_length`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    check_choice("A breakdown", key, BREAKDOWNS)
    figure, panels = _figure(1, 2, (9, 3.2), sharey=True)
    for folder in folders:
        runs = [metrics[key] for _, metrics, _ in runs_of(folder)]
        for axes, item in zip(panels, ("entities", "relations")):
            means = [statistics.mean(100 * found[group][item]["f1"] for found in runs) for group in runs[0]]
            axes.plot(list(runs[0]), means, "o-", label=f"{folder.parent.name}/{folder.name}")
            axes.set(title=f"{item}, strict micro F1, %", xlabel=BREAKDOWNS[key], ylim=(0, 100))
            axes.grid(axis="y", alpha=0.3)
    if folders:
        panels[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def label_source_frame(folders: Sequence[Path]) -> pandas.DataFrame:
    """Table 3: relation and entity F1 with the tags that the network decoded, and with gold tags, fed to the BLA units.

    Args:
        folders: sequence of path, as in `paper_picture`; of any corpus.

    Returns:
        `pandas.DataFrame`, strict micro F1 in percent, means over the runs of each experiment.

    Raises:
        InputError: pandas is not installed.
    """
    rows: dict[str, Sequence[float]] = {"CMAN, the paper's figures, ELMo": (90.62, 90.44, -0.18, 72.97, 72.80, -0.17)}
    for folder in folders:
        runs = [metrics for _, metrics, _ in runs_of(folder) if "gold_labels" in metrics]
        row = []
        for item in ("entities", "relations") if runs else ():
            decoded, gold = (
                statistics.mean(100 * found["strict"]["micro"][item]["f1"] for found in source)
                for source in (runs, [metrics["gold_labels"] for metrics in runs])
            )
            row += [decoded, gold, gold - decoded]
        if row:
            rows[f"{folder.parent.name}/{folder.name}"] = row
    pandas = optional("pandas", "frames")
    columns = pandas.MultiIndex.from_product([["entities", "relations"], ["decoded tags", "gold tags", "change"]])
    return pandas.DataFrame(rows.values(), index=list(rows), columns=columns, dtype=float)


def _figure(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """`(figure, panels)` of a size in inches."""
    # Not pyplot: it would keep every figure, and look for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels
