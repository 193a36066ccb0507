"""A line of an input file to a document; each is good or bad by itself, for others must not wait for a correction."""

from __future__ import annotations

from cman_tf.data.document import Document
from cman_tf.data.formats.jsonl import _document, _raw_text
from cman_tf.data.formats.reading import located
from cman_tf.data.formats.records import check_object, identifier, parse_json
from cman_tf.errors import InputError


def read_lines(file, path):
    """The sentences of a file: raw text, or JSON lines if its first line that is not blank begins with a brace.

    Args:
        file: open binary file.
        path: str. Its name, for errors.

    Yields:
        `(number, line, document or error)`: int from 1; bytes without line end; `Document`, without tokens for raw
        text, or the `InputError` of a line that is none. Blank lines are sentences of a text, nothing in JSON lines.
    """
    json, waiting = None, []
    for number, line in enumerate(file, 1):
        line = line[:-1] if line.endswith(b"\n") else line
        line = line[:-1] if line.endswith(b"\r") else line
        line = line[3:] if number == 1 and line.startswith(b"\xef\xbb\xbf") else line
        if json is None and not line.strip():
            waiting.append(number)
            continue
        if json is None:
            json = line.lstrip().startswith(b"{")
            yield from () if json else _blank(waiting)
        if not json or line.strip():
            yield number, line, _read(line, json, f"{path}, line {number}", path, number)
    if json is None:
        yield from _blank(waiting)


def _blank(numbers):
    return ((number, b"", raw("")) for number in numbers)


def raw(text, id=""):
    """A document of which the model is to find the tokens."""
    return Document((), text=text, offsets=(), id=id)


def _read(line, json, place, path, number):
    try:
        with located(place):
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise InputError(f"A line must be UTF-8 text. Received: byte 0x{line[error.start]:02x}") from None
        document = _from_json(parse_json(text, path, number), place) if json else raw(text)
        with located(place):
            return _encodable(document)
    except InputError as error:
        return error


def _from_json(record, place):
    with located(place):
        check_object(record, "A line")
        name = identifier(record, "id")
        # As JSON lines are read everywhere; nothing is tokenised here, so any true value stands for a tokeniser.
        return _document(record, name) if "tokens" in record else raw(_raw_text(record, True), name)


def _encodable(document):
    try:
        document.text.encode()
    except UnicodeEncodeError:
        raise InputError("A sentence must be Unicode text. Received: a lone surrogate") from None
    return document
