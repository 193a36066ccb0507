"""spaCy's `DocBin`, usually named `.spacy`: entities in `doc.ents`, relations in `doc._.relations`.

See `cman_tf.data.formats.spacy_docs` for their form. Needs the extra `[spacy]`.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.reading import located, reason, writable
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def recognises(path: str | Path) -> bool:
    """Whether the file is compressed MessagePack that begins as a DocBin does."""
    with contextlib.suppress(OSError, ValueError, zlib.error), open(path, "rb") as file:
        return zlib.decompressobj().decompress(file.read(1024), 64)[1:].startswith(b"\xa7version")
    return False


def read(path: str | Path, tokenize: object = None) -> list[Document]:
    """Read a file.

    Args:
        path: str or path.
        tokenize: not used, for a `Doc` has tokens.

    Returns:
        list of `Document`, one for each sentence as spaCy split them, or for each `Doc` that was not split.

    Raises:
        InputError: no such file, no DocBin, no sentence, or, with the number of the `Doc`, what
            `cman_tf.data.formats.spacy_docs.from_doc` raises. Or spaCy is not installed.
    """
    from cman_tf.data.formats import spacy_docs

    spacy = spacy_docs.spacy()
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(f"A file must be readable. Received: {path} ({reason(error)})") from None
    try:
        docs = list(spacy.tokens.DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # noqa: BLE001, spaCy and its libraries raise what they like of bytes that are no DocBin
        raise InputError(f"A file must be a spaCy DocBin. Received: {path} ({type(error).__name__})") from None
    documents = []
    for number, doc in enumerate(docs, 1):
        with located(f"{path}, Doc {number}"):
            documents += spacy_docs.from_doc(doc)
    if not documents:
        raise InputError(f"A file must have at least one sentence. Received: none in {path}")
    return documents


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write documents, whole or not at all, each as one `Doc`; `read` gives them back, entities in the order of the
    text.

    Args:
        documents: iterable of `Document`.
        path: str or path.

    Raises:
        InputError: spaCy is not installed, the file cannot be written, a type is empty or has blanks, or a sentence
            that a `Doc` cannot hold: entities that overlap, a token without visible characters, a lone surrogate.
    """
    from cman_tf.data.formats import spacy_docs

    spacy = spacy_docs.spacy()
    vocab, result = spacy.blank("xx").vocab, spacy.tokens.DocBin(store_user_data=True)
    for number, document in enumerate(writable(documents), 1):
        with located(f"sentence {number}" + (f" (id {document.id!r})" if document.id else "")):
            try:
                result.add(spacy_docs.to_doc(document, vocab))
            except UnicodeEncodeError:
                raise InputError(f"A DocBin cannot hold a lone surrogate. Received: {document.text!r}") from None
    with atomic_write(path, "wb") as file:
        file.write(result.to_bytes())
