"""SpERT JSON: one list of sentences with tokens, entities and relations (Eberts and Ulges, 2020).

    [{"tokens": ["Ann", "left", "Rome"], "entities": [{"type": "Peop", "start": 0, "end": 1}, ...],
      "relations": [{"type": "Live_In", "head": 0, "tail": 1}], "orig_id": 7}, ...]

`end` is exclusive, `head` and `tail` are indices into `entities`. The format has no scores, original text and character
offsets; JSON lines do. Instead of entities, a sentence may have tags of its tokens, as in JSON lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document
from cman_tf.data.formats import token_tags
from cman_tf.data.formats.json_first import First, has_tokens, unwrapped
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unique, located, read_text, show, written
from cman_tf.data.formats.records import annotation, check_object, identifier, parse_json, to_bytes, value
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write


def fits(found: First) -> bool:
    """Whether the file is a JSON list of objects with `tokens` as strings, or an object around such a list."""
    return found.listed and (not found.record or has_tokens(found.record))


def read(path: str | Path, tokenize: object = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` is not used, because sentences of this format always have tokens.

    Returns:
        list of `Document`, with `orig_id` as `id`. Unknown keys are ignored.

    Raises:
        InputError: if the file cannot be read, is not UTF-8 or valid JSON, or contains no sentences that can be read,
            or if `reading` is strict and a sentence breaks a rule of `Document`; with the sentence's place in the list
            (from 1) and its id.
    """
    reading = reading or Reading()
    records = unwrapped(parse_json(read_text(path), path))
    identifiers: dict[str, str] = {}
    documents = []
    with located(path):
        if not isinstance(records, list):
            raise InputError(f"SpERT JSON must be a list of sentences. Received: {show(records)}")
    for number, record in enumerate(records, 1):
        place = f"sentence {number}"
        if isinstance(record, dict) and "orig_id" in record:
            place += f" (id {show(record['orig_id'])})"
        with reading.skipping("malformed sentences", f"{path}, {place}"):
            check_object(record, "A sentence")
            name = identifier(record, "orig_id")
            tokens = value(record, "tokens", "a list of strings")
            entities, relations = annotation(record, reading)
            entities = token_tags.entities(record, entities, reading, f"{path}, {place}")
            document = Document(tokens, entities, relations, id=name)
            check_unique(name, place, identifiers)
            documents.append(document)
    return reading.at_least_one(documents, path)


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write sentences, whole or not at all; `read` returns them without scores, original text and offsets.

    Raises:
        InputError: if a type is not valid, or the file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        file.write(to_bytes(list(written(each(documents), _record))))


def _record(document: Document) -> dict[str, Any]:
    record: dict[str, Any] = {
        "tokens": document.tokens,
        "entities": [{"type": e.type, "start": e.start, "end": e.end} for e in document.entities],
        "relations": [{"type": r.type, "head": r.head, "tail": r.tail} for r in document.relations],
    }
    if document.id:
        # The published files have numbers as ids; this reproduces them byte for byte.
        number = re.fullmatch("0|[1-9][0-9]{0,17}", document.id)
        record["orig_id"] = int(document.id) if number else document.id
    return record
