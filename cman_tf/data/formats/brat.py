"""brat standoff: a folder of texts, each with a file of entities and relations (Stenetorp et al., 2012).

    news/7.txt   Ann Lee left Rome.
    news/7.ann   T1	Peop 0 7	Ann Lee
                 T2	Loc 13 17	Rome
                 R1	Left Arg1:T1 Arg2:T2

Offsets are code points of the whole text. A line is a sentence, unless an entity crosses its end (`--sentences split`
finds sentences instead). Its tokens are found as in prediction, and split where an entity begins or ends inside them.
Blank lines are skipped. The sentence in line 3 of `news/7.txt` has the id `news/7:3`; the only sentence of a text,
`news/7`. Writing restores texts and lines from the ids. Sentences with other ids are written to one text, `sentences`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cman_tf.data.document import Document
from cman_tf.data.formats import offsets, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, read_bytes, read_text, show, types, written
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_folder

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
    """Write a new folder, whole or not at all, one sentence per line. Line ends within a sentence become blanks.

    `read` returns the documents without scores and blank texts, with blanks for line ends, and with other tokens where
    the package splits the text differently.

    Raises:
        InputError: if the folder is not empty or cannot be written, a text contains a lone surrogate, or
            a type is not valid or contains blanks.
    """
    texts: dict[str, list[Document | None]] = {}
    for document in written(each(documents), _checked):
        _place(texts, document)
    with atomic_folder(path) as folder:
        for name, rows in texts.items():
            # Not with_suffix, which would replace the part of a name after a dot.
            text, annotations = folder / f"{name}.txt", folder / f"{name}.ann"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_bytes("".join(f"{row.text if row else ''}\n" for row in rows).encode())
            annotations.write_bytes(_annotations(rows).encode())


def _checked(document: Document) -> Document:
    check_unicode(document.text)
    for name in types(document):
        if any(character.isspace() for character in name):
            raise InputError(f"A type in brat standoff must not contain blanks. Received: {name!r}")
    # A sentence of several lines gets blanks for its line ends, which keep the offsets.
    return document if "\n" not in document.text else replace(document, text=document.text.replace("\n", " "))


def _place(texts: dict[str, list[Document | None]], document: Document) -> None:
    found = _ID.fullmatch(document.id)
    # The id of a document may be the name of its file.
    name, line = (found["name"].removesuffix(".txt"), int(found["line"] or 1)) if found else (_OTHERS, 0)
    rows = texts.setdefault(name, [])
    # A line that is taken or not given: the next one.
    line = max(line - 1, len(rows))
    rows += [None] * (line - len(rows)) + [document]


def _annotations(rows: Sequence[Document | None]) -> str:
    lines, position, count, relations = [], 0, 0, 0
    for row in rows:
        if row:
            for number, entity in enumerate(row.entities, count + 1):
                start, end = row.char_span(entity)
                lines.append(f"T{number}\t{entity.type} {position + start} {position + end}\t{row.text[start:end]}\n")
            for number, relation in enumerate(row.relations, relations + 1):
                head, tail = count + 1 + relation.head, count + 1 + relation.tail
                lines.append(f"R{number}\t{relation.type} Arg1:T{head} Arg2:T{tail}\n")
            count, relations = count + len(row.entities), relations + len(row.relations)
        position += (len(row.text) if row else 0) + 1
    return "".join(lines)


def _text(path: Path) -> str:
    """The content of a file, which may be empty."""
    return read_text(path, blank=True) if read_bytes(path) else ""
