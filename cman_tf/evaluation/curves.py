"""Training curves as inline SVG, drawn by hand so that the report's style sheet colours them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 480, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 14, 34


def curves_html(history: Sequence[Mapping[str, Any]]) -> str:
    """The loss and the scores on the development set over the epochs.

    Args:
        history: sequence of dict, one for each epoch, with `epoch`, `loss`, `dev_ner_f1`, `dev_re_f1`; scores as
            fractions. Numbers or, as from a CSV file, their text; what is missing or not finite leaves a gap.

    Returns:
        str: two SVG figures, or "" if there is no epoch.
    """
    figures = [
        _figure("Training loss", {"loss": _points(history, "loss")}),
        _figure(
            "Dev F1, strict micro (%)",
            {
                "entities": _points(history, "dev_ner_f1", 100),
                "relations": _points(history, "dev_re_f1", 100),
            },
        ),
    ]
    return "".join(figures)


def _points(history: Sequence[Mapping[str, Any]], column: str, factor: float = 1) -> list[tuple[float, float | None]]:
    points = [(_number(row.get("epoch")), _number(row.get(column))) for row in history]
    return [(x, None if y is None else y * factor) for x, y in points if x is not None]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _figure(title: str, series: Mapping[str, Sequence[tuple[float, float | None]]]) -> str:
    points = [(x, y) for line in series.values() for x, y in line if y is not None]
    if not points:
        return ""
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    ticks = _ticks(max(y for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - max(y, 0) / ticks[-1] * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = []
    for tick in ticks:
        _, y = place(first, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for epoch in sorted({first, last}):
        x, _ = place(epoch, 0)
        anchor = "start" if epoch < last else "end"
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 18}" text-anchor="{anchor}">{epoch:g}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">epoch</text>')
    legend = []
    for name, line in series.items():
        parts += [f'<path class="curve {name}" d="{path}"/>' for path in _paths(line, place)]
        best = max((y for _, y in line if y is not None), default=None)
        if name != "loss" and best is not None:
            legend.append(f'<span class="key {name}">{name}, best {best:.2f}</span>')
    return (
        f"<figure><figcaption>{escape(title)} {' '.join(legend)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def _paths(
    line: Sequence[tuple[float, float | None]], place: Callable[[float, float], tuple[float, float]]
) -> list[str]:
    """SVG paths of the unbroken stretches of `line`; a single point becomes a dot (a path of length 0)."""
    paths, stretch = [], []
    for x, y in [*line, (0, None)]:
        if y is not None:
            stretch.append("{:.1f},{:.1f}".format(*place(x, y)))
        elif stretch:
            paths.append("M" + "L".join(stretch) + ("Z" if len(stretch) == 1 else ""))
            stretch = []
    return paths


def _ticks(highest: float) -> list[float]:
    """About five round numbers from 0 to at least `highest`."""
    if highest <= 0:
        return [0, 1]
    magnitude = 10 ** math.floor(math.log10(highest))
    step = next(magnitude * f for f in (0.2, 0.25, 0.5, 1, 2) if highest / (magnitude * f) <= 5)
    return [step * i for i in range(math.ceil(highest / step) + 1)]
