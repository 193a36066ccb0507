"""brat standoff: a folder of texts, each with a file of entities and relations (Stenetorp et al., 2012).

    news/7.txt   Ann Lee left Rome.
    news/7.ann   T1	Peop 0 7	Ann Lee
                 T2	Loc 13 17	Rome
                 R1	Left Arg1:T1 Arg2:T2

Offsets are code points of the whole text. A line is a sentence, unless an entity crosses its end (`--sentences split`
finds sentences instead). Its tokens are found as in prediction, and split where an entity begins or ends inside them.
Blank lines are skipped. The sentence in line 3 of `news/7.txt` has the id `news/7:3`; the only sentence of a text,
`news/7`. Writing restores texts and lines from the ids: a document with the id `news/7` or `news/7.txt` is written with
its text and offsets as they are, a sentence with the id `news/7:3` to line 3. Documents with other ids are written to
one text, `sentences`, a sentence per line, or as it is if there is only one. Types in brat have no blanks: they are
written as `_`.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import offsets, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, read_bytes, read_text, show, written
from cman_tf.data.sentences import parts
from cman_tf.errors import InputError
from cman_tf.files import atomic_folder

Item = TypeVar("Item", Entity, Relation)

# Type and pieces; the blanks of a type are an error of brat, not of ours.
_ENTITY = re.compile(r"(T\S*)\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(.*)")
_RELATION = re.compile(r"R\S*\t(\S+) \S+:(T\S*) \S+:(T\S*)\s*")
# File name and optional line number. No id may lead out of the folder.
_ID = re.compile(r"(?P<name>[\w-][\w.-]*(?:/[\w-][\w.-]*)*)(?::(?P<line>[1-9]\d{0,6}))?")
_OTHERS = "sentences"
_KINDS = {"E": "events", "A": "attributes", "M": "attributes", "N": "normalizations", "#": "notes", "*": "equivalences"}


def recognises(path: str | Path) -> bool:
    """Whether this is a folder with annotation files, at any depth."""
    path = Path(path)
    return path.is_dir() and next(path.rglob("*.ann"), None) is not None


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a folder. Annotations other than entities and relations (T and R) are counted as left out.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`, text by text in the order of their names.

    Raises:
        InputError: if the folder does not exist or contains no sentences that can be read, or, if `reading` is strict,
            a file of annotations has no text, a file is not UTF-8, or, with file and line, an annotation is malformed,
            differs from the text, or is left out.
    """
    reading = reading or Reading()
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"brat standoff must be a folder of .txt and .ann files. Received: {path}, not a folder")
    texts = []
    for file in sorted(path.rglob("*.ann")):
        with reading.skipping("texts that cannot be read"):
            if not file.with_suffix(".txt").is_file():
                raise InputError(f"{file} has no text: {file.with_suffix('.txt').name} is missing.")
            texts.append(_annotated(file, file.relative_to(path).with_suffix("").as_posix(), reading))
    return spans.documents(texts, path, reading, tokenize, sentences="lines")


def _annotated(file: Path, name: str, reading: Reading) -> spans.Text:
    """One text with its annotations."""
    text = spans.Text(_text(file.with_suffix(".txt")), str(file), name)
    # Not splitlines: an annotated text may contain U+2028 and similar characters.
    lines = [line.rstrip("\r") for line in _text(file).split("\n")]
    for number, line in enumerate(lines, 1):
        place = f"{file}, line {number}"
        if line.startswith("T"):
            with reading.trying("malformed entities", place):
                key, span = _entity(line, place)
                if key in text.spans:
                    raise InputError(f"Annotation keys must be unique. Received: {key} again")
                text.spans[key] = span
        elif line.startswith("R"):
            with reading.trying("malformed relations", place):
                text.relations.append(_relation(line, place))
        elif line.strip():
            reading.leave_out(_KINDS.get(line[0], "lines of other kinds"), place)
    if read_bytes(file.with_suffix(".txt")).startswith(codecs.BOM_UTF8):
        # brat counts the mark, other programs do not.
        ways = [lambda text: lambda offset: offset, lambda text: lambda offset: offset - 1]
        text.spans = offsets.aligned([text.text], text.spans, ways)[1]
    return text


def _entity(line: str, place: str) -> tuple[str, spans.Span]:
    found = _ENTITY.fullmatch(line)
    if not found:
        raise InputError(f"An entity must be 'T1<tab>TYPE START END<tab>TEXT'. Received: {show(line)}")
    key, kind, pieces, mention = found.groups()
    borders = [(int(start), int(end)) for start, end in (piece.split() for piece in pieces.split(";"))]
    return key, spans.Span(borders, kind, None, mention, place)


