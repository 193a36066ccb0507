"""File formats of annotated sentences, by name or detected from the content.

Each format is a module with `recognises(path)`, `read(path, tokenize)` and `write(documents, path)`, with the arguments
of `read` and `write` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from cman_tf.data.document import Document
from cman_tf.data.formats import brat, csv_tables, docbin, jsonl, multihead, spert
from cman_tf.data.formats.reading import read_text
from cman_tf.errors import InputError, check_choice

FORMATS = {
    "spert": spert,
    "multihead": multihead,
    "jsonl": jsonl,
    "docbin": docbin,
    "brat": brat,
    "csv": csv_tables,
}

# Formats of several files in one folder.
FOLDERS = ("brat", "csv")

_SUFFIXES = {".json": "spert", ".txt": "multihead", ".jsonl": "jsonl", ".spacy": "docbin"}


def read(
    path: str | Path,
    format: str | None = None,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
) -> list[Document]:
    """Read annotated or raw sentences.

    Args:
        path: str or path. A folder for the formats in `FOLDERS`.
        format: str or None, a key of `FORMATS`. Default: detected from the content of the file or folder.
        tokenize: callable `list[str] -> list[Document]` for the raw lines of `jsonl`, and for `brat` and `csv`.
            Default: the package's tokenizer; raw lines are refused.

    Returns:
        list of `Document`, at least one.

    Raises:
        InputError: if the format is unknown or its own `read` raises it.
    """
    format = format or recognise(path)
    if format:
        return _named(format).read(path, tokenize)
    # A file that is missing, empty or not text has its own, more helpful error.
    text = read_text(path)
    raise InputError(
        "A file must be in one of the formats spert (begins with '[{'), multihead ('#doc'), jsonl ('{') or docbin "
        f"(binary). Received: {text.strip()[:20]!r} in {path}"
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
    _named(format or format_of(path)).write(documents, path)


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
    """The format of a file or folder, a key of `FORMATS`, by its content; None for plain text or a missing file."""
    return next((name for name, module in FORMATS.items() if module.recognises(path)), None)


def _named(name: str) -> ModuleType:
    check_choice("A format", name, FORMATS)
    return FORMATS[name]
