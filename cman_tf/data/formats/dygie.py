"""DyGIE and SciERC JSON: documents of tokenised sentences (Luan et al., 2018; Wadden et al., 2019).

    {"doc_key": "d1", "sentences": [["Ana", "Lima", "lives", "in", "Oslo", "."], ["She", "works", "."]],
     "ner": [[[0, 1, "Peop"], [4, 4, "Loc"]], []], "relations": [[[0, 1, 4, 4, "Live_In"]], []]}

One document a line. Token indices count in the document and ends are inclusive. The form is that of DyGIE++'s page
`doc/data.md` and of the processed SciERC files. Clusters, events and the like are counted as left out. A relation
between two sentences is left out or joins them, as `--cross-sentence` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import across, char_spans, json_files
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_type, located, show
from cman_tf.data.formats.records import value
from cman_tf.data.sentences import parts
from cman_tf.errors import InputError

_OTHERS = ("clusters", "events", "event_clusters")


def fits(found: First) -> bool:
    """Whether the objects have `sentences` that are lists of tokens."""
    sentences = found.record.get("sentences")
    return isinstance(sentences, list) and bool(sentences) and all(isinstance(item, list) for item in sentences)


def read(path: str | Path, tokenize: object = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` is not used, because sentences of this format always have tokens.

    Returns:
        list of `Document`; the second sentence of `d1` has the id `d1:2`.

    Raises:
        InputError: if the file cannot be read, is not JSON, contains no sentences, or the choices of `reading` demand
            it.
    """
    reading = reading or Reading()
    documents: list[Document] = []
    for place, record in json_files.records(path, "document", reading):
        with reading.skipping("malformed documents", place):
            document = across.resolved(_document(record, place, reading), reading, place)
            # A document without tokens has no sentence.
            documents += parts(document) if document.tokens else []
            reading.documents += 1
    return reading.at_least_one(documents, path)


def _document(record: Mapping[str, Any], place: str, reading: Reading) -> Document:
    found = value(record, "sentences", "a list")
    for key in _OTHERS:
        if any(value(record, key, "a list", [])):
            reading.leave_out(key.replace("_", " "), place)
    places = [f"{place}, sentence {number}" for number in range(1, len(found) + 1)]
    tokens: list[str] = []
    borders = []
    for where, sentence in zip(places, found):
        with located(where):
            if not isinstance(sentence, list) or not all(isinstance(token, str) and token for token in sentence):
                raise InputError(f"A sentence must be a list of tokens. Received: {show(sentence)}")
        borders.append((len(tokens), len(tokens) + len(sentence)))
        tokens += sentence
    own: dict[tuple[int, int], int] = {}
    entities: list[Entity] = []
    for where, items, border in zip(places, _lists(record, "ner", len(found)), borders):
        for item in items:
            with reading.trying("malformed entities", where):
                start, end, kind = _numbers(item, 2, "sentence", *border)
                own.setdefault((start, end), len(entities))
                entities.append(Entity(start, end + 1, kind))
    relations: list[Relation] = []
    for where, items in zip(places, _lists(record, "relations", len(found))):
        for item in items:
            with reading.trying("malformed relations", where):
                *ends, kind = _numbers(item, 4, "document", 0, len(tokens))
                pair = [own.get((ends[0], ends[1])), own.get((ends[2], ends[3]))]
                if pair[0] is None or pair[1] is None or pair[0] == pair[1]:
                    raise InputError(f"A relation must link two entities of its document. Received: {show(item)}")
                relations.append(Relation(pair[0], pair[1], kind))
    sentences = [(start, end) for start, end in borders if start < end]
    return Document(tokens, entities, relations, id=char_spans.name(record), sentences=sentences)


def _lists(record: Mapping[str, Any], key: str, count: int) -> list[list[Any]]:
    found = value(record, key, "a list", [[]] * count)
    if len(found) != count or not all(isinstance(item, list) for item in found):
        raise InputError(f"`{key}` must have one list for each sentence. Received: {show(found)}")
    return found


def _numbers(item: Any, count: int, what: str, first: int, end: int) -> list[Any]:
    """Token indices, which must be in their sentence or document, and the type. Further values are ignored."""
    numbers = item[:count] if isinstance(item, list) else []
    if len(item if isinstance(item, list) else []) <= count or any(type(number) is not int for number in numbers):
        raise InputError(f"An annotation must be {count} token indices and a type. Received: {show(item)}")
    if any(not first <= number < end for number in numbers) or any(a > b for a, b in zip(numbers[::2], numbers[1::2])):
        raise InputError(
            f"Token indices must count in the document and be in their {what}, from {first} to {end - 1}. "
            f"Received: {show(item)}"
        )
    check_type(item[count])
    return [*numbers, item[count]]
