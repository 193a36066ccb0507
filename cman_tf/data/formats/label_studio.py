"""Label Studio's JSON export: tasks of one text with labelled spans and relations.

    [{"id": 1, "data": {"text": "Ana Lima lives in Oslo."}, "annotations": [{"completed_by": 3, "result": [
        {"id": "e0", "type": "labels", "value": {"start": 0, "end": 8, "text": "Ana Lima", "labels": ["Peop"]}}, ...,
        {"type": "relation", "from_id": "e0", "to_id": "e1", "direction": "right", "labels": ["Live_In"]}]}]}, ...]

The form is that of Label Studio's page "Task format" and of its own exports (Text, Labels and Relations tags). Offsets
are code points, or UTF-16 units as of versions before 1.5; each span's text shows which, and whether the text was
escaped as HTML. It also shows which of several strings in `data` was annotated; otherwise that is the one that
`to_name` names, or `text`. A relation with direction `left` has its head at `to_id`; one with `bi` is read from left to
right. If tasks have annotations of several people, `--annotator` chooses; cancelled ones are not read. Predictions are
read from tasks without annotations. Writing makes pre-annotations: predictions with scores, to import and correct.
"""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document
from cman_tf.data.formats import json_files, offsets, spans
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, show, written
from cman_tf.data.formats.records import check_object, identifier, show_keys, to_bytes, value
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

_RESULTS = ("annotations", "completions", "predictions")


def fits(found: First) -> bool:
    """Whether the file has tasks: objects with `data` and `annotations` or `predictions`."""
    return isinstance(found.record.get("data"), dict) and bool(set(_RESULTS) & set(found.record))


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read, is not JSON, contains no sentences, has annotations of several people
            and `reading` chooses none, or the choices of `reading` demand it.
    """
    reading = reading or Reading()
    tasks = list(json_files.records(path, "task", reading))
    people = [[_name(item) for item in _annotations(task)] for _, task in tasks]
    # Two annotations of one person too: which of them counts is then a choice.
    reading.check_annotator(set().union(*people), any(len(names) > 1 for names in people), path)
    texts = []
    for place, task in tasks:
        with reading.skipping("malformed tasks", place):
            texts.append(_task(task, place, reading))
    return spans.documents(texts, path, reading, tokenize)


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The annotations of a task that were not cancelled; its predictions if there are none."""
    for key in _RESULTS:
        listed = task.get(key)
        items = listed if isinstance(listed, list) else ()
        found = [item for item in items if isinstance(item, dict) and not item.get("was_cancelled")]
        if found:
            return found[:1] if key == "predictions" else found
    return []


def _name(annotation: Mapping[str, Any]) -> str:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return str(by) if by is not None else ""


def _task(task: Mapping[str, Any], place: str, reading: Reading) -> spans.Text:
    data = task.get("data")
    check_object(data, "`data`")
    assert isinstance(data, dict)
    found: dict[Hashable, spans.Span] = {}
    links: list[spans.Link] = []
    known = _annotations(task)
    mine = [item for item in known if reading.annotator in (None, _name(item))]
    if known and not mine:
        reading.leave_out("annotations of other annotators", place, len(known))
    elif len(known) > len(mine):
        reading.leave_out("annotations of other annotators", place, len(known) - len(mine))
    if len(mine) > 1:
        reading.leave_out("earlier annotations of the same annotator", place, len(mine) - 1)
    results = value(mine[-1], "result", "a list", []) if mine else []
    for number, item in enumerate(results):
        with reading.trying("malformed results", place):
            check_object(item, "A result")
            if item.get("type") == "relation":
                links += _relation(item, place)
            elif isinstance(item.get("value"), dict) and {"labels", "hypertextlabels"} & set(item["value"]):
                _add(found, item, number, place)
            else:
                reading.leave_out(f"results of type {show(item.get('type'))}", place)
    # `from_id` names a region; one with several labels is several entities, of which the first is linked.
    text, moved = _aligned(data, results, found)
    return spans.Text(text, place, _id(task), moved, links)


