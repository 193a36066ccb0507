"""JSON files of annotated texts: a list, one object per line, or an object around the list."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning, located, read_lines, read_text, show
from cman_tf.data.formats.records import check_object, parse_json
from cman_tf.errors import InputError

_DECODER = json.JSONDecoder()
_NEXT = re.compile(r"[\s,]*(?={)")
# A first object that is longer than this is read in larger steps.
_STEP = 65536


def records(
    path: str | Path, what: str = "sentence", reading: Reading | None = None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a file.

    Args:
        path: str or path.
        what: str. What an object is, for error messages. Default: `"sentence"`.
        reading: `Reading` or None. Counts the lines and items that are no objects. Default: the default choices.

    Yields:
        `(place, record)`: the place as `path, line 3` or `path, sentence 3`, and the object.

    Raises:
        InputError: if the file cannot be read, is a list that is not UTF-8 or valid JSON, or contains no objects or
            something else; if `reading` is strict, also if a line is not UTF-8 or valid JSON.
    """
    reading = reading or Reading()
    if _is_lines(path):
        skipping = functools.partial(reading.skipping, "malformed lines")
        yield from _of_lines(read_lines(path, skipping=skipping), path, what, reading)
    else:
        yield from _of_value(parse_json(read_text(path), path), path, what, reading)


def records_in(text: str, path: str | Path, what: str, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a member of an archive whose content is `text`, one object per line or a list, see `records`."""
    if text.lstrip().startswith("["):
        yield from _of_value(parse_json(text, path), path, what, reading)
    else:
        # Not splitlines: a text may contain U+2028 and similar characters, which do not end a line of JSON lines.
        yield from _of_lines(text.split("\n"), path, what, reading)


def _of_lines(
    lines: Iterable[str], path: str | Path, what: str, reading: Reading
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(lines, 1):
        record = None
        if line.strip():
            place = f"{path}, line {number}"
            with reading.skipping("malformed lines"):
                record = _object(parse_json(line.removesuffix("\n"), path, number), f"A {what}", place)
        if record is not None:
            yield place, record


def _of_value(found: Any, path: str | Path, what: str, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = unwrapped(found)
    if isinstance(found, dict):
        yield f"{path}, line 1", found
        return
    with located(path):
        if not isinstance(found, list):
            raise InputError(f"The file must contain a JSON list of objects. Received: {show(found)}")
    if not found:
        raise InputError(f"{path} contains no {what}s.")
    for number, record in enumerate(found, 1):
        place, checked = f"{path}, {what} {number}", None
        with reading.skipping(f"malformed {what}s"):
            checked = _object(record, f"A {what}", place)
        if checked is not None:
            yield place, checked


def _object(record: Any, what: str, place: str) -> Mapping[str, Any]:
    with located(place):
        check_object(record, what)
    return record


def _is_lines(path: str | Path) -> bool:
    """Whether a file has several lines, the first of which is a JSON value: others are one value on several lines."""
    # A line that is not UTF-8 is at fault itself.
    lines = (line for line in read_lines(path, skipping=lambda: contextlib.suppress(InputError)) if line.strip())
    first = next(lines, "").lstrip()
    if first.startswith("[") or next(lines, None) is None:
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def unwrapped(found: Any) -> Any:
    """The list inside `{"data": [...]}`, an object with one list of objects and no sentence of its own."""
    if isinstance(found, dict) and not _OWN & set(found):
        lists = [value for value in found.values() if value and isinstance(value, list) and isinstance(value[0], dict)]
        if len(lists) == 1:
            return lists[0]
    return found


# Keys of an object that is a text or sentence itself.
_OWN = {"text", "tokens", "sentences", "sentText", "sentext", "passages", "_views", "%TYPES", "%FEATURE_STRUCTURES"}


ANNOTATION = ("entities", "spans", "label", "labels", "annotations", "triple_list", "spo_list", "passages")
"""Keys of annotated texts in the forms of several programs."""


class First(NamedTuple):
    """The beginning of a JSON file.

    Args:
        record: dict. The first object, or, if that is a text alone, the first with annotation or tokens that is near;
            empty for an empty list.
        listed: bool. Whether the file is a list of objects, possibly inside an object, rather than lines.
    """

    record: Mapping[str, Any]
    listed: bool


def begins(path: str | Path) -> bool:
    """Whether a file begins like JSON objects, not like a sentence in brackets or braces."""
    text = beginning(path).decode("utf-8-sig", "replace").lstrip()
    return re.match(r'\[\s*([{\]]|$)|\{\s*(["}]|$)', text) is not None


def first(path: str | Path) -> First | None:
    """The first object of a file, by which its format is detected; None if it does not begin with valid JSON."""
    if not begins(path):
        return None
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return _first_of(str(path), state.st_mtime_ns, state.st_size)


# All formats look at the same file, which may have to be read whole to find the list in an object.
@functools.lru_cache(maxsize=1)
def _first_of(path: str, *state: int) -> First | None:
    size = _STEP
    while True:
        try:
            with open(path, "rb") as file:
                data = file.read(size)
            return _first(data.decode("utf-8-sig", "replace").lstrip())
        except (OSError, RecursionError):
            return None
        except ValueError:
            if len(data) < size:
                return None
        size *= 16


def _first(text: str) -> First | None:
    if listed := text.startswith("["):
        rest = text[1:].lstrip()
        found, end = ({}, 1) if rest.startswith("]") else _DECODER.raw_decode(rest)
        others = _objects(rest[end:])
    else:
        found, end = _DECODER.raw_decode(text)
        found, others = unwrapped(found), _objects(text[end:])
        if listed := isinstance(found, list):
            found, others = found[0], (item for item in found if isinstance(item, dict))
    if not isinstance(found, dict):
        return None
    if _is_bare(found):
        # A tool writes no annotation for a text that was skipped or has none.
        found = next((item for item in others if not _is_bare(item)), found)
    return First(found, listed)


def _is_bare(record: Mapping[str, Any]) -> bool:
    return "text" in record and not {"tokens", *ANNOTATION} & set(record)


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a text, one per line or in a list, up to the first that is cut or malformed."""
    position = 0
    with contextlib.suppress(ValueError, RecursionError):
        while start := _NEXT.match(text, position):
            found, position = _DECODER.raw_decode(text, start.end())
            yield found


def forget() -> None:
    """Forget the file that was looked at, so that a changed one is read again."""
    _first_of.cache_clear()


def has_tokens(record: Mapping[str, Any]) -> bool:
    """Whether an object has `tokens` that are strings, as the formats of this project have them."""
    tokens = record.get("tokens")
    return isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
