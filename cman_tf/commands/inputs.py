"""Reads sentences from arguments, a file or standard input."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

from cman_tf.data import formats
from cman_tf.data.formats import json_first, losses
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import read_lines
from cman_tf.errors import InputError, failed, printable

if TYPE_CHECKING:
    from cman_tf.data.document import Document


TEXT = "text"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for `read_sentences`: `text`, `input`, `input_format`."""
    parser.add_argument("text", metavar="TEXT", nargs="*", default=[], help="a sentence (default: those of --input)")
    parser.add_argument(
        "--input",
        metavar="FILE",
        help="text with one sentence per line, or a file or folder in any known format, whose tokens are kept; - is "
        "standard input (default: -)",
    )
    parser.add_argument(
        "--input-format",
        choices=(TEXT, *formats.FORMATS),
        help="input format (default: detected from the content; text only for .txt and standard input)",
    )


def add_language(parser: argparse.ArgumentParser, of_run: bool = False) -> None:
    """Add `--language`, for commands that split texts into sentences.

    Args:
        parser: `ArgumentParser`.
        of_run: bool. Whether the default is None, for the language that a run was trained with, instead of `"en"`.
    """
    parser.add_argument(
        "--language",
        metavar="CODE",
        default=None if of_run else "en",
        help="language of the texts, for the sentence splitter, such as de (default: "
        f"{'`corpus.language` of the run' if of_run else 'en'})",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add `--language`, and the options for what a sentence cannot represent."""
    add_language(parser)
    group = parser.add_argument_group("what to do with annotations that a sentence cannot represent")
    for option, known, text in (
        (
            "--sentences",
            losses.SENTENCES,
            "sentences of a text: found, lines, or all of it (default: split; brat: lines)",
        ),
        ("--nested", losses.NESTED, "entities that overlap (default: keep; training then asks for a policy)"),
        ("--discontinuous", losses.DISCONTINUOUS, "entities in several pieces (default: drop)"),
        ("--cross-sentence", losses.CROSS_SENTENCE, "relations between sentences; merge joins them (default: drop)"),
        ("--ends", losses.ENDS, "whether the end of an entity belongs to it (default: exclusive)"),
    ):
        group.add_argument(option, choices=tuple(known), help=text)
    group.add_argument("--annotator", metavar="NAME", help="whose annotations to read (default: of one only)")
    group.add_argument("--column", metavar="N", type=int, help="column of the tags, from 1 (default: the last)")
    group.add_argument("--strict", action="store_true", help="stop at the first thing that would be left out")


def reading_of(args: argparse.Namespace) -> Reading:
    """The `Reading` of the options that `add_reading` adds."""
    names = "sentences language nested discontinuous cross_sentence ends annotator column strict".split()
    given = {name: getattr(args, name) for name in names}
    return Reading(**{name: value for name, value in given.items() if value is not None})


def read_sentences(
    texts: list[str],
    path: str | None,
    tokenize: Callable[[list[str]], list[Document]],
    format: str | None = None,
    reading: Reading | None = None,
    report: Callable[[InputError], object] | None = None,
) -> list[Document]:
    """Read documents from raw sentences or from a file in a known format.

    Args:
        texts: list of str, sentences. If it is empty and `path` is None, standard input is read.
        path: str or None. A text file (one sentence per line, blank lines included), or a file or folder in any
            format of `cman_tf.data.formats`; `-` is standard input.
        tokenize: callable, list of str -> list of `Document`.
        format: str or None. `"text"`, or a key of `cman_tf.data.formats.FORMATS`. Default: detected from the content.
            What no format matches is text if it is standard input, a pipe, or a file named `.txt`.
        reading: `Reading` or None, see `cman_tf.data.formats.read`. Default: the default choices.
        report: callable or None. Without `reading`, called with the error of each sentence, line or text that cannot
            be read; the others are read. Default: it raises the error.

    Returns:
        list of `Document`, one for each sentence or line, in order.

    Raises:
        InputError: if both `texts` and `path` are given, or the file cannot be read, is empty, is neither in a known
            format nor text, or contains nothing that can be read.
    """
    if texts and path:
        raise InputError(f"Sentences must come as arguments or from --input, not both. Received: both, --input {path}")
    if texts:
        return tokenize(texts)
    with copied(path) as name, renamed(name, path):
        format, shown = format or detected(name, path), shown_name(path)
        reading = reading or Reading(
            report=lambda error: (report or refuse)(InputError(str(error).replace(name, shown)))
        )
        if format == TEXT:
            documents = reading.at_least_one(tokenize(_lines(name, reading)), name)
        else:
            documents = formats.read(name, format, tokenize, reading)
        reading.examples = {what: place.replace(name, shown) for what, place in reading.examples.items()}
        return documents


def refuse(error: InputError) -> NoReturn:
    """Raise an error."""
    raise error


def detected(name: str, path: str | None = None) -> str:
    """The format of an input, by its content: a key of `cman_tf.data.formats.FORMATS`, or `"text"`.

    A text may begin with a brace or bracket, as other formats do. In a `.txt` file, only `#doc` is not text; a line on
    standard error says if it looks like another format.

    Args:
        name: str. The file or folder to look at.
        path: str or None. Its name as the user gave it.

    Raises:
        InputError: if it is in no known format, and is neither named `.txt` nor without a name.
    """
    found = formats.recognise(name)
    is_text_file = str(path).lower().endswith(".txt")
    if found and (found == "multihead" or not is_text_file):
        return found
    # Standard input and pipes have no name; what begins as JSON is meant as JSON.
    unnamed = path in (None, "-") or not os.path.isfile(str(path))
    if found:
        print(
            printable(f"{path} is read as plain text. It looks like {found}, which --input-format {found} reads."),
            file=sys.stderr,
        )
    if is_text_file or (unnamed and not json_first.begins(name)):
        return TEXT
    raise formats.not_recognised(name)


def _lines(path: str, reading: Reading) -> list[str]:
    """Lines of a text file. Blank lines are sentences too, so a file of blank lines is not empty."""
    skipping = functools.partial(reading.skipping, "lines that cannot be read")
    # A line that could not be read has no line end.
    lines = [line for line in read_lines(path, blank=True, skipping=skipping) if line]
    return [line.removesuffix("\n").removesuffix("\r") for line in lines]


@contextlib.contextmanager
def copied(path: str | None) -> Iterator[str]:
    """Yield the path of a folder, or of a regular file with the content of the input, which is read twice."""
    if path not in (None, "-") and (os.path.isfile(path) or os.path.isdir(path) and formats.recognise(path)):
        yield path
        return
    with tempfile.NamedTemporaryFile() as file:
        if path not in (None, "-"):
            try:  # a pipe, for example <(command) in a shell
                with open(path, "rb") as source:
                    shutil.copyfileobj(source, file)
            except (OSError, ValueError) as error:
                raise failed("read", path, error) from None
        elif sys.stdin is not None:
            shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield file.name


@contextlib.contextmanager
def renamed(name: str, path: str | None) -> Iterator[None]:
    """Replace the path of the temporary copy in error messages by what the user gave."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(name, shown_name(path))) from None


def shown_name(path: str | None) -> str:
    """The name of an input in messages."""
    return "standard input" if path is None or path == "-" else path
