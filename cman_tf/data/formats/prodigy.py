"""Prodigy's lines of `rel.manual` and `ner.manual`: text, tokens, spans of characters and relations.

    {"text": "Ana Lima lives in Oslo.", "tokens": [{"text": "Ana", "start": 0, "end": 3, "id": 0, "ws": true}, ...],
     "spans": [{"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "Peop"}, ...],
     "relations": [{"head": 1, "child": 4, "head_span": {"start": 0, "end": 8, ...}, "child_span": {...},
                    "label": "Live_In"}], "answer": "accept"}

The form is that of Prodigy's documentation (`db-out`, interface `relations`). Lines with the answers `reject` and
`ignore` are counted as left out. A relation's end that is only a token, without a labelled span, is left out. Writing
makes the input of `rel.manual`, one line for each document, with its tokens.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document, Entity
from cman_tf.data.formats import char_spans, json_files, spans
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, written
from cman_tf.data.formats.records import check_object, to_bytes, value
from cman_tf.files import atomic_write


def fits(found: First) -> bool:
    """Whether the objects have a `text`, and `tokens` that are objects or a Prodigy `answer`."""
    if not isinstance(found.record.get("text"), str):
        return False
    tokens = found.record.get("tokens")
    objects = isinstance(tokens, list) and bool(tokens) and all(isinstance(token, dict) for token in tokens)
    return objects or "spans" in found.record and bool({"answer", "_input_hash"} & set(found.record))


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read, is not JSON, contains no sentences, has several annotators and `reading`
            chooses none, or the choices of `reading` demand it.
    """
    reading = reading or Reading()
    found = list(json_files.records(path, "text", reading))
    names = {str(record["_annotator_id"]) for _, record in found if record.get("_annotator_id")}
    accepted = [record["text"] for _, record in found if _is_accepted(record) and isinstance(record.get("text"), str)]
    reading.check_annotator(names, len(names) > 1 and len(set(accepted)) < len(accepted), path)
    texts = []
    for place, record in found:
        if not _is_accepted(record):
            reading.leave_out("texts that were rejected or ignored", place)
        elif reading.annotator is not None and str(record.get("_annotator_id")) != reading.annotator:
            reading.leave_out("texts of other annotators", place)
        else:
            with reading.skipping("malformed texts", place):
                texts.append(_text(record, place, reading))
    return spans.documents(texts, path, reading, tokenize)


def _is_accepted(record: Mapping[str, Any]) -> bool:
    return bool(record.get("answer", "accept") == "accept")


def _text(record: Mapping[str, Any], place: str, reading: Reading) -> spans.Text:
    meta = record.get("meta")
    name = char_spans.name(record) or (char_spans.name(meta) if isinstance(meta, dict) else "")
    text = spans.Text(value(record, "text", "a string"), place, name)
    # By borders alone: the span of a relation's end need not have a label.
    first: dict[Hashable, Hashable] = {}
    for item in value(record, "spans", "a list", []):
        with reading.trying("malformed entities", place):
            check_object(item, "A span")
            borders, label = _borders(item), value(item, "label", "a string")
            own: Hashable = (borders, label)
            while own in text.spans:
                own = (own, "again")
            text.spans[own] = spans.Span([borders], label, None, None, place)
            first.setdefault(borders, own)
    for item in value(record, "relations", "a list", []):
        with reading.trying("malformed relations", place):
            check_object(item, "A relation")
            ends = []
            for role in ("head_span", "child_span"):
                check_object(item.get(role), f"`{role}`")
                borders = _borders(item[role])
                own = (borders, str(item[role].get("label")))
                ends.append(own if own in text.spans else first.get(borders, borders))
            text.relations.append(spans.Link(ends[0], ends[1], value(item, "label", "a string"), None, place))
    return text


def _borders(item: Mapping[str, Any]) -> tuple[int, int]:
    return value(item, "start", "a whole number"), value(item, "end", "a whole number")


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write lines for `rel.manual`, to correct. Texts without tokens are left out: there is nothing to annotate.

    `read` returns the documents without scores, with the tokens and sentences that the package finds. The id of a
    document is in `meta`, which Prodigy shows.

    Raises:
        InputError: if a text contains a lone surrogate or a type is not valid, or the file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        file.writelines(to_bytes(record) + b"\n" for record in written(documents, _record) if record["tokens"])


def _record(document: Document) -> dict[str, Any]:
    check_unicode(document.text, document.id)
    text = document.text
    tokens = [
        {"text": token, "start": start, "end": end, "id": number, "ws": text[end : end + 1].isspace()}
        for number, (token, (start, end)) in enumerate(zip(document.tokens, document.offsets))
    ]
    entities = [_span(document, entity) for entity in document.entities]
    relations = [
        # Prodigy links the last tokens of spans.
        {
            "head": entities[relation.head]["token_end"],
            "child": entities[relation.tail]["token_end"],
            "head_span": entities[relation.head],
            "child_span": entities[relation.tail],
            "label": relation.type,
        }
        for relation in document.relations
    ]
    meta = {"meta": {"id": document.id}} if document.id else {}
    return {"text": text, "tokens": tokens, "spans": entities, "relations": relations, **meta}


def _span(document: Document, entity: Entity) -> dict[str, Any]:
    start, end = document.char_span(entity)
    # Both tokens belong to the span.
    tokens = {"token_start": int(entity.start), "token_end": int(entity.end) - 1}
    return {"start": start, "end": end, **tokens, "label": entity.type}
