"""Training curves: loss and dev scores by epoch."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def curves_svg(history: Sequence[Mapping[str, Any]]) -> str:
    """The same curves as inline SVG for a page; "" without an epoch. Text has the colour of the page."""
    if not history:
        return ""
    import matplotlib

    text = io.StringIO()
    # Text stays text; the names of parts are the same in every call.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cman"}):
        training_curves(history).savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    return svg.replace("<svg ", '<svg class="curves" role="img" aria-label="training curves" ', 1)