def _aligned(
    data: Mapping[str, Any], results: Iterable[Any], found: dict[Hashable, spans.Span]
) -> tuple[str, dict[Hashable, spans.Span]]:
    """The annotated text of a task, and the spans with its offsets.

    It is the string in `data` that the mentions fit best. Of equal ones, it is that named by `to_name`, then `text`.
    """
    texts = {key: item for key, item in data.items() if isinstance(item, str) and key != "id"}
    if not texts:
        raise InputError(f"A task must have a text in `data`. Received: {show(data)}")
    named = [item.get("to_name") for item in results if isinstance(item, dict)]
    likely = list(dict.fromkeys(key for key in (*named, "text") if isinstance(key, str) and key in texts))
    keys = [*likely, *(key for key in texts if key not in likely)]
    forms = [form for key in keys for form in (texts[key], html.unescape(texts[key]), html.escape(texts[key]))]
    text, moved = offsets.aligned(list(dict.fromkeys(forms)), found)
    if len(texts) > 1 and not likely and not any(offsets.fits(text, span) for span in moved.values()):
        raise InputError(
            f"A task with several texts must have its text as `text` in `data`. Received: {show_keys(texts)}"
        )
    return text, moved


def _id(task: Mapping[str, Any]) -> str:
    """The id in the data of a task, which the user gave, or that of the task."""
    own = task["data"].get("id")
    return str(own) if isinstance(own, (str, int)) else identifier(task, "id")


def _add(found: dict[Hashable, spans.Span], item: Mapping[str, Any], number: int, place: str) -> None:
    inside = item["value"]
    offsets = inside.get("globalOffsets") if isinstance(inside.get("globalOffsets"), dict) else inside
    start, end = (value(offsets, key, "a whole number") for key in ("start", "end"))
    mention = inside.get("text") if isinstance(inside.get("text"), str) else None
    score = value(item, "score", "a number") if item.get("score") is not None else None
    labels = value(inside, "labels" if "labels" in inside else "hypertextlabels", "a list of strings")
    if not labels:
        raise InputError("A region must have a label. Received: none")
    key: Hashable = item["id"] if isinstance(item.get("id"), (str, int)) else ("result", number)
    for position, label in enumerate(labels):
        # The same id occurs once for each control of a region.
        own = key if position == 0 and key not in found else (key, number, position)
        found[own] = spans.Span([(start, end)], label, score, mention, place)


def _relation(item: Mapping[str, Any], place: str) -> list[spans.Link]:
    head, tail = (value(item, key, "a string") for key in ("from_id", "to_id"))
    if item.get("direction") == "left":
        head, tail = tail, head
    labels = value(item, "labels", "a list of strings", [])
    if not labels:
        raise InputError("A relation must have a label. Received: none")
    return [spans.Link(head, tail, label, None, place) for label in labels]


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write tasks with predictions, for import as pre-annotations. Controls are named `label` and objects `text`.

    `read` returns the documents with the tokens and sentences that the package finds. A `Relations` tag is required in
    the labelling configuration; a relation's score is in its `meta`, because Label Studio has no place for it.

    Raises:
        InputError: if a text contains a lone surrogate or a type is empty, or the file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        file.write(to_bytes(list(written(documents, _record))))


def _record(document: Document) -> dict[str, Any]:
    check_unicode(document.text, document.id)
    result: list[dict[str, Any]] = []
    for number, entity in enumerate(document.entities):
        start, end = document.char_span(entity)
        item = {"start": start, "end": end, "text": document.text[start:end], "labels": [entity.type]}
        region = {"id": f"e{number}", "from_name": "label", "to_name": "text", "type": "labels", "value": item}
        result.append({**region, **({} if entity.score is None else {"score": float(entity.score)})})
    for relation in document.relations:
        link = {"type": "relation", "from_id": f"e{relation.head:d}", "to_id": f"e{relation.tail:d}"}
        score = {} if relation.score is None else {"meta": {"score": float(relation.score)}}
        result.append({**link, "direction": "right", "labels": [relation.type], **score})
    scores = [entity.score for entity in document.entities] + [relation.score for relation in document.relations]
    known = [score for score in scores if score is not None]
    prediction = {"model_version": "cman-tf", "result": result, **({"score": float(min(known))} if known else {})}
    # The id is in the data: Label Studio gives its own to tasks.
    return {
        "data": {"text": document.text, **({"id": document.id} if document.id else {})},
        "predictions": [prediction],
    }