def _relation(line: str, place: str) -> spans.Link:
    found = _RELATION.fullmatch(line)
    if not found:
        raise InputError(f"A relation must be 'R1<tab>TYPE Arg1:T1 Arg2:T2'. Received: {show(line)}")
    kind, head, tail = found.groups()
    return spans.Link(head, tail, kind, None, place)


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all. Blanks in types become `_`, which a warning counts.

    The text of a document that has a file of its own stays as it is, with a line end added if it ends in none. Other
    texts have one sentence per line, whose line ends become blanks. `read` returns the sentences without scores and
    blank texts, and with other tokens where the package splits the text differently. For texts of several lines that
    are no sentences, it needs `Reading(sentences="split")`.

    Raises:
        InputError: if the folder is not empty or cannot be written, a text contains a lone surrogate, a type is not
            valid, two types differ only in blanks and `_`, or an entity or relation of a text that is written line by
            line is in two sentences.
    """
    names: dict[tuple[bool, str], str] = {}
    texts: dict[str, list[tuple[int | None, Document]]] = {}
    for document in written(documents, lambda document: _checked(document, names)):
        name, line = _place(document.id)
        texts.setdefault(name, []).append((line, document))
    with atomic_folder(path) as folder:
        for name, placed in texts.items():
            # Not with_suffix, which would replace the part of a name after a dot.
            text, annotations = folder / f"{name}.txt", folder / f"{name}.ann"
            text.parent.mkdir(parents=True, exist_ok=True)
            rows = _rows(placed)
            text.write_bytes("".join(map(_line, rows)).encode())
            annotations.write_bytes(_annotations(rows).encode())
    changed = {name: kind for (_, name), kind in names.items() if kind != name}
    for name, kind in list(changed.items())[:1]:
        message = "brat has no blanks in types: %d are written with _, such as %s for %r"
        logging.getLogger(__name__).warning(message, len(changed), name, kind)


def _checked(document: Document, names: dict[tuple[bool, str], str]) -> Document:
    """The document with types as brat has them, which are added to `names`, with those they come from."""
    check_unicode(document.text)

    def renamed(item: Item) -> Item:
        name = re.sub(r"\s", "_", item.type)
        # Entities and relations may have types of the same name.
        known = names.setdefault((isinstance(item, Entity), name), item.type)
        if known != item.type:
            raise InputError(f"brat has no blanks in types, only _. Received: both {known!r} and {item.type!r}")
        return replace(item, type=name)

    return document.with_annotation(map(renamed, document.entities), map(renamed, document.relations))


def _place(id: str) -> tuple[str, int | None]:
    """`(name of the text, line)`; the line is None if the id has none."""
    found = _ID.fullmatch(id)
    if not found:
        return _OTHERS, None
    # The id of a document may be the name of its file.
    return found["name"].removesuffix(".txt"), int(found["line"]) if found["line"] else None


def _rows(placed: Sequence[tuple[int | None, Document]]) -> list[Document | None]:
    """The parts of one text: the document that has it for itself, or sentences in their lines."""
    if len(placed) == 1 and placed[0][0] is None:
        return [placed[0][1]]
    rows: list[Document | None] = []
    for line, document in placed:
        for number, sentence in enumerate(parts(document)):
            # A line that is taken or not given: the next one.
            place = max((line or 1) - 1 + number, len(rows))
            # A sentence of several lines gets blanks for its line ends, which keep the offsets.
            flat = replace(sentence, text=sentence.text.replace("\n", " ")) if "\n" in sentence.text else sentence
            rows += [None] * (place - len(rows)) + [flat]
    return rows


def _line(row: Document | None) -> str:
    text = row.text if row else ""
    return text if text.endswith("\n") else text + "\n"


def _annotations(rows: Sequence[Document | None]) -> str:
    lines, position, count, relations = [], 0, 0, 0
    for row in rows:
        if row:
            for number, entity in enumerate(row.entities, count + 1):
                borders, mention = _pieces(row, entity, position)
                lines.append(f"T{number}\t{entity.type} {borders}\t{mention}\n")
            for number, relation in enumerate(row.relations, relations + 1):
                head, tail = count + 1 + relation.head, count + 1 + relation.tail
                lines.append(f"R{number}\t{relation.type} Arg1:T{head} Arg2:T{tail}\n")
            count, relations = count + len(row.entities), relations + len(row.relations)
        position += len(_line(row))
    return "".join(lines)


def _pieces(row: Document, entity: Entity, position: int) -> tuple[str, str]:
    """Borders and text of an entity. It has a piece in each of its lines, as brat writes it."""
    start, end = row.char_span(entity)
    found = [(start + piece.start(), start + piece.end()) for piece in re.finditer(r"[^\r\n]+", row.text[start:end])]
    found = found or [(start, end)]
    borders = ";".join(f"{position + first} {position + last}" for first, last in found)
    return borders, re.sub(r"[\r\n]", " ", " ".join(row.text[first:last] for first, last in found))


def _text(path: Path) -> str:
    """The content of a file, which may be empty."""
    return read_text(path, blank=True) if read_bytes(path) else ""
