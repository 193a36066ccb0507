"""Pictures of `Inside` and `Perturbing` with matplotlib; each function returns a `matplotlib.figure.Figure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cman_tf.errors import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from cman_tf.inspection.inside import Inside
    from cman_tf.inspection.perturbing import Perturbing

_COLOURS = "Blues"


def attention_picture(inside: Inside, unit: str, heads: bool = False) -> Figure:
    """A heat map of one unit's attention over tokens, or for BLA over labels; the largest value is the darkest.

    Args:
        inside: `Inside`.
        unit: str. A key of `inside.attention`.
        heads: bool. Whether to draw a map for each head instead of their mean. Default False.

    Raises:
        InputError: if the unit does not exist.
    """
    check_choice("A unit", unit, inside.attention)
    attention = inside.attention[unit]
    maps = {f"head {number}": one for number, one in enumerate(attention, 1)} if heads else {"": attention.mean(axis=0)}
    columns = [*inside.tokens] if unit.startswith("bsa") else [*map(" ".join, zip(inside.tokens, inside.tags))]
    side = 1.3 + 0.24 * len(inside.tokens)
    figure, panels = _figure(len(maps), side + 1.2, side + 0.6 * (not unit.startswith("bsa")))
    # Up to the largest value: on a scale up to 1, nearly even attention would be one pale square.
    largest = max(values.max() for values in maps.values())
    for number, ((name, values), axes) in enumerate(zip(maps.items(), panels)):
        rows = inside.tokens if number % _columns(len(maps)) == 0 else ()
        image = _heat_map(axes, values, rows, columns, largest)
        axes.set_title(f"{unit} {name}".strip(), fontsize=10)
    figure.colorbar(image, ax=panels, shrink=0.6, label=f"attention (even: {1 / len(inside.tokens):.2f})")
    what = "token attended to" if unit.startswith("bsa") else "label attended to"
    figure.supxlabel(what, fontsize=9)
    return figure


def marginals_picture(inside: Inside) -> Figure:
    """A heat map of the CRF's probability of each tag at each token; dots mark the decoded tags.

    Args:
        inside: `Inside`.
    """
    figure, [axes] = _figure(1, 2.0 + 0.42 * len(inside.tokens), 1.2 + 0.26 * len(inside.tag_names))
    image = _heat_map(axes, inside.marginals.T, inside.tag_names, inside.tokens)
    decoded = [inside.tag_names.index(tag) for tag in inside.tags]
    axes.scatter(range(len(decoded)), decoded, s=14, color="#c8553d", label="decoded")
    figure.colorbar(image, ax=axes, label="marginal probability")
    return figure


def relations_picture(inside: Inside, threshold: float = 0.5) -> Figure:
    """A heat map for each relation type of the probability that it leads from the row's to the column's token.

    Cells above the threshold have a frame. Relations link the last tokens of entities.

    Args:
        inside: `Inside`.
        threshold: float. Default 0.5.
    """
    from matplotlib.patches import Rectangle

    names = inside.relation_names
    side = 1.1 + 0.22 * len(inside.tokens)
    figure, panels = _figure(len(names), side, side)
    for number, (name, axes) in enumerate(zip(names, panels)):
        values = inside.relations[:, :, number]
        image = _heat_map(axes, values, inside.tokens if number % _columns(len(names)) == 0 else (), inside.tokens)
        for row, column in zip(*np.where(values > threshold)):
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#c8553d", linewidth=1.5))
        axes.set_title(name, fontsize=10)
    figure.colorbar(image, ax=panels, shrink=0.6, label="probability")
    return figure


def perturbing_picture(perturbing: Perturbing) -> Figure:
    """Each token's share of the perturbation, and the losses by its size, beside random perturbations of that size.

    Args:
        perturbing: `Perturbing`.
    """
    figure, (left, *right) = _figure(3, 3.6, 3.2)
    places = range(len(perturbing.tokens))
    left.barh(places, perturbing.shares, color="#1b6ca8")
    left.set_yticks(places, [_shown(token) for token in perturbing.tokens], fontsize=8)
    left.invert_yaxis()
    left.set_title("share of the perturbation", fontsize=10)
    for number, (name, axes) in enumerate(zip(("tags", "relations"), right)):
        axes.plot(perturbing.alphas, perturbing.worst[:, number], "o-", color="#c8553d", label="worst direction")
        for index, losses in enumerate(perturbing.random):
            label = "random directions" if index == 0 else None
            axes.plot(perturbing.alphas, losses[:, number], "-", color="#1b6ca8", alpha=0.5, label=label)
        axes.set_title(f"loss of {name}", fontsize=10)
        axes.set_xlabel("alpha")
        axes.set_ylim(bottom=0)
    right[0].legend(frameon=False, fontsize=8)
    for axes in (left, *right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _figure(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """`(figure, panels)`: a grid of `count` panels of a size in inches."""
    # Not pyplot, which keeps every figure and looks for a window system.
    from matplotlib.figure import Figure

    columns = _columns(count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def _columns(count: int) -> int:
    return 2 if count == 4 else min(count, 3)


def _heat_map(
    axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], largest: float = 1
) -> AxesImage:
    """Draw probabilities with the names of rows and columns."""
    image = axes.imshow(values, cmap=_COLOURS, vmin=0, vmax=largest, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(rows)), [_shown(name) for name in rows], fontsize=8)
    axes.set_xticks(range(len(columns)), [_shown(name) for name in columns], rotation=90, fontsize=8)
    return image


def _shown(text: str) -> str:
    """A token as a label: shortened, and with `$` escaped, which matplotlib reads as mathematics."""
    text = text if len(text) <= 16 else text[:15] + "…"
    return text.replace("$", r"\$")
