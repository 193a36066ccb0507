"""Reads the documents to predict one after the other: arguments, files, folders of texts, standard input."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cman_tf.commands.inputs import TEXT, add_language, copied, detected, refuse, renamed, shown_name
from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.formats import jsonl
from cman_tf.data.formats.losses import SENTENCES, Reading
from cman_tf.data.formats.reading import read_bytes, read_lines, read_text
from cman_tf.errors import InputError, printable


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for `stream` and for the split into sentences: `text`, `input`, `input_format`, `sentences`,
    `language`.
    """
    parser.add_argument("text", metavar="TEXT", nargs="*", default=[], help="a text (default: those of --input)")
    parser.add_argument(
        "--input",
        metavar="FILE|FOLDER",
        help="a text, JSON lines of texts, a folder of .txt files, or a file or folder in any known format, whose "
        "tokens are kept; - is standard input (default: -)",
    )
    add_form(parser)


def add_form(parser: argparse.ArgumentParser) -> None:
    """Add the options for the form of texts: `input_format`, `sentences`, `language`."""
    parser.add_argument(
        "--input-format",
        choices=(TEXT, *formats.FORMATS),
        help="input format (default: detected from the content; a .txt file is text, unless it begins with #doc)",
    )
    parser.add_argument(
        "--sentences",
        choices=SENTENCES,
        help="sentences of a text: split (by a sentence splitter; blank lines and list items end sentences too), lines "
        "(each line is a sentence, and a document of its own), text (the text is one sentence) (default: split)",
    )
    add_language(parser, of_run=True)


class Failures:
    """Prints the error of each input that cannot be read, for `report` of `stream` and `inputs.read_sentences`.

    Args:
        program: str. Printed before each.
    """

    def __init__(self, program: str) -> None:
        self.program = program
        self.count = 0

    def __call__(self, error: InputError) -> None:
        self.count += 1
        print(f"{self.program}: {printable(error)}", file=sys.stderr)

    def read(self, documents: Iterator[Document]) -> Iterator[Document]:
        """Yield the documents of a stream.

        Raises:
            InputError: at the end, if there was none, because nothing could be read.
        """
        found = False
        for document in documents:
            found = True
            yield document
        if not found:
            self.check("none is left")

    def check(self, others: str = "the others are predicted") -> None:
        """Raise `InputError` if an input could not be read."""
        if self.count:
            raise InputError(f"Texts or lines that cannot be read: {self.count}; {others}.")


def stream(
    texts: Sequence[str],
    path: str | None,
    format: str | None = None,
    sentences: str | None = None,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    language: str = "en",
    report: Callable[[InputError], object] = refuse,
) -> Iterator[Document]:
    """Read documents one after the other.

    Args:
        texts: sequence of str. If it is empty and `path` is None, standard input is read.
        path: str or None. A file, a folder, or `-`, standard input.
        format: str or None. `"text"`, or a key of `cman_tf.data.formats.FORMATS`. Default: detected.
        sentences: str or None. One of `losses.SENTENCES`: `"lines"` makes each line of a text a document. Default:
            `"split"`.
        tokenize: callable, list of str -> list of `Document`. For formats whose entities count characters. Default: the
            package's tokenizer.
        language: str. That of annotated texts, which are split here. Default: `"en"`.
        report: callable. Called with the error of each file of a folder, line or record that cannot be read; the others
            are read. Default: it raises the error.

    Yields:
        `Document`. A text has no tokens yet. Its id is the name of its file, in a folder the path from there, followed
        by the number of the line if lines are documents: `news/7.txt:3`.

    Raises:
        InputError: if both `texts` and `path` are given; if nothing in the input can be read, or it is empty; if
            `sentences` is given for a format whose sentences are fixed.
    """
    if texts and path:
        raise InputError(f"Texts must come as arguments or from --input, not both. Received: both, --input {path}")
    if texts:
        for text in texts:
            yield from _raw(text, "", sentences)
        return
    if path not in (None, "-") and os.path.isdir(path):
        format = format or formats.recognise(path) or TEXT
        if format == TEXT:
            yield from _folder(Path(path), sentences, report)
            return
    with copied(path) as name, renamed(name, path):
        shown = shown_name(path)
        reading = Reading(
            sentences=sentences,
            language=language,
            report=lambda error: report(InputError(str(error).replace(name, shown))),
        )
        format = format or detected(name, path)
        id = os.path.basename(path) if path not in (None, "-") and os.path.isfile(path) else ""
        if format == TEXT and sentences == "lines":
            skipping = functools.partial(reading.skipping, "lines that cannot be read")
            yield from _numbered(read_lines(name, blank=True, skipping=skipping), id)
        elif format == TEXT:
            yield _untokenized(read_text(name, blank=True), id)
        elif format == "jsonl":
            for document in jsonl.iterate(name, _all_untokenized, reading, annotated=False):
                yield from [document] if document.tokens else _raw(document.text, document.id, sentences)
        elif sentences and format not in formats.SPLIT:
            raise InputError(
                f"--sentences requires texts that are not split into sentences. Received: {path} in format {format}"
            )
        else:
            yield from formats.read(name, format, tokenize, reading)


def _folder(path: Path, sentences: str | None, report: Callable[[InputError], object]) -> Iterator[Document]:
    files = sorted(path.rglob("*.txt"))
    if not files:
        raise InputError(
            f"A folder must contain .txt files or be in a known format ({', '.join(formats.FOLDERS)}). Received: {path}"
        )
    for file in files:
        try:
            # An empty file among others is a document without sentences.
            text = read_text(file, blank=True) if read_bytes(file) else ""
        except InputError as error:
            report(error)
            continue
        yield from _raw(text, file.relative_to(path).as_posix(), sentences)


def _raw(text: str, id: str, sentences: str | None) -> Iterator[Document]:
    if sentences == "lines":
        # Not splitlines: a sentence may contain U+2028 and similar characters.
        yield from _numbered((f"{line}\n" for line in text.removesuffix("\n").split("\n")), id)
    else:
        yield _untokenized(text, id)


def _numbered(lines: Iterator[str], id: str) -> Iterator[Document]:
    for number, line in enumerate(lines, 1):
        # A line that could not be read has no line end.
        if line:
            yield _untokenized(line.removesuffix("\n").removesuffix("\r"), f"{id}:{number}" if id else "")


def _all_untokenized(texts: Sequence[str]) -> list[Document]:
    return [_untokenized(text, "") for text in texts]


def _untokenized(text: str, id: str) -> Document:
    return Document((), text=text, offsets=(), id=id)
