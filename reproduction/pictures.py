"""Pictures of the figures of several experiments, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.errors import check_choice, optional
from cman_tf.evaluation.averages import mean_sd
from cman_tf.evaluation.scorer import ITEMS
from reproduction.published import ROWS
from reproduction.runs import runs_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BREAKDOWNS = {"by_entity_distance": "characters from end to end", "by_sentence_length": "tokens in sentence"}

_OURS, _PAPER = "#1b6ca8", "#666666"
_ABLATED = {"whole": ("CMAN", _OURS, "o-"), "no_units": ("without BSA attention and BLA", "#c8553d", "s--")}


def paper_picture(folders: Sequence[Path]) -> Figure:
    """F1 on CoNLL04's test split of experiments, mean and standard deviation over seeds, below the paper's Table 1.

    Args:
        folders: sequence of path. Each contains the runs of an experiment, as `results/conll04/NAME` does.

    Returns:
        `matplotlib.figure.Figure`.
    """
    rows: list[tuple[Any, ...]] = [
        (name, [entities], [relations], _PAPER) for name, (entities, relations) in ROWS["conll04"].items()
    ]
    for folder in folders:
        micro = [metrics["strict"]["micro"] for _, metrics, _ in runs_of(folder)]
        scores = [[100 * found[item]["f1"] for found in micro] for item in ITEMS]
        rows.append((folder.name, *scores, _OURS))
    figure, panels = _figure((9, 0.8 + 0.32 * len(rows)))
    for item, (axes, name) in enumerate(zip(panels, ITEMS)):
        for place, (_, *scores, colour) in enumerate(rows):
            found = mean_sd(scores[item])
            axes.errorbar(found["mean"], place, xerr=found["sd"] or 0, fmt="o", color=colour, capsize=3)
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
    figure, panels = _figure((9, 3.2))
    for axes, item in zip(panels, ITEMS):
        for folder in folders:
            groups = _groups([metrics[key] for _, metrics, _ in runs_of(folder)], item)
            means = [found["mean"] for found in groups.values()]
            axes.plot(list(groups), means, "o-", label=f"{folder.parent.name}/{folder.name}")
        axes.set(title=f"{item}, strict micro F1, %", xlabel=BREAKDOWNS[key], ylim=(0, 100))
        axes.grid(axis="y", alpha=0.3)
    if folders:
        panels[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def ablation_picture(folder: Path, key: str) -> Figure | None:
    """Figure 4 or 5 of the paper: F1 on dev over the groups of a breakdown, with and without both units.

    Args:
        folder: path. The ablations, with runs in `whole/` and `no_units/`.
        key: str. `by_entity_distance` (Figure 4) or `by_sentence_length` (Figure 5).

    Returns:
        `matplotlib.figure.Figure`, or None without runs.
    """
    runs = {name: [metrics.get("dev", {}) for _, metrics, _ in runs_of(folder / name)] for name in _ABLATED}
    if not all(found and all(key in scores for scores in found) for found in runs.values()):
        return None
    figure, panels = _figure((8, 3.2))
    lowest = 100.0
    for axes, item in zip(panels, ITEMS):
        for name, (label, colour, style) in _ABLATED.items():
            found = [scores[key] for scores in runs[name]]
            lowest = min(lowest, *(100 * scores[group][item]["f1"] for scores in found for group in scores))
            groups = _groups(found, item)
            means, errors = zip(*((group["mean"], group["sd"] or 0) for group in groups.values()))
            axes.errorbar(list(groups), means, errors, fmt=style, color=colour, capsize=3, label=label)
        axes.set_title(item.capitalize(), fontsize=10)
        axes.set_xlabel(BREAKDOWNS[key])
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylim(20 * (lowest // 20), 100)
    panels[0].set_ylabel("strict micro F1, %")
    panels[1].legend(frameon=False, loc="lower left", fontsize=8)
    return figure


def label_source_frame(folders: Sequence[Path]) -> pandas.DataFrame:
    """Table 3: relation and entity F1 with the tags that the network decoded, and with gold tags, fed to the BLA units.

    Args:
        folders: sequence of path, as in `paper_picture`; of any corpus.

    Returns:
        `pandas.DataFrame`, strict micro F1 in percent, means over the runs of each experiment.

    Raises:
        InputError: if pandas is not installed.
    """
    rows: dict[str, Sequence[float]] = {"CMAN, the paper's figures, ELMo": (90.62, 90.44, -0.18, 72.97, 72.80, -0.17)}
    for folder in folders:
        runs = [metrics for _, metrics, _ in runs_of(folder) if "gold_labels" in metrics]
        row: list[float] = []
        for item in ITEMS if runs else ():
            decoded, gold = (
                mean_sd([100 * found["strict"]["micro"][item]["f1"] for found in source])["mean"]
                for source in (runs, [metrics["gold_labels"] for metrics in runs])
            )
            row += [decoded, gold, gold - decoded]
        if row:
            rows[f"{folder.parent.name}/{folder.name}"] = row
    pandas = optional("pandas", "frames")
    columns = pandas.MultiIndex.from_product([ITEMS, ["decoded tags", "gold tags", "change"]])
    return pandas.DataFrame(rows.values(), index=list(rows), columns=columns, dtype=float)


def _groups(found: Sequence[Mapping[str, Any]], item: str) -> dict[str, dict[str, Any]]:
    """Mean and standard deviation of F1 in percent for each group of a breakdown."""
    return {group: mean_sd([100 * scores[group][item]["f1"] for scores in found]) for group in found[0]}


def _figure(size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """`(figure, panels)` of a size in inches: one panel for entities, one for relations."""
    # Not pyplot: it would keep every figure and look for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(1, 2, sharey=True))
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels
