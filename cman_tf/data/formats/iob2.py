"""Columns with tags, as CoNLL-2003 and its successors have them: one token per line, entities only.

    Ana NNP B-NP B-Peop
    Lima NNP I-NP I-Peop
    lives VBZ B-VP O

Columns are separated by white space or tabs; the first is the token and the last the tag, unless `--column` gives
another one; entities in further columns of tags are counted as left out, except phrases such as `B-NP`. If the first
column counts the tokens of each sentence, as in GermEval, the second is the token. A blank line ends a sentence,
`-DOCSTART-` a document, and lines that begin with `# ` are comments. Tags may be IOB1, IOB2,
BIOES or BILOU. An `I-` tag that does not continue an entity starts one, as in conlleval. The form is that of the
CoNLL-2003 task and of Flair's and Hugging Face's readers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cman_tf.data.document import Document, Entity
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning, check_unicode, is_name, located, read_text, show, written
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

_TAG = re.compile(r"O|[BIESLU]-\S.*")
_DOCUMENT = "-DOCSTART-"
# Phrases of a sentence, as CoNLL-2003 has them in English and German beside its entities.
_CHUNKS = set("NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC VC PC".split())
# The line number and columns of each token of a sentence.
_Rows = Sequence[tuple[int, list[str]]]


def recognises(path: str | Path) -> bool:
    """Whether most lines are columns of which one has tags, so that a file with a mistake is not taken for text."""
    lines = beginning(path).decode("utf-8-sig", "replace").split("\n")
    # The last line may be cut.
    lines = [line for line in (lines[:-1] if len(lines) > 50 else lines) if line.strip()][:200]
    rows = [_columns(line) for line in lines if not _is_other(line)]
    tagged = [row for row in rows if len(row) > 1 and any(_TAG.fullmatch(cell) for cell in row[1:])]
    begun = any(cell[:2] in ("B-", "I-", "S-", "U-") for row in tagged for cell in row[1:])
    started = any(line.startswith(_DOCUMENT) for line in lines)
    return bool(tagged) and len(tagged) >= 0.8 * len(rows) and (begun or started or len(tagged) > 2)


def _is_other(line: str) -> bool:
    if line.startswith("#\t"):
        # GermEval's source of a sentence, unless it is the token # with its tag.
        return not _TAG.fullmatch(_columns(line)[-1])
    return line.startswith((_DOCUMENT, "# ")) or line.rstrip() == "#"


def _columns(line: str) -> list[str]:
    line = line.rstrip("\r\n")
    return line.split("\t") if "\t" in line else line.split()


def read(path: str | Path, tokenize: object = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` is not used, because sentences of this format always have tokens.

    Returns:
        list of `Document`, without relations.

    Raises:
        InputError: if the file cannot be read or is not UTF-8, or contains no sentences that can be read, or, with its
            line, if `reading` is strict and a line has no such column or a tag another form.
    """
    reading = reading or Reading()
    column = _column(reading)
    documents = []
    numbered = list(_sentences(path, reading))
    sentences = [rows for _, rows in numbered]
    names = _names([document for document, _ in numbered])
    first = int(_is_numbered(sentences))
    for name, rows in zip(names, sentences):
        with reading.skipping("malformed sentences"):
            documents.append(_document(rows, first, column, name, path))
    if column is None:
        _count_others(sentences, first, path, reading)
    return reading.at_least_one(documents, path)


def _document(rows: _Rows, first: int, column: int | None, name: str, path: str | Path) -> Document:
    tokens, tags = [], []
    for number, cells in rows:
        with located(f"{path}, line {number}"):
            if len(cells) < first + 2 or column is not None and column >= len(cells):
                wanted = f"{column + 1} columns" if column is not None else "a token and a tag"
                raise InputError(f"A line must have {wanted}. Received: {show(' '.join(cells))}")
            token, tag = cells[first], cells[-1 if column is None else column].strip()
            if not token:
                raise InputError(f"Every token must be a non-empty string. Received: {show(' '.join(cells))}")
            if not is_tag(tag):
                raise InputError(
                    "A tag must be O, B-type, I-type, E-type, S-type, L-type or U-type; choose their column with "
                    f"--column. Received: {show(tag)}"
                )
        tokens.append(token)
        tags.append(tag)
    return Document(tokens, entities_of(tags), id=name)


