"""Multi-head text: one token per row, with its BIO tag and its relations (Bekoulis et al., 2018).

    #doc 17
    0	Ann	B-Peop	['Live_In']	[3]
    1	left	O	['N']	[1]
    2	New	B-Loc	['N']	[2]
    3	York	I-Loc	['N']	[3]

Columns, separated by tabs: index, token, tag, relations, heads. A relation is in the row of its subject's last
token; the head beside it is its object's last token. `N` with the row's own index means no relation. An `I-` tag that
does not continue an entity starts one, as in conlleval.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import (
    beginning,
    check_type,
    check_unicode,
    check_unique,
    is_name,
    located,
    read_text,
    show,
    types,
    written,
)
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

_NONE = "N"
_SENTENCE = re.compile(r"^#doc.*\n0\t", re.MULTILINE)


def recognises(path: str | Path) -> bool:
    """Whether the file begins with `#doc`, or has it near the beginning, before a first row."""
    near = beginning(path).decode("utf-8-sig", "replace")
    return near.lstrip().startswith("#doc") or _SENTENCE.search(near) is not None


def read(path: str | Path, tokenize: object = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` is not used, because sentences of this format always have tokens.

    Returns:
        list of `Document`; entities and relations in the order of their last tokens' rows.

    Raises:
        InputError: if the file cannot be read, is not UTF-8 or contains no sentences that can be read, or, with its
            line, if `reading` is strict and a row does not have the form above or a relation links a token that does
            not end an entity.
    """
    reading = reading or Reading()
    identifiers: dict[str, str] = {}
    documents = []
    for number, name, rows in _sentences(path):
        with reading.skipping("malformed sentences"):
            if name is None:
                raise InputError(
                    f"Multi-head text must begin with '#doc'. Received: {show(rows[0][1])} in {path}, line {number}"
                )
            document = _document(path, rows, name)
            with located(f"{path}, line {number}"):
                check_unique(name, f"line {number}", identifiers)
            documents.append(document)
    return reading.at_least_one(documents, path)


def _sentences(path: str | Path) -> Iterator[tuple[int, str | None, list[tuple[int, str]]]]:
    """Yield `(line of #doc, id, [(line, row), ...])`; the id of rows before the first `#doc` is None."""
    current: tuple[int, str | None, list[tuple[int, str]]] | None = None
    # Not splitlines: a token may be U+2028 or a similar character.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        line = line.rstrip("\r")
        if line.startswith("#doc"):
            if current:
                yield current
            current = number, line[len("#doc") :].strip(), []
        elif line.strip():
            current = current or (number, None, [])
            current[2].append((number, line))
    if current:
        yield current


def _document(path: str | Path, lines: Sequence[tuple[int, str]], name: str) -> Document:
    tokens: list[str] = []
    tags, links = [], []
    for number, line in lines:
        with located(f"{path}, line {number}"):
            token, tag, found = _row(line, len(tokens), len(lines))
            tokens.append(token)
            tags.append(tag)
            links += [(number, len(tokens) - 1, head, relation) for relation, head in found]
    entities = entities_of(tags)
    ending = {entity.end - 1: index for index, entity in enumerate(entities)}
    relations = []
    for number, row, head, relation in links:
        with located(f"{path}, line {number}"):
            if row == head:
                raise InputError(
                    f"A relation must link two different entities. Received: {relation} from token {row} to itself"
                )
            for index in (row, head):
                if index not in ending:
                    raise InputError(
                        f"A relation must link the last tokens of two entities. Received: {relation} from token "
                        f"{row} to {head}, where {index} does not end an entity"
                    )
            relations.append(Relation(ending[row], ending[head], relation))
    return Document(tokens, entities, relations, id=name)


