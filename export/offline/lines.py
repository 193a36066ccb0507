"""Reads the lines of an input file as documents. A bad line is reported and does not stop the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import IO, Any

from cman_tf.data.document import Document
from cman_tf.data.formats.jsonl import _document, _raw_text
from cman_tf.data.formats.reading import located
from cman_tf.data.formats.records import check_object, identifier, parse_json
from cman_tf.errors import InputError


def read_lines(file: IO[bytes], path: str) -> Iterator[tuple[int, bytes, Document | InputError]]:
    """Read the sentences of a file: JSON lines if its first non-blank line starts with a brace, otherwise raw text.

    Args:
        file: open binary file.
        path: str. Its name, for errors.

    Yields:
        `(number, line, document or error)`: int from 1; bytes without line end; `Document`, without tokens for raw
        text, or the `InputError` of a bad line. Blank lines are sentences in raw text, and are skipped in JSON lines.
    """
    lines, first = enumerate(_lines(file), 1), []
    for item in lines:
        first.append(item)
        if item[1].strip():
            break
    json = bool(first) and first[-1][1].lstrip().startswith(b"{")
    for number, line in itertools.chain(first, lines):
        if line.strip() or not json:
            yield number, line, _read(line, json, path, number)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines without line ends and without a byte order mark."""
    # Beam's decompressed files are not iterable.
    for number, line in enumerate(iter(file.readline, b"")):
        line = line[:-1] if line.endswith(b"\n") else line
        line = line[:-1] if line.endswith(b"\r") else line
        yield line[3:] if not number and line.startswith(b"\xef\xbb\xbf") else line


def raw(text: str, id: str = "") -> Document:
    """A document without tokens: the model splits its text."""
    return Document((), text=text, offsets=(), id=id)


def _read(line: bytes, json: bool, path: str, number: int) -> Document | InputError:
    place = f"{path}, line {number}"
    try:
        with located(place):
            text = _decoded(line)
        # Its errors contain the location.
        record = parse_json(text, path, number) if json else None
        with located(place):
            return _encodable(_document_of(record) if json else raw(text))
    except InputError as error:
        return error


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"A line must be UTF-8 text. Received: byte 0x{line[error.start]:02x}") from None


def _document_of(record: Any) -> Document:
    check_object(record, "A line")
    name = identifier(record, "id")
    # The same rules as for other JSON lines. The model tokenizes, so `True` replaces a tokenizer.
    return _document(record, name) if "tokens" in record else raw(_raw_text(record, True), name)


def _encodable(document: Document) -> Document:
    try:
        document.text.encode()
    except UnicodeEncodeError:
        raise InputError("A sentence must be Unicode text. Received: a lone surrogate") from None
    return document
