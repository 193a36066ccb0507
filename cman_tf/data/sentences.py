"""Splits documents into sentences, and joins the answers of their sentences.

Sentences are found with sentencex, block by block. A blank line or a list item begins a new block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import sentencex

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError

LONGEST = 3000
"""Maximum number of code points in a sentence. Text without sentence ends, such as a table, is cut at blanks."""

_LINE = re.compile(r"[^\n\x0b\f\x85\u2028\u2029]*(?:[\n\x0b\f\x85\u2028\u2029]|$)")
_BULLET = re.compile(r"[-*+•‣◦▪–—]\s+\S|\(?[a-z]\)\s+\S")
_NUMBERED = re.compile(r"\(?(\d{1,3})[.)]\s+\S")
# The dot of an item's number ends no sentence.
_DOT = re.compile(r"^(\s*\(?\d{1,3})\.")
# Sentencex finds no sentence end before some kinds of blanks, and fails on lone surrogates.
_BLANK = re.compile(r"\s")
_SURROGATE = re.compile("[\ud800-\udfff]")


def split(text: str, language: str = "en") -> list[tuple[int, int]]:
    """The sentences of a text.

    A line end does not end a sentence. A blank line does, and a list item: a line that begins with a bullet, `a)`, or
    the number 1 or the number after that of the previous item.

    Args:
        text: str, a document of any length.
        language: str. ISO 639 code for abbreviations and punctuation. Default: `"en"`. For codes that sentencex does
            not know it uses a related language or English.

    Returns:
        list of `(start, end)`, code points of the text, end exclusive, without blanks at the ends, in order. They
        contain all characters except blanks between sentences, and none is longer than `LONGEST`.

    Example:
        >>> text = "Ana met Dr. Ek\\nin Oslo. It rained.\\n\\n- Bo\\n- Rome"
        >>> [text[start:end] for start, end in split(text)]
        ['Ana met Dr. Ek\\nin Oslo.', 'It rained.', '- Bo', '- Rome']
    """
    readable = _SURROGATE.sub("\ufffd", _BLANK.sub(" ", text))
    return [
        part
        for first, last in _blocks(text)
        for start, end in _sentences(readable[first:last], language)
        for part in _limited(text, first + start, first + end)
    ]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """`(start, end)` of the parts between blank lines and before list items."""
    start, number = 0, 0
    for line in _LINE.finditer(text):
        content = line[0].strip()
        numbered = _NUMBERED.match(content)
        item = numbered and int(numbered[1]) in (1, number + 1)
        if not content or item or _BULLET.match(content):
            yield start, line.start()
            start = line.start()
        if item and numbered:
            number = int(numbered[1])
    yield start, len(text)


def _sentences(block: str, language: str) -> Iterator[tuple[int, int]]:
    position, block = 0, _DOT.sub(r"\1)", block)
    for sentence in sentencex.segment(language, block) if block.strip() else ():
        # Some versions leave out the blanks between sentences.
        position = block.index(sentence, position)
        yield position, position + len(sentence)
        position += len(sentence)


def _limited(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence without blanks at its ends, in parts of at most `LONGEST`."""
    while True:
        found = text[start:end]
        start, end = end - len(found.lstrip()), start + len(found.rstrip())
        if start >= end:
            return
        last = end
        if end - start > LONGEST:
            blanks = [blank.start() for blank in _BLANK.finditer(text, start, start + LONGEST + 1)]
            last = blanks[-1] if blanks else start + LONGEST
        yield start, start + len(text[start:last].rstrip())
        start = last


def parts(document: Document) -> list[Document]:
    """The sentences of a document as documents of their own.

    Args:
        document: `Document`.

    Returns:
        list of `Document`: `[document]` if it has one sentence or none. Otherwise offsets are those of the sentence's
        own text, and ids are that of the document, followed by `:1`, `:2`, ...

    Raises:
        InputError: if an entity or a relation is in more than one sentence.
    """
    if len(document.sentences) < 2:
        return [document]
    place = [document.sentence_of(entity) for entity in document.entities]
    for entity, number in zip(document.entities, place):
        if entity.end > document.sentences[number][1]:
            raise InputError(f"An entity must be in one sentence. Received: {entity.text!r}, which is in two")
    own: dict[int, list[int]] = {number: [] for number in range(len(document.sentences))}
    for index, number in enumerate(place):
        own[number].append(index)
    links: dict[int, list[Relation]] = {number: [] for number in own}
    for relation in document.relations:
        number = place[relation.head]
        if place[relation.tail] != number:
            raise InputError(
                f"A relation must link entities of one sentence. Received: {relation.type} from "
                f"{relation.head.text!r} to {relation.tail.text!r}, which are in two"  # type: ignore[attr-defined]
            )
        head, tail = own[number].index(relation.head), own[number].index(relation.tail)
        links[number].append(replace(relation, head=head, tail=tail))
    result = []
    for number, (first, last) in enumerate(document.sentences):
        start, end = document.sentence_span(number)
        entities = [document.entities[index] for index in own[number]]
        result.append(
            Document(
                document.tokens[first:last],
                [replace(entity, start=entity.start - first, end=entity.end - first) for entity in entities],
                links[number],
                document.text[start:end],
                [(a - start, b - start) for a, b in document.offsets[first:last]],
                f"{document.id}:{number + 1}" if document.id else "",
            )
        )
    return result


def each(documents: Iterable[Document]) -> Iterator[Document]:
    """The `parts` of all documents, for formats and pages of single sentences."""
    for document in documents:
        yield from parts(document)


def extracted(
    documents: Sequence[Document],
    extract: Callable[[Sequence[Document]], Sequence[Document]],
    keep_annotation: bool = False,
) -> list[Document]:
    """Call a function that works on sentences, with the sentences of all documents together.

    Args:
        documents: sequence of `Document`, of one or more sentences. Their annotation is replaced.
        extract: callable: sequence of `Document`, sentences, to the same number of them, with annotation.
        keep_annotation: bool. Whether `extract` needs the annotation of the documents. Default: False.

    Returns:
        list of `Document`, with the annotation of their sentences, in the order of the input.
    """
    if not keep_annotation:
        documents = [item.with_annotation((), ()) if len(item.sentences) > 1 else item for item in documents]
    divided = [parts(document) for document in documents]
    found = iter(extract([part for item in divided for part in item]))
    return [_joined(document, [next(found) for _ in item]) for document, item in zip(documents, divided)]


def _joined(document: Document, found: Sequence[Document]) -> Document:
    if len(found) == 1:
        return found[0]
    entities: list[Entity] = []
    relations: list[Relation] = []
    for (first, _), part in zip(document.sentences, found):
        count = len(entities)
        entities += [replace(e, start=e.start + first, end=e.end + first) for e in part.entities]
        relations += [replace(r, head=r.head + count, tail=r.tail + count) for r in part.relations]
    return document.with_annotation(entities, relations)
