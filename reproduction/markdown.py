"""Markdown of the generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf.files import atomic_write

_RULES = {"l": "---", "r": "---:"}


def table(head: Sequence[object], rows: Iterable[Sequence[object]], align: str = "l") -> list[str]:
    """Lines of a table.

    Args:
        head: sequence of cells.
        rows: iterable of sequences of cells.
        align: str. `l` or `r` for each column, left or right; the columns after the last one are right-aligned.

    Returns:
        list of str.
    """
    rules = (_RULES[side] for side in align.ljust(len(head), "r"))
    return [_row(head), f"|{'|'.join(rules)}|", *map(_row, rows)]


def _row(cells: Sequence[object]) -> str:
    return "|" + "".join(f" {cell} |" if cell != "" else " |" for cell in cells)


def section(title: str, about: str, *tables: Iterable[str]) -> str:
    """A section of a page: its title, a paragraph, and the lines of its tables."""
    return "\n".join([f"## {title}", "", about, *(line for table in tables for line in ("", *table))]) + "\n"


def bars(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lines of the table of the bars of a benchmark, see `benchmarks.frame.bar`."""
    rows = [[f"{bar['mode']}: {bar['name']}", f"{bar['at']} {bar['bar']:g}", measured(bar)] for bar in found]
    return table(["To reach", "Bar", "Measured"], rows)


def measured(bar: Mapping[str, Any]) -> str:
    """The value of a bar, marked if it is not reached."""
    value = f"{bar['value']:.2f}"
    if bar["reached"]:
        return value
    # A value just beside the bar is not rounded to it.
    return f"{bar['value']:.3f} (not reached)" if float(value) == bar["bar"] else f"{value} (not reached)"


def write(path: Path, parts: Iterable[str]) -> Path:
    """Write a page from its parts, without the empty ones; return its path."""
    with atomic_write(path) as file:
        file.write("\n".join(part for part in parts if part))
    return path
