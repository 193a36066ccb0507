"""Checks and converts the JSON object of one sentence, for SpERT JSON and JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cman_tf.data.document import Entity, Relation
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import is_name, show
from cman_tf.errors import InputError


def parse_json(text: str, path: str | Path, line: int = 1) -> Any:
    """Decode JSON.

    Args:
        text: str.
        path: str or path. The source of `text`, for errors.
        line: int. Line number of the beginning of `text`. Default: 1.

    Raises:
        InputError: if `text` is not valid JSON; with file, line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}, line {line + error.lineno - 1}, column {error.colno}"
        raise InputError(
            f"The file must contain valid JSON. Received: {error.msg[0].lower()}{error.msg[1:]} in {where}"
        ) from None
    except (RecursionError, ValueError):
        # ValueError: Python refuses to convert a number of thousands of digits.
        raise InputError(
            "JSON must be nested less than 1000 levels deep and have short numbers. Received: more in "
            f"{path}, line {line}"
        ) from None


def value(record: Mapping[str, Any], key: str, kind: str, default: Any = None) -> Any:
    """A checked value of a JSON object.

    Args:
        record: object as decoded.
        key: str.
        kind: key of `_KINDS`.
        default: any. Returned if the key is missing. Default: the key is required.

    Raises:
        InputError: if the key is missing or its value is of another kind.
    """
    if key not in record:
        if default is None:
            raise InputError(f"Every {_owner(record)} must have a key {key!r}. Received: {show_keys(record)}")
        return default
    found = record[key]
    if not _KINDS[kind](found):
        raise InputError(f"`{key}` must be {kind}. Received: {show(found)}")
    return found


def check_object(found: object, what: str) -> None:
    """Raise `InputError` unless `found` is a JSON object."""
    if not isinstance(found, dict):
        raise InputError(f"{what} must be a JSON object. Received: {show(found)}")


def identifier(record: Mapping[str, Any], key: str) -> str:
    """The id of a sentence as str; "" if there is none."""
    return str(value(record, key, "a string or a whole number", ""))


def annotation(record: Mapping[str, Any], reading: Reading | None = None) -> tuple[list[Entity], list[Relation]]:
    """Entities and relations of a sentence.

    Args:
        record: dict with optional lists `entities` (`type`, `start`, `end`, optional `score`) and `relations`
            (`type`, `head`, `tail`, optional `score`).
        reading: `Reading` or None, whether ends are inclusive. Default: they are exclusive.

    Returns:
        `(entities, relations)`: lists of `Entity` and `Relation`. `Document` checks that they fit the sentence.

    Raises:
        InputError: if a key is missing or a value has the wrong type.
    """
    reading = reading or Reading()
    entities = [
        replace(entity, end=_end(entity, reading))
        for entity in _items(record, "entities", "An entity", Entity, "start", "end")
    ]
    relations = _items(record, "relations", "A relation", Relation, "head", "tail")
    return entities, relations


def _end(entity: Entity, reading: Reading) -> int:
    end = reading.end(entity.end)
    if end == entity.start:
        reading.empty_entities += 1
        raise InputError(
            "An entity must satisfy 0 <= start < end <= number of tokens; for ends that are inclusive, use --ends "
            f"inclusive. Received: start={entity.start}, end={end} of {show(entity.type)}"
        )
    return end


def _items(record: Mapping[str, Any], key: str, what: str, cls: type, *indices: str) -> list[Any]:
    items = []
    for item in value(record, key, "a list", []):
        check_object(item, what)
        numbers = [value(item, index, "a whole number") for index in indices]
        name = value(item, "type", "a non-empty string without control characters and outer blanks")
        score = value(item, "score", "a number") if item.get("score") is not None else None
        items.append(cls(*numbers, name, score))
    return items


def _owner(record: Mapping[str, Any]) -> str:
    return "entity" if "start" in record or "end" in record else "relation" if "head" in record else "sentence"


def show_keys(record: Mapping[str, Any]) -> str:
    """The keys of a JSON object for an error message."""
    return "keys " + ", ".join(show(key) for key in list(record)[:8]) if record else "no key"


def _is_whole(found: object) -> bool:
    # In Python, True and False are whole numbers; in a file they are mistakes.
    return isinstance(found, int) and not isinstance(found, bool)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "a list": lambda found: isinstance(found, list),
    "a list of strings": lambda found: isinstance(found, list) and all(isinstance(item, str) for item in found),
    "a list of pairs of whole numbers": lambda found: (
        isinstance(found, list)
        and all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_whole, pair)) for pair in found)
    ),
    # The limit refuses NaN, infinity, and whole numbers that do not fit into a float.
    "a number": lambda found: (_is_whole(found) or isinstance(found, float)) and abs(found) <= sys.float_info.max,
    "a string": lambda found: isinstance(found, str),
    "a string or a whole number": lambda found: isinstance(found, str) or _is_whole(found),
    "a whole number": _is_whole,
    "a non-empty string without control characters and outer blanks": is_name,
}


def to_bytes(record: object) -> bytes:
    """A JSON object as UTF-8 on one line.

    Lone surrogates, which UTF-8 cannot encode, are written as JSON escapes.
    """
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")
