"""Types of numbers for the command lines of this package."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def whole(text: str) -> int:
    """Parse a whole number of 0 or more."""
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def port(text: str) -> int:
    """Parse a port; 0 is any free port."""
    if whole(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535, not {text}")
    return int(text)


def positive(kind: type[int] | type[float]) -> Callable[[str], Any]:
    """A parser of positive numbers, int or float."""

    def parse(text: str) -> Any:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < float("inf"):
            raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")
        return number

    return parse
