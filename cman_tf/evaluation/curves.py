"""Curves of a report: loss and dev scores by epoch; precision, recall and reliability by score."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 5
"""Fewest items of a point in a reliability diagram."""

_LOSS, _SCORES = "#666666", {"entities": "#1b6ca8", "relations": "#c8553d"}
_COLUMNS = {"entities": "dev_ner_f1", "relations": "dev_re_f1"}


def training_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and dev scores of a training.

    Args:
        history: sequence of dict, one for each epoch, with `epoch`, `loss`, `dev_ner_f1`, `dev_re_f1`; scores are
            fractions, None without a dev split: `Run.history()`.

    Returns:
        `matplotlib.figure.Figure` with two panels.
    """
    # Not pyplot, which keeps every figure and looks for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["loss"] for row in history], color=_LOSS, marker="." if len(epochs) == 1 else "")
    left.set(title="training loss", xlabel="epoch", yscale="log")
    for name, colour in _SCORES.items():
        scores = [float("nan") if row[_COLUMNS[name]] is None else 100 * row[_COLUMNS[name]] for row in history]
        known = [score for score in scores if score == score]
        label = f"{name}, best {max(known):.2f}" if known else name
        right.plot(epochs, scores, color=colour, marker="." if len(known) == 1 else "", label=label)
    right.set(title="strict micro F1 on dev, %", xlabel="epoch", ylim=(0, 100))
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def precision_recall_curve(confidence: Mapping[str, Any]) -> Figure:
    """Precision and recall of entities and relations at every threshold.

    Args:
        confidence: dict, the result of `cman_tf.evaluation.confidence.confidence`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, axes = _square("precision and recall at every threshold, %", "recall", "precision")
    for name, found in confidence.items():
        points = [found["precision_recall"][0], *found["precision_recall"]]
        recalls = [0.0, *(100 * point["recall"] for point in points[1:])]
        precisions = [100 * point["precision"] for point in points]
        axes.plot(recalls, precisions, color=_SCORES[name], marker="." if len(points) == 2 else "", label=name)
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=2)
    return figure


def reliability_diagram(confidence: Mapping[str, Any]) -> Figure:
    """Share of right items by their score, and the expected calibration error; before calibration with dashed lines.

    Ranges of scores with fewer than `FEWEST` items are not drawn.

    Args:
        confidence: dict, see `precision_recall_curve`.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, axes = _square("right items by score, %", "score", "right")
    axes.plot([0, 100], [0, 100], color=_LOSS, linewidth=0.8, linestyle=":")
    for name, found in confidence.items():
        for key, style, when in (("reliability", "-", ""), ("before_calibration", "--", " before calibration")):
            if key in found:
                error = 100 * found[key]["expected_calibration_error"]
                bins = [part for part in found[key]["bins"] if part["count"] >= FEWEST]
                axes.plot(
                    [100 * part["score"] for part in bins],
                    [100 * part["right"] for part in bins],
                    color=_SCORES[name],
                    linestyle=style,
                    marker=".",
                    alpha=0.5 if when else 1.0,
                    label=f"{name}{when}, error {error:.1f}",
                )
    figure.legend(frameon=False, fontsize=9, loc="outside lower center")
    return figure


def _square(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure that can be read on a phone."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=10)
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 102), ylim=(0, 102))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def curves_svg(history: Sequence[Mapping[str, Any]]) -> str:
    """`training_curves` as inline SVG for a page; "" without an epoch."""
    return inline_svg(training_curves(history), "training curves") if history else ""


def inline_svg(figure: Figure, label: str) -> str:
    """A figure as inline SVG for a page; `label` is for screen readers. Text has the colour of the page."""
    import matplotlib

    text = io.StringIO()
    # Text stays text; the names of parts are the same in every call.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cman"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    return svg.replace("<svg ", f'<svg class="curves" role="img" aria-label="{label}" ', 1)
