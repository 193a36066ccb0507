"""Invalid input: the exception, and what sentences about it are made with."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """Invalid input. The message is one sentence: the rule, the received value and its location."""


def nearest(received: object, known: Iterable[str]) -> str:
    """`"; nearest: NAME"` with the known name that is most like `received`, or "" if none is similar."""
    near = difflib.get_close_matches(str(received), list(known), 1)
    return f"; nearest: {near[0]}" if near else ""


def check_choice(what: str, received: object, known: Iterable[str]) -> None:
    """Refuse an unknown name and suggest the nearest known one.

    Args:
        what: str. Subject of the sentence, e.g. `"A format"`.
        received: str.
        known: iterable of str.

    Raises:
        InputError: if `received` is not in `known`.
    """
    known = list(known)
    if received not in known:
        raise InputError(f"{what} must be one of {', '.join(known)}. Received: {received}{nearest(received, known)}")


def optional(library: str, extra: str) -> Any:
    """Import an optional library.

    Args:
        library: str, e.g. `"pandas"`.
        extra: str. The extra of `setup.py` that installs it, e.g. `"frames"`.

    Returns:
        The module.

    Raises:
        InputError: if it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise InputError(
            f'{error.name} is not installed. Install it with: pip install -e ".[{extra}]" in the checkout.'
        ) from None


def printable(text: str) -> str:
    """Escape control characters, so that text from outside cannot control the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)
