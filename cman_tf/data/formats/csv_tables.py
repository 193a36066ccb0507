"""CSV: a folder with `entities.csv` and optionally `relations.csv`, as a spreadsheet or script writes them.

See `cman_tf.data.formats.frames` for their columns. Needs the extra `[frames]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.reading import check_unicode, located, written
from cman_tf.errors import InputError, optional, reason
from cman_tf.files import atomic_folder

if TYPE_CHECKING:
    import pandas

    from cman_tf.data.document import Document

_FILES = ("entities.csv", "relations.csv")


def recognises(path: str | Path) -> bool:
    """Whether this is a folder with a file `entities.csv`."""
    return (Path(path) / _FILES[0]).is_file()


def read(path: str | Path, tokenize: Callable[[list[str]], list[Document]] | None = None) -> list[Document]:
    """Read a folder.

    Args:
        path: str or path.
        tokenize: callable, list of str -> list of `Document`. Default: the package's tokenizer.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the files are missing, are not CSV in UTF-8 or contain no sentences, if
            `cman_tf.data.formats.frames.documents_from_frames` raises it, or if pandas is not installed.
    """
    from cman_tf.data.formats.frames import documents_from_frames

    path = Path(path)
    with located(str(path)):
        relations = _read(path / _FILES[1]) if (path / _FILES[1]).is_file() else None
        documents = documents_from_frames(_read(path / _FILES[0]), relations, tokenize)
    if not documents:
        raise InputError(f"{path} contains no sentences.")
    return documents


def _read(path: Path) -> pandas.DataFrame:
    pandas = optional("pandas", "frames")
    try:
        # As text, without missing values: a person may be called NA.
        return pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        why = " ".join(reason(error).split())
        raise InputError(f"A table must be CSV in UTF-8. Received: {path.name} ({why})") from None


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all.

    `read` returns the documents, with other tokens where the package splits the text differently.

    Raises:
        InputError: if the folder is not empty or cannot be written, an id is repeated, a type is empty or contains
            blanks, a text contains a lone surrogate, or pandas is not installed.
    """
    from cman_tf.data.formats.frames import frames

    def checked(document: Document) -> Document:
        # Pandas with pyarrow fails on these with an error of its own.
        check_unicode(document.id, document.text)
        return document

    tables = frames(written(documents, checked), unannotated=True)
    with atomic_folder(path) as folder:
        for name, table in zip(_FILES, tables):
            table.to_csv(folder / name, index=False)
