"""spaCy's `DocBin`, usually named `.spacy`: entities in `doc.ents`, relations in `doc._.relations`.

See `cman_tf.data.formats.spacy_docs` for their form. Requires the extra `[spacy]`.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning, check_unicode, read_bytes, written
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from cman_tf.data.document import Document


def recognises(path: str | Path) -> bool:
    """Whether the file is compressed MessagePack that begins like a DocBin."""
    with contextlib.suppress(zlib.error):
        return zlib.decompressobj().decompress(beginning(path), 64)[1:].startswith(b"\xa7version")
    return False


def read(path: str | Path, tokenize: object = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` is not used, because a `Doc` has tokens.

    Returns:
        list of `Document`, one for each sentence of a `Doc`, or for each `Doc` that is not split into sentences.

    Raises:
        InputError: if the file cannot be read, is not a DocBin or contains no sentences, if
            `cman_tf.data.formats.spacy_docs.from_doc` raises it (with the number of the `Doc`), or if spaCy is not
            installed.
    """
    from cman_tf.data.formats import spacy_docs

    spacy = spacy_docs.spacy()
    data = read_bytes(path)
    try:
        docs = list(spacy.tokens.DocBin().from_bytes(data).get_docs(spacy.blank("xx").vocab))
    except Exception as error:  # noqa: BLE001, spaCy and its libraries raise many types for other bytes
        raise InputError(f"A file must be a spaCy DocBin. Received: {path} ({type(error).__name__})") from None
    counts = reading or Reading()
    documents = []
    for number, doc in enumerate(docs, 1):
        counts.documents += 1
        documents += spacy_docs.from_doc(doc, counts, f"{path}, Doc {number}")
    return counts.at_least_one(documents, path)


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write documents, whole or not at all, each as one `Doc`; `read` returns their sentences, entities in text order.

    Raises:
        InputError: if spaCy is not installed, the file cannot be written, a type is not valid, or a
            `Doc` cannot represent a sentence: overlapping entities, tokens without visible characters, lone surrogates.
    """
    from cman_tf.data.formats import spacy_docs

    spacy = spacy_docs.spacy()
    vocab, result = spacy.blank("xx").vocab, spacy.tokens.DocBin(store_user_data=True)

    def convert(document: Document) -> Doc:
        check_unicode(document.id, document.text)
        return spacy_docs.to_doc(document, vocab)

    for doc in written(documents, convert):
        result.add(doc)
    with atomic_write(path, "wb") as file:
        file.write(result.to_bytes())
