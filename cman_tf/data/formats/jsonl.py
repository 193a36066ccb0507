"""JSON lines: one sentence or document per line, raw or tokenised, annotated or not. Prediction reads and writes it.

    {"text": "Ann left Rome."}
    {"id": "7", "tokens": ["Ann", "left", "Rome"], "entities": [{"type": "Peop", "start": 0, "end": 1}, ...],
     "relations": [{"type": "Live_In", "head": 0, "tail": 1, "score": 0.93}]}

Entities and relations are those of SpERT JSON, with an optional `score`. A tokenised line may contain its original
`text` and the `offsets` of its tokens, pairs of Unicode code points; without offsets the tokens are searched in the
text. A document of several sentences has `sentences`, pairs of tokens (start, end); a relation between two of them is
left out or joins them, as `--cross-sentence` says. Written files also contain each entity's `text`, `char_start`,
`char_end` and, in such a document, `sentence`, an index, for other programs; reading ignores these four, because they
follow from the rest.

Instead of entities, a line may have a tag for each token, as data sets of Hugging Face have in `ner_tags` or `tags`:
`["B-Peop", "O", "B-Loc"]`. Numbers in place of tags are left out, because the file does not have their names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import across, token_tags
from cman_tf.data.formats.json_first import ANNOTATION, First, has_tokens
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unique, located, read_lines, show, written
from cman_tf.data.formats.records import annotation, check_object, identifier, parse_json, show_keys, to_bytes, value
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

# Number of lines that are tokenized together.
_CHUNK = 256


def fits(found: First) -> bool:
    """Whether the lines are JSON objects with `tokens` as strings, or with a `text` and no annotation."""
    if found.listed:
        return False
    return has_tokens(found.record) or "text" in found.record and not set(found.record) & set(ANNOTATION)


def read(
    path: str | Path,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    reading: Reading | None = None,
) -> list[Document]:
    """Read a file.

    `tokenize` splits raw lines, e.g. `Predictor.tokenize`. Without it they are refused.

    Returns:
        list of `Document` in the order of the lines. Blank lines and unknown keys are ignored.

    Raises:
        InputError: if the file cannot be read or has no line that can be read, or, with the line, if `reading` is
            strict and a line is not valid JSON in UTF-8, breaks a rule of `Document`, or is raw text without
            `tokenize`.
    """
    reading = reading or Reading()
    return reading.at_least_one(list(iterate(path, tokenize, reading)), path)


def iterate(
    path: str | Path,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    reading: Reading | None = None,
    annotated: bool = True,
) -> Iterator[Document]:
    """Yield the documents of `read` as they are used, in constant memory but for their ids.

    Without `annotated`, for prediction, annotation across sentences neither joins them nor is left out.

    Raises:
        InputError: as `read`, but not if no line can be read.
    """
    identifiers: dict[str, str] = {}
    waiting: list[tuple[str, Document | str]] = []
    skipping = functools.partial((reading := reading or Reading()).skipping, "malformed lines")
    for number, line in enumerate(read_lines(path, skipping=skipping), 1):
        if not line.strip():
            continue
        with skipping():
            record = parse_json(line.removesuffix("\n"), path, number)
            place = f"{path}, line {number}"
            with located(place):
                check_object(record, "A line")
                name = identifier(record, "id")
                has_tokens = "tokens" in record
                found = _document(record, name, reading, place) if has_tokens else _raw_text(record, tokenize)
                check_unique(name, f"line {number}", identifiers)
            if annotated and isinstance(found, Document):
                found = across.resolved(found, reading, place)
            waiting.append((name, found))
        if len(waiting) == _CHUNK:
            yield from _tokenized(waiting, tokenize)
            waiting = []
    yield from _tokenized(waiting, tokenize)


def _tokenized(
    items: Sequence[tuple[str, Document | str]], tokenize: Callable[[list[str]], list[Document]] | None
) -> Iterator[Document]:
    texts = [item for _, item in items if isinstance(item, str)]
    found = iter(tokenize(texts) if tokenize and texts else ())
    for name, item in items:
        yield replace(next(found), id=name) if isinstance(item, str) else item


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write documents, whole or not at all; `read` returns them unchanged.

    Raises:
        InputError: if a type is not valid, or the file cannot be written.
    """
    with atomic_write(path, "wb") as file:
        file.writelines(to_bytes(item) + b"\n" for item in written(documents, record))


def record(document: Document) -> dict[str, Any]:
    """The JSON object of a document, as `write` writes it on a line."""
    entities, several = [], len(document.sentences) > 1
    for entity in document.entities:
        start, end = document.char_span(entity)
        entities.append(
            {"type": entity.type, "start": entity.start, "end": entity.end, "text": document.text[start:end],
             "char_start": start, "char_end": end,
             **({"sentence": document.sentence_of(entity)} if several else {}), **_score(entity)}
        )  # fmt: skip
    relations = [{"type": r.type, "head": r.head, "tail": r.tail, **_score(r)} for r in document.relations]
    return {
        **({"id": document.id} if document.id else {}),
        "text": document.text,
        "tokens": document.tokens,
        "offsets": document.offsets,
        **({"sentences": document.sentences} if several else {}),
        "entities": entities,
        "relations": relations,
    }


def _score(item: Entity | Relation) -> dict[str, float]:
    # float(): scores may be numpy numbers, which json does not support.
    return {} if item.score is None else {"score": float(item.score)}


def _document(record: Mapping[str, Any], name: str, reading: Reading | None = None, place: str = "") -> Document:
    tokens = value(record, "tokens", "a list of strings")
    entities, relations = annotation(record, reading)
    entities = token_tags.entities(record, entities, reading or Reading(), place)
    sentences = value(record, "sentences", "a list of pairs of whole numbers", [])
    if "text" not in record:
        return Document(tokens, entities, relations, id=name, sentences=sentences)
    text = value(record, "text", "a string")
    if "offsets" in record:
        offsets = value(record, "offsets", "a list of pairs of whole numbers")
    else:
        offsets = _find(tokens, text)
    return Document(tokens, entities, relations, text, offsets, name, sentences)


def _find(tokens: Sequence[str], text: str) -> list[tuple[int, int]]:
    offsets, position = [], 0
    for token in tokens:
        start = text.find(token, position)
        if start < 0:
            raise InputError(f"`text` must contain the tokens in order. Received: {show(token)}, which is missing,")
        position = start + len(token)
        offsets.append((start, position))
    return offsets


def _raw_text(record: Mapping[str, Any], tokenize: object) -> str:
    if "text" not in record:
        raise InputError(f"A line must have a key 'text' or 'tokens'. Received: {show_keys(record)}")
    if tokenize is None:
        raise InputError(
            "A line must have a key 'tokens', because raw text is read for prediction only. Received: raw text"
        )
    for key in (*ANNOTATION, "relations"):
        # Strings are no spans: they may be topics of the text.
        if isinstance(record.get(key), list) and any(isinstance(item, (dict, list)) for item in record[key]):
            raise InputError(
                f"`{key}` must come with 'tokens', whose indices they use; for characters, name the format of the "
                "file with --input-format (doccano, prodigy, ...). Received: raw text"
            )
    return value(record, "text", "a string")
