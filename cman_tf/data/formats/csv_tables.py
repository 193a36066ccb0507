"""CSV: a folder with `entities.csv` and optionally `relations.csv`, as a spreadsheet or script writes them.

Columns are separated by commas, semicolons or tabs, as the first line shows.

See `cman_tf.data.formats.frames` for their columns. Needs the extra `[frames]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, first_line, located, written
from cman_tf.errors import InputError, optional, reason
from cman_tf.files import atomic_folder

if TYPE_CHECKING:
    import pandas

    from cman_tf.data.document import Document

_FILES = ("entities.csv", "relations.csv")

# After apostrophes: what was written with one must not be read without it.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def recognises(path: str | Path) -> bool:
    """Whether this is a folder with a file `entities.csv`."""
    return (Path(path) / _FILES[0]).is_file()


def read(
    path: str | Path,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    reading: Reading | None = None,
) -> list[Document]:
    """Read a folder.

    Args:
        path: str or path.
        tokenize: callable, list of str -> list of `Document`. Default: the package's tokenizer.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the files are missing, are not CSV in UTF-8 or contain no sentences that can be read, if
            `cman_tf.data.formats.frames.documents_from_frames` raises it, or if pandas is not installed.
    """
    from cman_tf.data.formats.frames import documents_from_frames

    path, reading = Path(path), reading or Reading()
    with located(str(path)):
        relations = _read(path / _FILES[1]) if (path / _FILES[1]).is_file() else None
        entities = _read(path / _FILES[0])
        if reading.ends == "inclusive" and "end" in entities:
            whole = re.compile("[0-9]{1,9}").fullmatch
            entities["end"] = [str(reading.end(int(end))) if whole(end) else end for end in entities["end"]]
        documents = documents_from_frames(entities, relations, tokenize, reading)
    return reading.at_least_one(documents, path)


def _read(path: Path) -> pandas.DataFrame:
    pandas = optional("pandas", "frames")
    try:
        # As text, without missing values: a person may be called NA.
        table = pandas.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=_separator(first_line(path))
        )
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        why = " ".join(reason(error).split())
        raise InputError(f"A table must be CSV in UTF-8. Received: {path.name} ({why})") from None
    return table.apply(lambda column: column.map(_from_text))


def _separator(header: str) -> str:
    """What separates the columns: a comma, as the standard has it, or what a spreadsheet of another country writes."""
    return max(",;\t", key=header.count)


def _as_text(cell: object) -> object:
    """A cell that a spreadsheet does not run: an apostrophe before `=`, `+`, `-`, `@`, tab or carriage return."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _from_text(cell: str) -> str:
    """The cell before `_as_text`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write(documents: Iterable[Document], path: str | Path, formulas_as_text: bool = True) -> None:
    """Write a new folder, whole or not at all.

    `read` returns the documents, with other tokens where the package splits the text differently.

    Args:
        documents: iterable of `Document`.
        path: str or path of a new or empty folder.
        formulas_as_text: bool. Whether cells that a spreadsheet would run get an apostrophe before them, which `read`
            removes. Default: True.

    Raises:
        InputError: if the folder is not empty or cannot be written, an id is repeated, a type is not valid, a text
            contains a lone surrogate, or pandas is not installed.
    """
    from cman_tf.data.formats.frames import frames

    def checked(document: Document) -> Document:
        # Pandas with pyarrow fails on these with an error of its own.
        check_unicode(document.id, document.text)
        return document

    def as_text(column: pandas.Series[Any]) -> pandas.Series[Any]:
        # `map` would convert integers with missing values to floats.
        return column.map(_as_text) if column.dtype.kind == "O" else column

    tables = frames(written(documents, checked), unannotated=True)
    with atomic_folder(path) as folder:
        for name, table in zip(_FILES, tables):
            table = table.apply(as_text) if formulas_as_text else table
            # Line ends of RFC 4180. With them, every Python version quotes carriage returns in cells.
            table.to_csv(folder / name, index=False, lineterminator="\r\n")
