"""Annotated texts to sentences: a text, spans of its characters and relations between them.

Readers of formats with character offsets turn their file into `Text`s; `documents` does the rest. The borders of
sentences are found by `cman_tf.data.sentences`. A border inside an entity is none: both sentences are joined.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cman_tf.data import raw_text
from cman_tf.data.document import Document, Relation
from cman_tf.data.formats import across
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_type, is_gap, show
from cman_tf.data.sentences import split as split_sentences
from cman_tf.errors import InputError

Tokenize = Callable[[list[str]], list[Document]]


@dataclass(frozen=True)
class Span:
    """An annotated entity.

    Args:
        pieces: sequence of `(start, end)`, code points of the text, as the file has them.
        type: str.
        score: float or None.
        mention: str or None. Its text according to the file, which is compared.
        place: str. Place in the file for messages. Default: that of the text.
    """

    pieces: Sequence[tuple[int, int]]
    type: str
    score: float | None = None
    mention: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Link:
    """An annotated relation; `head` and `tail` are keys of `Text.spans`."""

    head: Hashable
    tail: Hashable
    type: str
    score: float | None = None
    place: str = ""


@dataclass
class Text:
    """An annotated text, as a reader found it.

    Args:
        text: str.
        place: str. Place in the file for messages.
        id: str. Default: "".
        spans: dict of keys to `Span`.
        relations: list of `Link`.
        sentences: list of `(start, end)` or None. Sentences, if the file has them. Default: they are found.
    """

    text: str
    place: str
    id: str = ""
    spans: dict[Hashable, Span] = field(default_factory=dict)
    relations: list[Link] = field(default_factory=list)
    sentences: list[tuple[int, int]] | None = None


def documents(
    texts: Iterable[Text],
    path: str | Path,
    reading: Reading,
    tokenize: Tokenize | None = None,
    sentences: str = "split",
) -> list[Document]:
    """The sentences of annotated texts.

    Args:
        texts: iterable of `Text`.
        path: str or path of the file, for messages.
        reading: `Reading`, the choices, which also counts.
        tokenize: callable, list of str -> list of `Document`. Default: the package's tokenizer.
        sentences: str. How texts are split if the reading does not say. Default: `"split"`.

    Returns:
        list of `Document`, with the tokens that the package finds. Ids are those of the texts, followed by `:1`, `:2`,
        ... if a text has several sentences. A text of several sentences without an id gets its number in the file, so
        that its sentences are known to be of one text.

    Raises:
        InputError: if there is no sentence, or the choices demand it.
    """
    used: set[str] = set()
    # Ids of the file first, so that no number takes one.
    texts = [replace(text, id=_unused(text.id, used)) if text.id else text for text in texts]
    found: list[_Sentence] = []
    for number, text in enumerate(texts, 1):
        reading.documents += 1
        found += _sentences(text, text.id or _unused(str(number), used), reading, reading.sentences or sentences)
    result = []
    tokenize = tokenize or raw_text.documents
    for item, document in zip(found, tokenize([item.text for item in found])):
        with reading.skipping("malformed sentences", item.place):
            result.append(raw_text.annotated(document, item.spans, item.relations, item.id))
    return reading.at_least_one(result, path)


def from_records(
    records: Iterable[tuple[str, Mapping[str, Any]]],
    convert: Callable[[Mapping[str, Any], str, Reading], Text],
    path: str | Path,
    reading: Reading | None,
    tokenize: Tokenize | None = None,
    sentences: str = "split",
) -> list[Document]:
    """`documents` of a file with an object for each text; malformed objects are left out.

    Args:
        records: iterable of `(place, object)`.
        convert: callable `(object, place, reading) -> Text`.
        path, reading, tokenize, sentences: see `documents`.
    """
    reading = reading or Reading()
    texts = []
    for place, record in records:
        with reading.skipping("malformed texts", place):
            texts.append(convert(record, place, reading))
    return documents(texts, path, reading, tokenize, sentences)


@dataclass
class _Sentence:
    text: str
    place: str
    id: str
    spans: list[tuple[int, int, str, float | None]] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)


def _unused(name: str, used: set[str]) -> str:
    number, result = 1, name
    while result in used:
        number += 1
        result = f"{name}~{number}"
    used.add(result)
    return result


def _sentences(text: Text, name: str, reading: Reading, way: str) -> list[_Sentence]:
    """The sentences of a text; `name` is its id in theirs, if there are several."""
    spans, same = _entities(text, reading)
    given = text.sentences if reading.sentences is None else None
    parts = given if given is not None else split(text.text, way, reading.language)
    numbers = _numbers(text.text, parts) if way == "lines" and text.sentences is None else range(1, len(parts) + 1)
    starts = [start for start, _ in parts]
    rows: dict[Hashable, int] = {}
    lasts: dict[Hashable, int] = {}
    for key, (start, end, *_) in spans.items():
        rows[key] = max(bisect.bisect_right(starts, start) - 1, 0)
        lasts[key] = max(bisect.bisect_left(starts, end) - 1, rows[key])
    links = _relations(text, same, reading)
    groups = across.groups(
        len(parts),
        ((rows[key], lasts[key]) for key in spans),
        ((rows[link.head], rows[link.tail]) for link in links),
        lambda first, last: len(text.text[parts[first][0] : parts[last][1]].split()),
        reading,
    )
    ends = [*groups[1:], len(parts)]
    whole = list(numbers)[:1] == [1] and len(groups) == 1
    result = []
    for row, end in zip(groups, ends):
        id = text.id if whole else f"{name}:{numbers[row]}"
        start, stop = parts[row][0], parts[end - 1][1]
        inside = [key for key in spans if row <= rows[key] < end]
        # An entity may begin before its sentence, if the sentence was found without some sign.
        start = min([start, *(spans[key][0] for key in inside)])
        stop = max([stop, *(spans[key][1] for key in inside)])
        sentence = _Sentence(text.text[start:stop], f"{text.place}, sentence {id or numbers[row]}", id)
        number = {key: index for index, key in enumerate(inside)}
        sentence.spans = [(spans[key][0] - start, spans[key][1] - start, *spans[key][2:]) for key in inside]
        sentence.relations = [
            Relation(number[link.head], number[link.tail], link.type, link.score)
            for link in links
            if link.head in number and link.tail in number
        ]
        result.append(sentence)
    group_of = [bisect.bisect_right(groups, row) for row in range(len(parts))]
    for link in links:
        if group_of[rows[link.head]] != group_of[rows[link.tail]]:
            across.leave_out(reading, link.place or text.place)
    return result


def split(text: str, way: str, language: str = "en") -> list[tuple[int, int]]:
    """Spans of the sentences of a text.

    Args:
        text: str.
        way: str. `"split"`, `"lines"` or `"text"`, see `Reading`.
        language: str, see `Reading`. Default: `"en"`.

    Returns:
        list of `(start, end)`; none is blank.
    """
    if way == "split":
        return split_sentences(text, language)
    if way == "text":
        return [(0, len(text))] if text.strip() else []
    # Not splitlines: a text may contain U+2028 and similar characters. A \r stays outside tokens.
    return [(line.start(), line.end()) for line in re.finditer(r"[^\n]+", text) if line[0].strip()]


def add_part(text: Text, part: str, reading: Reading, gap: str = "") -> None:
    """Append a part to a text, such as a title or paragraph, with a gap before it. Its end is the end of a sentence."""
    text.text += gap
    start = len(text.text)
    text.text += part
    parts = split(part, "split", reading.language)
    text.sentences = [*(text.sentences or ()), *((start + first, start + last) for first, last in parts)]


def _numbers(text: str, parts: Sequence[tuple[int, int]]) -> list[int]:
    return [text.count("\n", 0, start) + 1 for start, _ in parts]


def _entities(text: Text, reading: Reading) -> tuple[dict[Hashable, tuple], dict[Hashable, Hashable]]:
    """`({key: (start, end, type, score)}, {key: the key of the same entity})`, without what is left out."""
    spans: dict[Hashable, tuple] = {}
    known: dict[tuple[int, int, str], Hashable] = {}
    same: dict[Hashable, Hashable] = {}
    for key, span in text.spans.items():
        place = span.place or text.place
        pieces: list[tuple[int, int]] = []
        with reading.trying("entities that do not fit their text", place):
            pieces = _pieces(text.text, span, reading)
        # Outside of `trying`, which would count what is to be refused.
        if len(pieces) > 1 and reading.discontinuous != "join":
            if reading.discontinuous == "refuse" or reading.strict:
                shown = show(_shown(text.text, pieces))
                raise InputError(f"An entity must be continuous. Received: {shown} in {place}")
            reading.leave_out("discontinuous entities", place)
            pieces = []
        if not pieces:
            continue
        with reading.trying("entities that do not fit their text", place):
            given = pieces[0][0], pieces[-1][1]
            start, end, *_ = raw_text.trimmed(text.text, *given, span.type)
            if (start, end) != given:
                reading.count("blanks at the ends of spans", place)
            entity = (start, end, span.type)
            if entity in known:
                same[key] = known[entity]
                reading.leave_out("entities annotated twice", place)
                continue
            known[entity] = same[key] = key
            spans[key] = (start, end, span.type, span.score)
    return spans, same


def _pieces(text: str, span: Span, reading: Reading) -> list[tuple[int, int]]:
    """The pieces of an entity, checked and in order; those with only white space between them are one."""
    pieces: list[tuple[int, int]] = []
    for start, end in sorted((start, reading.end(end)) for start, end in span.pieces):
        if start == end:
            raise InputError(
                "An entity must satisfy 0 <= start < end; for ends that are inclusive, use --ends inclusive. "
                f"Received: start={start}, end={end} in a text of {len(text)} characters"
            )
        raw_text.check_span(text, start, end)
        if pieces and not text[pieces[-1][1] : start].strip():
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((start, end))
    found = _shown(text, pieces)
    if span.mention is not None and found != span.mention and found.split() != span.mention.split():
        raise InputError(
            f"The text of an entity must be that at its offsets. Received: {show(span.mention)}, but {show(found)} at "
            + ";".join(f"{start}:{end}" for start, end in pieces)
        )
    if is_gap(found):
        raise InputError(f"An entity must contain a visible character. Received: {show(found)}")
    check_type(span.type)
    return pieces


def _shown(text: str, pieces: Iterable[tuple[int, int]]) -> str:
    return " ".join(text[start:end] for start, end in pieces)


def _relations(text: Text, same: dict[Hashable, Hashable], reading: Reading) -> list[Link]:
    """The relations between entities that are kept."""
    links: dict[tuple, Link] = {}
    for link in text.relations:
        place = link.place or text.place
        with reading.trying("relations that do not fit their entities", place):
            for key in (link.head, link.tail):
                if key not in text.spans:
                    raise InputError(f"A relation must link entities of its text. Received: {key}, which is missing,")
            check_type(link.type)
            if not {link.head, link.tail} <= set(same):
                reading.leave_out("relations of entities that are left out", place)
                continue
            head, tail = same[link.head], same[link.tail]
            if head == tail:
                raise InputError(f"A relation must link two different entities. Received: {link.type}")
            if (head, tail, link.type) in links:
                reading.leave_out("relations annotated twice", place)
                continue
            links[head, tail, link.type] = replace(link, head=head, tail=tail)
    return list(links.values())
