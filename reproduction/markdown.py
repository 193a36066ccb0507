"""Markdown of the generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

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


def write(path: Path, parts: Iterable[str]) -> Path:
    """Write a page from its parts, without the empty ones; return its path."""
    with atomic_write(path) as file:
        file.write("\n".join(part for part in parts if part))
    return path
