"""The scores of each epoch: the file `history.csv` of a run."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf.errors import InputError
from cman_tf.files import atomic_write


def read(path: Path) -> list[dict[str, Any]]:
    """Read a history.

    Args:
        path: path. It may be missing.

    Returns:
        list of dicts of numbers, one for each epoch; `epoch` is a whole number, and a score that was not measured None.

    Raises:
        InputError: if the file is not a table of numbers.
    """
    if not path.exists():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [
                {name: _number(name, value) if value else None for name, value in row.items()}
                for row in csv.DictReader(file, restval="too few", strict=True)
            ]
    except (OSError, ValueError, TypeError, OverflowError, csv.Error) as error:
        raise InputError(f"A run's history must be a table of numbers. Received: {path} ({error})") from None


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a history, whole or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    with atomic_write(path) as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _number(column: str, text: str) -> int | float:
    # Earlier versions wrote epochs as 1.0 after a resume.
    return int(float(text)) if column == "epoch" else float(text)
