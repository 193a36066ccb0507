"""CSV: a folder with `entities.csv` and, if there are any, `relations.csv`, as a spreadsheet or script writes them.

See `cman_tf.data.formats.frames` for their columns. Needs the extra `[frames]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.reading import located, reason, writable
from cman_tf.errors import InputError
from cman_tf.files import atomic_folder

if TYPE_CHECKING:
    import pandas

    from cman_tf.data.document import Document

_FILES = ("entities.csv", "relations.csv")


def recognises(path: str | Path) -> bool:
    """Whether this is a folder with a file `entities.csv`."""
    return (Path(path) / _FILES[0]).is_file()


def read(path: str | Path, tokenize: object = None) -> list[Document]:
    """Read a folder.

    Args:
        path: str or path.
        tokenize: not used, for entities need the tokens that the package itself finds.

    Returns:
        list of `Document`.

    Raises:
        InputError: no such files, no CSV in UTF-8, no sentence, what
            `cman_tf.data.formats.frames.documents_from_frames` raises, or pandas is not installed.
    """
    from cman_tf.data.formats.frames import documents_from_frames

    path = Path(path)
    with located(str(path)):
        relations = _read(path / _FILES[1]) if (path / _FILES[1]).is_file() else None
        documents = documents_from_frames(_read(path / _FILES[0]), relations)
        if not documents:
            raise InputError("A folder must have at least one sentence. Received: none")
    return documents


def _read(path: Path) -> pandas.DataFrame:
    from cman_tf.errors import optional

    pandas = optional("pandas", "frames")
    try:
        # As text and without guesses at what is missing: a person may be called NA.
        return pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        why = " ".join(reason(error).split())
        raise InputError(f"A table must be readable CSV in UTF-8. Received: {path.name} ({why})") from None


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all; `read` gives the documents back, with other tokens where the package
    would split the text in another way.

    Args:
        documents: iterable of `Document`.
        path: str or path. A new or empty folder.

    Raises:
        InputError: the folder has content or cannot be written, an id comes twice, a type is empty or has blanks, a
            text has a lone surrogate, or pandas is not installed.
    """
    from cman_tf.data.formats.frames import frames

    documents = list(writable(documents))
    for number, document in enumerate(documents, 1):
        # Before they are in a frame: pandas, with pyarrow beside it, would end with an error of its own there.
        try:
            types = [entity.type for entity in document.entities] + [link.type for link in document.relations]
            "".join([document.id, document.text, *document.tokens, *types]).encode()
        except UnicodeEncodeError:
            raise InputError(f"CSV cannot hold a lone surrogate. Received: one in sentence {number}") from None
    tables = frames(documents, unannotated=True)
    with atomic_folder(path) as folder:
        for name, table in zip(_FILES, tables):
            table.to_csv(folder / name, index=False)
