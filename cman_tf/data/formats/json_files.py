"""JSON files of annotated texts: a list, one object per line, or an object around the list."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.formats.json_first import FEW, are_lines, unwrapped
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import located, read_lines, read_text, show
from cman_tf.data.formats.records import check_object, parse_json
from cman_tf.errors import InputError


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
    # A line that is not UTF-8 is "", and broken.
    lines = read_lines(path, skipping=lambda: contextlib.suppress(InputError))
    return are_lines(list(itertools.islice((line for line in lines if line.strip() or not line), FEW)))