def _count_others(sentences: Sequence[_Rows], first: int, path: str | Path, reading: Reading) -> None:
    """Count the entities in columns of tags before the last, such as the outer ones of GermEval."""
    widths = {len(cells) for rows in sentences for _, cells in rows}
    for column in range(first + 1, min(widths) - 1 if len(widths) == 1 else 0):
        tags = [[cells[column].strip() for _, cells in rows] for rows in sentences]
        if all(is_tag(tag) for row in tags for tag in row):
            found = [entity for row in tags for entity in entities_of(row)]
            if {entity.type for entity in found} - _CHUNKS:
                reading.leave_out(
                    f"entities in column {column + 1}, which --column {column + 1} reads", str(path), len(found)
                )


def _names(documents: Sequence[int]) -> list[str]:
    """Ids of sentences from the numbers of their documents, `2:1`; "" for a document of one sentence.

    A file of one document has no ids: its only `-DOCSTART-` is a header.
    """
    sizes, seen = Counter(documents), Counter[int]()
    names = []
    for document in documents:
        seen[document] += 1
        names.append(f"{document}:{seen[document]}" if len(sizes) > 1 and sizes[document] > 1 else "")
    return names


def _is_numbered(sentences: Sequence[_Rows]) -> bool:
    """Whether the first of at least three columns counts the tokens of each sentence from 1."""
    rows = [(str(count), cells) for sentence in sentences for count, (_, cells) in enumerate(sentence, 1)]
    return len(rows) > 2 and all(len(cells) > 2 and cells[0] == count for count, cells in rows)


def _column(reading: Reading) -> int | None:
    if reading.column is None:
        return None
    if reading.column < 2:
        raise InputError(f"--column must be 2 or more: the first column is the token. Received: {reading.column}")
    return reading.column - 1


def _sentences(path: str | Path, reading: Reading) -> Iterator[tuple[int, _Rows]]:
    """Yield the number of its document and the `(line number, columns)` of each sentence."""
    rows: list[tuple[int, list[str]]] = []
    document = 0
    # Not splitlines: a token may be U+2028 or a similar character.
    for number, line in enumerate([*read_text(path).split("\n"), ""], 1):
        started = line.startswith(_DOCUMENT)
        if rows and (started or not line.strip()):
            yield document, rows
            rows = []
        document += started
        reading.documents += started
        if line.strip() and not started and not (not rows and _is_other(line)):
            rows.append((number, _columns(line)))


def is_tag(found: object) -> bool:
    """Whether a value is O, or a prefix and the name of a type, such as `"B-Peop"`."""
    return isinstance(found, str) and bool(_TAG.fullmatch(found)) and (found == "O" or is_name(found[2:]))


def entities_of(tags: Sequence[str]) -> list[Entity]:
    """Entities of IOB1, IOB2, BIOES or BILOU tags in text order."""
    entities: list[Entity] = []
    start, open_type = 0, ""
    for index, tag in enumerate([*tags, "O"]):
        kind, name = tag[:1], tag[2:]
        if open_type and (kind not in "IEL" or name != open_type):
            entities.append(Entity(start, index, open_type))
            open_type = ""
        if tag != "O":
            if not open_type:
                start, open_type = index, name
            if kind in "ESLU":
                entities.append(Entity(start, index + 1, open_type))
                open_type = ""
    return entities


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write tokens and IOB2 tags with a tab between; `read` returns the documents without relations, scores and text.

    Raises:
        InputError: if the format cannot represent a sentence: overlapping entities, or a token with white space at its
            ends or a tab or line end.
    """
    with atomic_write(path) as file:
        file.writelines(f"{text}\n" for text in written(each(documents), _text))


def _text(document: Document) -> str:
    if document.overlapping():
        raise InputError("IOB2 columns cannot contain overlapping entities. Received: two that overlap")
    check_unicode(*document.tokens)
    tags = ["O"] * len(document)
    for entity in document.entities:
        tags[entity.start : entity.end] = [f"I-{entity.type}"] * (entity.end - entity.start)
        tags[entity.start] = f"B-{entity.type}"
    for token in document.tokens:
        if set(token) & set("\t\n\r") or not token.strip():
            raise InputError(f"IOB2 columns cannot contain a tab, a line end or a blank token. Received: {token!r}")
    if document.tokens and _is_other(f"{document.tokens[0]}\t{tags[0]}"):
        raise InputError(f"The first token must not begin like a comment. Received: {document.tokens[0]!r}")
    return "".join(f"{token}\t{tag}\n" for token, tag in zip(document.tokens, tags))
