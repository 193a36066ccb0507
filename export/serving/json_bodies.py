"""Reads JSON from clients; an error says what is wrong and at which byte, and does not quote the client's text."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from export.serving.status import invalid

MAX_DIGITS = 20  # of a whole number: 2^64 has as many
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)")


def read_json(body: bytes) -> Any:
    """Parse a body of JSON in UTF-8, with or without a byte order mark.

    Args:
        body: bytes.

    Returns:
        The value.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not, has a lone surrogate, or a whole number of more than 20 digits.
    """
    mark = len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0
    try:
        text = body[mark:].decode("utf-8")
    except UnicodeDecodeError as error:
        byte = body[mark + error.start]
        raise invalid(f"The body must be UTF-8. Received: 0x{byte:02x} at byte {mark + error.start}") from None

    def byte_of(position: int) -> int:
        return mark + len(text[:position].encode())

    try:
        value = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise invalid(f"The body must be JSON. {_what(error)} at byte {byte_of(error.pos)}") from None
    except RecursionError:
        raise invalid("The body must be JSON of lists in a few levels. Received: too many levels") from None
    lone = _lone_surrogate(text)
    if lone is not None:
        raise invalid(f"A string must be Unicode. Received: a lone surrogate at byte {byte_of(lone)}")
    return value


def _what(error: json.JSONDecodeError) -> str:
    """What is wrong, in the words of the JSON library; a raw control character by its number."""
    what = error.msg.removesuffix(" at")
    if what.startswith("Invalid control character"):
        number = ord(error.doc[error.pos])
        escape = {9: "\\t", 10: "\\n", 13: "\\r"}.get(number, f"\\u{number:04x}")
        return f"A string must have its control characters escaped, {escape} for 0x{number:02x}. Received: a raw one"
    return f"{what}. Received: something else"


def _whole(digits: str) -> int:
    # Python itself refuses more than 4,300 digits, with an error of another kind.
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise invalid(f"A whole number must have at most {MAX_DIGITS} digits. Received: {len(digits.lstrip('-'))}")
    return int(digits)


def _lone_surrogate(text: str) -> int | None:
    """Position of the first escape of half a surrogate pair in JSON, or None."""
    if "\\u" not in text:
        return None
    half = None  # the escape of a first half
    for escape in _ESCAPE.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0
        if half is not None and (escape.start() != half.end() or not 0xDC00 <= code < 0xE000):
            return half.start()
        if half is None and 0xDC00 <= code < 0xE000:
            return escape.start()
        half = escape if 0xD800 <= code < 0xDC00 else None
    return None if half is None else half.start()
