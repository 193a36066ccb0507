"""File formats of annotated sentences, by name or detected from the content.

Each format is a module with `recognises(path)`, `read(path, tokenize, reading)` and, unless it is only read,
`write(documents, path)`, with the arguments of `read` and `write` here. A format of JSON objects has
`fits(found)`, with a `json_first.First`, in place of `recognises` or beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from types import ModuleType

from cman_tf.data.document import Document
from cman_tf.data.formats import (
    bioc,
    brat,
    cas_json,
    cas_xmi,
    char_spans,
    csv_tables,
    docbin,
    dygie,
    iob2,
    json_files,
    json_first,
    jsonl,
    label_studio,
    multihead,
    prodigy,
    projects,
    pubtator,
    spert,
    triples,
    webanno,
)
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import read_text
from cman_tf.data.formats.records import show_keys
from cman_tf.errors import InputError, check_choice

FORMATS = {
    "spert": spert,
    "multihead": multihead,
    "jsonl": jsonl,
    "docbin": docbin,
    "brat": brat,
    "csv": csv_tables,
    # Before iob2, which it resembles.
    "webanno": webanno,
    "iob2": iob2,
    "cas_json": cas_json,
    "cas_xmi": cas_xmi,
    "label_studio": label_studio,
    # Before doccano, whose spans are less special.
    "prodigy": prodigy,
    "dygie": dygie,
    "triples": triples,
    "doccano": char_spans,
    "bioc": bioc,
    "pubtator": pubtator,
}

WRITTEN = {name: module for name, module in FORMATS.items() if hasattr(module, "write")}
"""The formats that can be written."""

# Formats of several files in one folder.
FOLDERS = ("brat", "csv", "cas_json", "cas_xmi")

SPLIT = ("brat", "label_studio", "prodigy", "doccano", "bioc", "pubtator", "webanno", "cas_json", "cas_xmi")
"""The formats of texts with offsets of characters, which are split into sentences as `Reading.sentences` says."""

_SUFFIXES = {".json": "spert", ".txt": "multihead", ".jsonl": "jsonl", ".spacy": "docbin"}
_SUFFIX_OF = {
    "label_studio": ".json",
    "doccano": ".jsonl",
    "prodigy": ".jsonl",
    "iob2": ".iob2",
    **{format: suffix for suffix, format in _SUFFIXES.items()},
}


def suffix_of(format: str) -> str:
    """The suffix of a file in a format, a key of `WRITTEN`; "" for the formats in `FOLDERS`."""
    return _SUFFIX_OF.get(format, "")


def read(
    path: str | Path,
    format: str | None = None,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    reading: Reading | None = None,
    language: str = "en",
) -> list[Document]:
    """Read annotated or raw sentences.

    Args:
        path: str or path. A folder for the formats in `FOLDERS`.
        format: str or None, a key of `FORMATS`. Default: detected from the content of the file or folder.
        tokenize: callable `list[str] -> list[Document]` for the raw lines of `jsonl`, and for formats with offsets of
            characters. Default: the package's tokenizer; raw lines are refused.
        reading: `Reading` or None. Choices for what a `Document` cannot represent; it counts what was read and what
            was left out. Default: the default choices, and a warning if something was left out.
        language: str. That of the default choices. Default: `"en"`.

    Returns:
        list of `Document`, at least one.

    Raises:
        InputError: if the format is unknown, all entities are left out, or the format's own `read` raises it.
    """
    format = format or recognise(path)
    if not format:
        raise not_recognised(path)
    counts = reading or Reading(language=language)
    documents = counts.finish(_named(format).read(path, tokenize, counts), path)
    if reading is None and counts.left_out:
        logging.getLogger(__name__).warning("%s: %s", path, counts)
    return documents


def not_recognised(path: str | Path) -> InputError:
    """The error about a file in none of the formats: it names them and says what the file looks like.

    Raises:
        InputError: if the file is missing, empty or not text: its own error says more.
    """
    found = json_first.candidates(path)
    if found:
        seen = f"JSON with {show_keys(found[0].record)}"
    elif projects.is_archive(path):
        names = [file.path.name for file in islice(projects.members(path), 5)]
        seen = f"a ZIP archive with {', '.join(names) or 'no files'}"
    else:
        text = read_text(path).strip()
        seen = repr(text[:40])
        if json_first.begins(path):
            # Raises the error with line and column.
            next(json_files.records(path), None)
    return InputError(
        f"A file must be in one of the formats {', '.join(FORMATS)}; plain text must end in .txt or be read with "
        f"--input-format text. Received: {seen} in {path}"
    )


def write(documents: Iterable[Document], path: str | Path, format: str | None = None) -> None:
    """Write documents, whole or not at all.

    Args:
        documents: iterable of `Document`.
        path: str or path. A new or empty folder for the formats in `FOLDERS`.
        format: str or None, a key of `FORMATS`. Default: by suffix, `.json` (spert), `.txt` (multihead), `.jsonl` or
            `.spacy` (docbin).

    Raises:
        InputError: if the format or suffix is unknown, the format cannot represent a sentence, or the file cannot be
            written.
    """
    check_choice("A format to write", format := format or format_of(path), WRITTEN)
    WRITTEN[format].write(documents, path)


def format_of(path: str | Path) -> str:
    """The format of an output file, a key of `FORMATS`, by its suffix.

    Raises:
        InputError: if the suffix is unknown.
    """
    suffix = Path(path).suffix
    if suffix not in _SUFFIXES:
        raise InputError(
            f"An output file must end in {', '.join(_SUFFIXES)}, or its format must be given ({', '.join(FORMATS)}). "
            f"Received: {path}"
        )
    return _SUFFIXES[suffix]


def recognise(path: str | Path) -> str | None:
    """The format of a file or folder, a key of `FORMATS`, by its content; None for plain text or a missing file.

    A broken line or object before others does not hide the format.
    """
    for found in json_first.candidates(path):
        for name, module in FORMATS.items():
            if hasattr(module, "fits") and module.fits(found):
                return name
    others = ((name, module) for name, module in FORMATS.items() if hasattr(module, "recognises"))
    return next((name for name, module in others if module.recognises(path)), None)


def _named(name: str) -> ModuleType:
    check_choice("A format", name, FORMATS)
    return FORMATS[name]
