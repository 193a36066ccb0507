"""Names that a person chooses from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from cman_tf.errors import InputError


def check_choice(what: str, received: object, known: Iterable[str]) -> None:
    """Refuse a name that is not known, and say which one was probably meant.

    Args:
        what: str. What the name is, e.g. `"A format"`.
        received: str.
        known: iterable of str.

    Raises:
        InputError: `received` is not among `known`.
    """
    known = list(known)
    if received not in known:
        near = difflib.get_close_matches(str(received), known, 1)
        raise InputError(
            f"{what} must be one of {', '.join(known)}. Received: {received}"
            + (f"; nearest: {near[0]}" if near else "")
        )
