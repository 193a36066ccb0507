"""File formats of annotated sentences, by name or recognised from the file or folder."""

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

# Those whose sentences lie in several files of one folder.
FOLDERS = ("brat", "csv")

_SUFFIXES = {".json": "spert", ".txt": "multihead", ".jsonl": "jsonl", ".spacy": "docbin"}


def read(
    path: str | Path,
    format: str | None = None,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
) -> list[Document]:
    """Read annotated or raw sentences.

    Args:
        path: str or path. A folder for those of `FOLDERS`.
        format: str or None, a key of `FORMATS`. Default: recognised from the content of the file or folder.
        tokenize: callable `list[str] -> list[Document]` for the raw lines of `jsonl`. Default: they are refused.

    Returns:
        list of `Document`, at least one.

    Raises:
        InputError: an unknown format, or what the format's own `read` raises.
    """
    module = _named(format) if format else _recognised(path)
    return module.read(path, tokenize)


def write(documents: Iterable[Document], path: str | Path, format: str | None = None) -> None:
    """Write documents, whole or not at all.

    Args:
        documents: iterable of `Document`.
        path: str or path. A new or empty folder for those of `FOLDERS`.
        format: str or None, a key of `FORMATS`. Default: by suffix, `.json` (spert), `.txt` (multihead), `.jsonl` or
            `.spacy` (docbin).

    Raises:
        InputError: an unknown format or suffix, a sentence that the format cannot hold, or a file that cannot be
            written.
    """
    _named(format or format_of(path)).write(documents, path)


def format_of(path: str | Path) -> str:
    """The format that a file to write has by its suffix.

    Args:
        path: str or path.

    Returns:
        str, a key of `FORMATS`.

    Raises:
        InputError: another suffix.
    """
    suffix = Path(path).suffix
    if suffix not in _SUFFIXES:
        raise InputError(
            f"A file to write must be named {', '.join(_SUFFIXES)} or its format given ({', '.join(FORMATS)}). "
            f"Received: {path}"
        )
    return _SUFFIXES[suffix]


def recognise(path: str | Path) -> str | None:
    """The format of a file or folder as its content shows it.

    Args:
        path: str or path.

    Returns:
        str, a key of `FORMATS`, or None for anything else, such as plain text or no file.
    """
    for name, module in FORMATS.items():
        if module.recognises(path):
            return name
    return None


def _named(name: str) -> ModuleType:
    check_choice("A format", name, FORMATS)
    return FORMATS[name]


def _recognised(path: str | Path) -> ModuleType:
    name = recognise(path)
    if name:
        return FORMATS[name]
    # A file that is missing, empty or no text has its own error, which helps more.
    text = read_text(path)
    raise InputError(
        "A file must be in one of the formats spert (begins with '[{'), multihead ('#doc'), jsonl ('{') or docbin "
        f"(binary). Received: {text.strip()[:20]!r} in {path}"
    )
