"""brat standoff: a folder of texts, each with a file of entities and relations (Stenetorp et al., 2012).

    news/7.txt   Ann Lee left Rome.
    news/7.ann   T1	Peop 0 7	Ann Lee
                 T2	Loc 13 17	Rome
                 R1	Left Arg1:T1 Arg2:T2

Offsets are code points of the whole text. A line is a sentence. Its tokens are found as in prediction, and split where
an entity begins or ends inside them. Blank lines are skipped. The sentence in line 3 of `news/7.txt` has the id
`news/7:3`; the only sentence of a text, `news/7`. Writing restores texts and lines from the ids. Sentences with other
ids are written to one text, `sentences`.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cman_tf.data import raw_text
from cman_tf.data.document import Document, Relation
from cman_tf.data.formats.reading import check_unicode, located, read_bytes, read_text, show, written
from cman_tf.data.sentences import each
from cman_tf.errors import InputError, check_choice
from cman_tf.files import atomic_folder

SENTENCES = ("lines", "text")

Tokenize = Callable[[list[str]], list[Document]]

_ENTITY = re.compile(r"(T\S*)\t(\S+) (\d{1,9}) (\d{1,9})\t(.*)")
_DISCONTINUOUS = re.compile(r"T\S*\t\S+ \d+ \d+(;\d+ \d+)+\t")
_RELATION = re.compile(r"R\S*\t(\S+) \S+:(T\S*) \S+:(T\S*)\s*")
# File name and optional line number. No id may lead out of the folder.
_ID = re.compile(r"(?P<name>[\w-][\w.-]*(?:/[\w-][\w.-]*)*)(?::(?P<line>[1-9]\d{0,6}))?")
_OTHERS = "sentences"


def recognises(path: str | Path) -> bool:
    """Whether this is a folder with annotation files, at any depth."""
    path = Path(path)
    return path.is_dir() and next(path.rglob("*.ann"), None) is not None


def read(path: str | Path, tokenize: Tokenize | None = None, sentences: str = "lines") -> list[Document]:
    """Read a folder. Lines other than entities and relations (T and R) are ignored, with a warning that counts them.

    Args:
        path: str or path.
        tokenize: callable, list of str -> list of `Document`. Default: the package's tokenizer.
        sentences: `"lines"`, or `"text"` if each text is one sentence, line ends included.

    Returns:
        list of `Document`, text by text in the order of their names.

    Raises:
        InputError: if the folder does not exist or contains no sentences, a file of annotations has no text, a file is
            not UTF-8, or, with file and line, if an annotation is malformed or discontinuous, differs from the text,
            crosses a line end, or links entities of different lines.
    """
    check_choice("`sentences`", sentences, SENTENCES)
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"brat standoff must be a folder of .txt and .ann files. Received: {path}, not a folder")
    ignored: Counter[str] = Counter()
    documents: list[Document] = []
    for file in sorted(path.rglob("*.ann")):
        if not file.with_suffix(".txt").is_file():
            raise InputError(f"{file} has no text: {file.with_suffix('.txt').name} is missing.")
        name = file.relative_to(path).with_suffix("").as_posix()
        documents += _Text(file, name, sentences).documents(ignored, tokenize or raw_text.documents)
    if not documents:
        raise InputError(f"{path} contains no sentences: its .ann and .txt files are missing or blank.")
    if ignored:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
        logging.getLogger(__name__).warning(
            "%s: %d annotations are neither entities nor relations and are skipped (%s)",
            path,
            sum(ignored.values()),
            counts,
        )
    return documents


class _Text:
    """One text with its annotations."""

    def __init__(self, file: Path, name: str, sentences: str) -> None:
        self.file = file
        self.name = name
        self.text = _text(file.with_suffix(".txt"))
        # Line ends may be \r\n: the \r stays as a blank outside tokens, because offsets count it.
        self.parts = [self.text] if sentences == "text" else self.text.split("\n")
        self.starts = [0, *itertools.accumulate(len(part) + 1 for part in self.parts[:-1])]

    def documents(self, ignored: Counter[str], tokenize: Tokenize) -> list[Document]:
        spans, relations = self._annotations(ignored)
        own: defaultdict[int, list[Any]] = defaultdict(list)
        links: defaultdict[int, list[Relation]] = defaultdict(list)
        number = {}
        for key, (row, *span) in spans.items():
            number[key] = len(own[row])
            own[row].append(span)
        for head, tail, kind in relations:
            links[spans[head][0]].append(Relation(number[head], number[tail], kind))
        rows = [row for row, part in enumerate(self.parts) if part.strip()]
        result = []
        for row, document in zip(rows, tokenize([self.parts[row] for row in rows])):
            id = self.name if rows == [0] else f"{self.name}:{row + 1}"
            with located(f"{self.file}, sentence {id}"):
                result.append(raw_text.annotated(document, own[row], links[row], id))
        return result

    def _annotations(self, ignored: Counter[str]) -> tuple[dict[str, list[Any]], list[tuple[str, str, str]]]:
        """`({key: (sentence, start, end, type)}, [(head key, tail key, type)])`, characters within the sentence."""
        spans, relations = {}, []
        # Not splitlines: an annotated text may contain U+2028 and similar characters.
        lines = [line.rstrip("\r") for line in _text(self.file).split("\n")]
        for number, line in enumerate(lines, 1):
            with located(f"{self.file}, line {number}"):
                if line.startswith("T"):
                    key, *span = self._entity(line)
                    if key in spans:
                        raise InputError(f"Annotation keys must be unique. Received: {key} again")
                    spans[key] = span
                elif line.strip() and not line.startswith("R"):
                    ignored[line[0]] += 1
        for number, line in enumerate(lines, 1):
            if line.startswith("R"):
                with located(f"{self.file}, line {number}"):
                    relations.append(self._relation(line, spans))
        return spans, relations

    def _entity(self, line: str) -> tuple[str, int, int, int, str]:
        if _DISCONTINUOUS.match(line):
            raise InputError(f"An entity must be continuous. Received: {show(line)}")
        found = _ENTITY.fullmatch(line)
        if not found:
            raise InputError(f"An entity must be 'T1<tab>TYPE START END<tab>TEXT'. Received: {show(line)}")
        key, kind, start, end, text = found.groups()
        start, end = int(start), int(end)
        raw_text.check_span(self.text, start, end)
        if self.text[start:end] != text and self.text[start:end].split() != text.split():
            raise InputError(
                f"The text of an entity must be that at its offsets. Received: {show(text)}, but "
                f"{show(self.text[start:end])} at {start}:{end}"
            )
        row = bisect.bisect_right(self.starts, start) - 1
        if end > self.starts[row] + len(self.parts[row]):
            raise InputError(
                f"An entity must be in one line, because lines are sentences. Received: {show(self.text[start:end])}"
            )
        return key, row, start - self.starts[row], end - self.starts[row], kind

    def _relation(self, line: str, spans: Mapping[str, Sequence[Any]]) -> tuple[str, str, str]:
        found = _RELATION.fullmatch(line)
        if not found:
            raise InputError(f"A relation must be 'R1<tab>TYPE Arg1:T1 Arg2:T2'. Received: {show(line)}")
        kind, *ends = found.groups()
        for key in ends:
            if key not in spans:
                raise InputError(f"A relation must link entities of its file. Received: {key}, which is missing,")
        head, tail = ends
        if spans[head][0] != spans[tail][0]:
            raise InputError(
                "A relation must link entities of one line, because lines are sentences. Received: "
                f"{kind} from line {spans[head][0] + 1} to line {spans[tail][0] + 1}"
            )
        return head, tail, kind


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all, one sentence per line. Line ends within a sentence become blanks.

    `read` returns the documents without scores and blank texts, and with other tokens where the package splits the text
    differently.

    Raises:
        InputError: if the folder is not empty or cannot be written, a token contains a line end, a text contains a
            lone surrogate, or a type is empty or contains blanks.
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
    if any("\n" in token for token in document.tokens):
        raise InputError(f"A token in brat standoff must be in one line. Received: {show(document.text)}")
    check_unicode(document.text)
    return replace(document, text=document.text.replace("\n", " "))


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