def _row(line: str, index: int, length: int) -> tuple[str, str, list[tuple[str, int]]]:
    columns: list[Any] = line.split("\t")
    if len(columns) != 5:
        raise InputError(
            "A row must have 5 columns between tabs: index, token, tag, relations, heads. Received: "
            f"{len(columns)} in {show(line)}"
        )
    number, token, tag, names, heads = columns
    if number.strip() != str(index):
        raise InputError(f"Rows must be numbered from 0 in each sentence. Received: {show(number)} for row {index}")
    if not token:
        raise InputError(f"Every token must be a non-empty string. Received: none in {show(line)}")
    kind, _, name = tag.partition("-")
    if tag != "O" and (kind not in ("B", "I") or not is_name(name)):
        raise InputError(f"A tag must be O, B-type or I-type. Received: {show(tag)}")
    names, heads = _list(names, str, "names"), _list(heads, int, "indices")
    if len(names) != len(heads):
        raise InputError(f"A row must have one head for each relation. Received: {len(names)} and {len(heads)}")
    for head in heads:
        if not 0 <= head < length:
            raise InputError(f"A head must be the index of a row. Received: {head} in a sentence of {length} tokens")
    relations = []
    for name, head in zip(names, heads):
        check_type(name)
        if name != _NONE:
            relations.append((name, head))
        elif head != index:
            raise InputError(f"{_NONE!r}, no relation, must have its own row as head. Received: {head} in row {index}")
    return token, tag, relations


# Most rows contain one of few lists; evaluating each again takes half of the reading time.
@functools.lru_cache(maxsize=4096)
def _list(text: str, cls: type, what: str) -> tuple[Any, ...]:
    try:
        found = ast.literal_eval(text.strip())
    # The exception that literal_eval raises for other text depends on the text and on the version of Python.
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(type(item) is cls for item in found):
        raise InputError(f"A column must be a list of {what}, such as ['N'] or [0]. Received: {show(text)}")
    return tuple(found)


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """Entities of BIO tags in text order. An `I-` tag that does not continue an entity starts one, as in conlleval."""
    entities, start = [], None
    for index, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{tags[start][2:]}":
            entities.append(Entity(start, index, tags[start][2:]))
            start = None
        if start is None and tag != "O":
            start = index
    return entities


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write sentences, whole or not at all; `read` returns them without scores, original text and offsets.

    Raises:
        InputError: if the format cannot represent a sentence: overlapping entities, a token, type or id with a tab or a
            line end, a type that is not valid, an id that begins or ends with a blank, a relation type `N`.
    """
    with atomic_write(path) as file:
        file.writelines(written(each(documents), _text))


def _text(document: Document) -> str:
    _check_writable(document)
    tags = ["O"] * len(document)
    names: dict[int, list[str]] = {}
    heads: dict[int, list[int]] = {}
    for entity in document.entities:
        tags[entity.start : entity.end] = [f"I-{entity.type}"] * (entity.end - entity.start)
        tags[entity.start] = f"B-{entity.type}"
    for relation in document.relations:
        row = document.entities[relation.head].end - 1
        names.setdefault(row, []).append(relation.type)
        heads.setdefault(row, []).append(document.entities[relation.tail].end - 1)
    rows = [f"#doc {document.id}".rstrip(" ")]
    for row, (token, tag) in enumerate(zip(document.tokens, tags)):
        rows.append(f"{row}\t{token}\t{tag}\t{names.get(row, [_NONE])!r}\t{heads.get(row, [row])!r}")
    return "\n".join(rows) + "\n"


def _check_writable(document: Document) -> None:
    if document.overlapping():
        raise InputError("Multi-head text cannot contain overlapping entities. Received: two that overlap")
    check_unicode(document.id, *document.tokens)
    for word in (*document.tokens, document.id, *types(document)):
        if set(word) & set("\t\n\r"):
            raise InputError(f"Multi-head text cannot contain a tab or a line end in a word. Received: {word!r}")
    if document.id != document.id.strip():
        raise InputError(f"Multi-head text cannot contain an id with outer blanks. Received: {document.id!r}")
    if _NONE in [relation.type for relation in document.relations]:
        raise InputError(f"{_NONE!r} must not be the name of a relation type in multi-head text. Received: one")
