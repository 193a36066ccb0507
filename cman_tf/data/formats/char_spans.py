"""Texts with character spans as JSON: the lines of doccano, old and new, and the many forms like them.

    {"id": 7, "text": "Ana Lima lives in Oslo.",
     "entities": [{"id": 10, "label": "Peop", "start_offset": 0, "end_offset": 8}, ...],
     "relations": [{"id": 1, "from_id": 10, "to_id": 11, "type": "Live_In"}], "Comments": []}
    {"text": "Ana Lima lives in Oslo.", "label": [[0, 8, "Peop"], [18, 22, "Loc"]]}
    {"id": 8, "data": "Ana Lima lives in Oslo.", "label": [[0, 8, "Peop"]]}
    {"text": "Ana Lima lives in Oslo.", "entities": [{"start": 0, "end": 8, "label": "Peop"}, ...],
     "relations": [{"head": 0, "tail": 1, "label": "Live_In"}]}

The first is doccano's export of relation projects from version 1.6, the second and third are those of sequence
labelling (`labels` in some versions). Spans may be in `entities`, `spans`, `label`, `labels` or `annotations`, as
objects or lists; ends of relations are ids of entities or, if these have none, their indices. Offsets are code points.
A ZIP archive as doccano exports it has a file for each annotator, such as `admin.jsonl`, or `all.jsonl`; if a text is
in several, `--annotator` chooses a file by its name. Writing makes doccano's newer form, to import and correct.
"""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document
from cman_tf.data.formats import json_files, projects, spans
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, decoded, show, written
from cman_tf.data.formats.records import check_object, show_keys, to_bytes, value
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

_LISTS = ("entities", "spans", "label", "labels", "annotations")
_START, _END = ("start_offset", "start", "begin", "char_start"), ("end_offset", "end", "char_end")
_TYPE = ("label", "type", "tag", "entity_group")
_HEAD, _TAIL = ("from_id", "head", "from", "source", "head_id"), ("to_id", "tail", "to", "target", "tail_id", "child")


def fits(found: First) -> bool:
    """Whether the objects have a `text` and spans, but no tokens."""
    return _is_text(found.record)


def recognises(path: str | Path) -> bool:
    """Whether this is an archive with a file `.jsonl` of such objects."""
    if projects.is_archive(path):
        with contextlib.suppress(InputError):
            return any(_is_text(record) for file in _files(path) for _, record in _records(file, Reading()))
    return False


def _is_text(record: Mapping[str, Any]) -> bool:
    return (
        isinstance(record.get(_text_key(record)), str)
        and "tokens" not in record
        and any(isinstance(record.get(key), list) for key in _LISTS)
    )


def _files(path: str | Path) -> Iterator[projects.Member]:
    return (file for file in projects.members(path) if file.path.suffix == ".jsonl")


