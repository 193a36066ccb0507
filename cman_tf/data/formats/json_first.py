"""The first objects of a JSON file, by which its format is detected: a list, one object per line, or an object around
the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cman_tf.data.formats.reading import beginning

FEW = 20
"""Number of lines, and of objects, that are looked at: the first ones may be broken."""

ANNOTATION = ("entities", "spans", "label", "labels", "annotations", "triple_list", "spo_list", "passages")
"""Keys of annotated texts in the forms of several programs."""

# Keys of an object that is a text or sentence itself.
_OWN = {"text", "tokens", "sentences", "sentText", "sentext", "passages", "_views", "%TYPES", "%FEATURE_STRUCTURES"}
_DECODER = json.JSONDecoder()
_COMMA = re.compile(r"\s*,\s*")
_LINE = re.compile(r'^\s*\{\s*"', re.MULTILINE)
# A first object that is longer than this is read in larger steps.
_STEP = 65536


class First(NamedTuple):
    """One of the first objects of a JSON file.

    Args:
        record: dict. Empty for an empty list.
        listed: bool. Whether the file is a list of objects, possibly inside an object, rather than lines.
    """

    record: Mapping[str, Any]
    listed: bool


def begins(path: str | Path) -> bool:
    """Whether a file begins like JSON objects, not like a sentence in brackets or braces."""
    return _begins(beginning(path).decode("utf-8-sig", "replace").lstrip())


def _begins(text: str) -> bool:
    return re.match(r'\[\s*([{\]]|$)|\{\s*(["}]|$)', text) is not None


def candidates(path: str | Path) -> list[First]:
    """The objects by which the format of a file is detected; it is that of the first one that any format fits.

    A tool writes no annotation for a text that was skipped or has none: texts alone come last.
    """
    size = _STEP
    while True:
        try:
            with open(path, "rb") as file:
                data = file.read(size)
        except (OSError, ValueError):
            return []
        whole, text = len(data) < size, data.decode("utf-8-sig", "replace").lstrip()
        # A list may begin with something else than an object.
        if not (text.startswith("[") or _begins(text) or _LINE.search(text)):
            return []
        found, listed = _objects(text, whole)
        if found or whole or not _begins(text):
            bare = [record for record in found if _is_bare(record)]
            others = [record for record in found if not _is_bare(record)]
            return [First(record, listed) for record in (*others[:FEW], *bare[:1])]
        size *= 16


def _objects(text: str, whole: bool) -> tuple[list[Mapping[str, Any]], bool]:
    """The objects of a text that may be cut, and whether they are listed."""
    lines = [line for line in text.split("\n") if line.strip()]
    # The last line may be cut.
    lines = lines if whole else lines[:-1]
    if are_lines(lines[:FEW]):
        found: Iterator[Any] | list[Any] = map(_value, lines)
        listed = False
    elif listed := text.startswith("["):
        if text[1:].lstrip().startswith("]"):
            return [{}], True
        found = _items(text)
    else:
        try:
            value = unwrapped(_DECODER.raw_decode(text)[0])
        except (ValueError, RecursionError):
            return [], False
        listed = isinstance(value, list)
        found = value if isinstance(value, list) else [value]
    return [item for item in found if isinstance(item, dict)], listed


def _items(text: str) -> Iterator[Any]:
    """The items of a list, up to the first that is cut or malformed."""
    position = len(text) - len(text[1:].lstrip())
    while True:
        try:
            item, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield item
        comma = _COMMA.match(text, position)
        if not comma:
            return
        position = comma.end()


def are_lines(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file, without blank ones, are JSON values, some of which may be broken.

    Otherwise the file is one value on several lines, most of which are not valid JSON by themselves.
    """
    if len(lines) < 2:
        return False
    first, objects = lines[0].lstrip(), sum(isinstance(_value(line), dict) for line in lines)
    if _value(first) is not _BROKEN and not first.startswith("["):
        return True
    if first.startswith("[") and _value(first) is _BROKEN:
        return False
    others = len(lines) - objects
    return objects > others or (objects == others and first.startswith("{"))


_BROKEN = object()


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _BROKEN


def _is_bare(record: Mapping[str, Any]) -> bool:
    return "text" in record and not {"tokens", *ANNOTATION} & set(record)


def unwrapped(found: Any) -> Any:
    """The list inside `{"data": [...]}`, an object with one list of objects and no sentence of its own."""
    if isinstance(found, dict) and not _OWN & set(found):
        lists = [value for value in found.values() if isinstance(value, list) and _has_objects(value)]
        if len(lists) == 1:
            return lists[0]
    return found


def _has_objects(found: Sequence[Any]) -> bool:
    return any(isinstance(item, dict) for item in found[:FEW])


def has_tokens(record: Mapping[str, Any]) -> bool:
    """Whether an object has `tokens` that are strings, as the formats of this project have them."""
    tokens = record.get("tokens")
    return isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
