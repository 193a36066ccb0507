"""The exception for invalid input, and the parts of its messages."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable
from typing import Any

# Tab; blanks that do not break; joiners, which emoji, Persian and the scripts of India need.
_HARMLESS = "\t\u00a0\u202f\u200c\u200d"


class InputError(ValueError):
    """Invalid input. The message is one sentence: the rule, the received value and its location."""


class WriteError(InputError):
    """A file or folder cannot be written: what was to be written is not at fault."""


def closest(received: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most similar to `received`, or None if no similarity (0 to 1) reaches `cutoff`."""
    return next(iter(difflib.get_close_matches(str(received), list(known), 1, cutoff)), None)


def nearest(received: object, known: Iterable[str]) -> str:
    """End of a message about an unknown name: `"; nearest: NAME"`, or "" if no known name is similar."""
    near = closest(received, known)
    return f"; nearest: {near}" if near else ""


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


def rule_of(message: str) -> str:
    """The end of a rule, from a message of Pydantic: "must be a number" from "Input should be a number"."""
    return re.sub(r"^[A-Z]\w+ should ", "must ", message)


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
            f'{error.name} is not installed. Install it with: pip install ".[{extra}]" in the checkout.'
        ) from None


def reason(error: BaseException) -> str:
    """Why an operation failed, in the words of the operating system if it gave any."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{error.object[error.start]:02x} at position {error.start} is not valid UTF-8"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def failed(action: str, path: object, error: BaseException) -> InputError:
    """The error `"Cannot ACTION PATH: reason."` for an operation on a file or folder, e.g. `action="read"`."""
    why = reason(error).rstrip(".")
    first = why.split(" ")[0]
    # Neither abbreviations nor names, such as I/O and KeyError.
    why = why[0].lower() + why[1:] if first.isalpha() and first.istitle() else why
    return (WriteError if action == "write" else InputError)(f"Cannot {action} {path}: {why}.")


def printable(text: object) -> str:
    r"""Text from outside as it can be shown: every table, page and message uses this one function.

    Control characters, line ends, direction marks and lone surrogates are escaped, so that text can neither control a
    terminal nor change what is around it. HTML and the markup of `rich` are not escaped: templates do that, and
    `rich.text.Text`.

    Args:
        text: str, or an object whose `str` is shown.

    Example:
        >>> printable("a\n[b]")
        'a\\n[b]'
    """
    return "".join(c if c.isprintable() or c in _HARMLESS else c.encode("unicode_escape").decode() for c in str(text))