def _records(file: projects.Member, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    data = file.read()
    # Somebody who annotated nothing has an empty file.
    return json_files.records_in(decoded(data, file.place), file.place, "text", reading) if data.strip() else iter(())


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read, is not JSON, contains no sentences, a text of an archive has several
            annotators and `reading` chooses none, or the choices of `reading` demand it.
    """
    reading = reading or Reading()
    records = _chosen(path, reading) if projects.is_archive(path) else json_files.records(path, "text", reading)
    return spans.from_records(records, _text, path, reading, tokenize)


def _chosen(path: str | Path, reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of an archive, of the chosen annotator."""
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for file in _files(path):
        found.setdefault(file.path.stem, []).extend(_records(file, reading))
    texts = [{str(record.get(_text_key(record))) for _, record in records} for records in found.values()]
    reading.check_annotator(found, len(set().union(*texts)) < sum(map(len, texts)), path)
    for person, records in found.items():
        if reading.annotator in (None, person):
            yield from records
        elif records:
            reading.leave_out("texts of other annotators", records[0][0], len(records))


def _text(record: Mapping[str, Any], place: str, reading: Reading) -> spans.Text:
    text = spans.Text(value(record, _text_key(record), "a string"), place, name(record))
    # By position too: relations may count the entities.
    order: list[Hashable] = []
    for key in _LISTS:
        for item in record.get(key) or () if isinstance(record.get(key) or (), list) else ():
            order.append(("position", len(order)))
            with reading.trying("malformed entities", place):
                own, span = _span(item, place)
                order[-1] = order[-1] if own is None else own
                if order[-1] in text.spans:
                    raise InputError(f"Ids of entities must be unique. Received: {own} again")
                text.spans[order[-1]] = span
    for item in value(record, "relations", "a list", []):
        with reading.trying("malformed relations", place):
            check_object(item, "A relation")
            head, tail = (_key(_first(item, names), order, text.spans) for names in (_HEAD, _TAIL))
            text.relations.append(spans.Link(head, tail, _first(item, ("type", "label")), _score(item), place))
    for key in ("cats", "Comments", "comments"):
        if record.get(key):
            reading.leave_out(f"{key.lower()} of texts", place)
    return text


def _text_key(record: Mapping[str, Any]) -> str:
    return "data" if "data" in record and "text" not in record else "text"


def name(record: Mapping[str, Any]) -> str:
    """The id of a text as str, "" if it has none."""
    for key in ("id", "doc_id", "doc_key", "document_id"):
        found = record.get(key)
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            return str(found)
    return ""


def _span(item: Any, place: str) -> tuple[Hashable, spans.Span]:
    if isinstance(item, list):
        if len(item) < 3 or not all(isinstance(number, int) for number in item[:2]):
            raise InputError(f"A span must be [start, end, type]. Received: {show(item)}")
        return None, spans.Span([(item[0], item[1])], str(item[2]), None, None, place)
    check_object(item, "An entity")
    pieces = item.get("offsets") or item.get("pieces")
    if isinstance(pieces, list) and all(isinstance(piece, list) and len(piece) == 2 for piece in pieces):
        borders = [(_whole(start), _whole(end)) for start, end in pieces]
    else:
        borders = [(_whole(_first(item, _START)), _whole(_first(item, _END)))]
    found = item.get("text")
    mention = found if isinstance(found, str) else None
    own = item.get("id")
    if own is not None and not isinstance(own, (str, int)):
        raise InputError(f"`id` must be a string or a whole number. Received: {show(own)}")
    # Older doccano has the number of a label.
    return own, spans.Span(borders, _name(_first(item, _TYPE)), _score(item), mention, place)


def _name(found: Any) -> str:
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else found


def _key(found: Any, order: list[Hashable], known: Mapping[Hashable, Any]) -> Hashable:
    if isinstance(found, dict):  # the entity itself
        found = _first(found, ("id",))
    if isinstance(found, (str, int)):
        if found in known:
            return found
        if isinstance(found, int) and 0 <= found < len(order):
            return order[found]
        return str(found)
    raise InputError(f"The end of a relation must be an id or index of an entity. Received: {show(found)}")


def _first(item: Mapping[str, Any], names: Iterable[str]) -> Any:
    for key in names:
        if key in item:
            return item[key]
    raise InputError(f"A span or relation must have a key {' or '.join(names)}. Received: {show_keys(item)}")


def _whole(found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool):
        raise InputError(f"An offset must be a whole number. Received: {show(found)}")
    return found


def _score(item: Mapping[str, Any]) -> float | None:
    return value(item, "score", "a number") if item.get("score") is not None else None


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write the lines of doccano's relation projects, for import as pre-annotations.

    Scores are written with the entities and relations; doccano ignores them. `read` returns the documents with the
    tokens and sentences that the package finds.

    Raises:
        InputError: if a text contains a lone surrogate or a type is empty, or the file cannot be written.
    """
    number = 0

    def record(document: Document) -> dict[str, Any]:
        nonlocal number
        check_unicode(document.text, document.id)
        first = number + 1
        entities: list[dict[str, Any]] = []
        for entity in document.entities:
            number += 1
            start, end = document.char_span(entity)
            item = {"id": number, "label": entity.type, "start_offset": start, "end_offset": end}
            entities.append({**item, **_scored(entity.score)})
        relations: list[dict[str, Any]] = []
        for relation in document.relations:
            number += 1
            ends = {"from_id": first + relation.head, "to_id": first + relation.tail}
            relations.append({"id": number, **ends, "type": relation.type, **_scored(relation.score)})
        own = {"id": document.id} if document.id else {}
        return {**own, "text": document.text, "entities": entities, "relations": relations}

    with atomic_write(path, "wb") as file:
        file.writelines(to_bytes(item) + b"\n" for item in written(documents, record))


def _scored(score: float | None) -> dict[str, float]:
    return {} if score is None else {"score": float(score)}
