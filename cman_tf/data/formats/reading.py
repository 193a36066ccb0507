"""Shared by all formats: the content of files, checks of sentences, and errors with their location."""

from __future__ import annotations

import contextlib
import reprlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from cman_tf.data.document import Document, is_type, named
from cman_tf.errors import InputError, failed

Written = TypeVar("Written")


def read_bytes(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: if the file cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        # ValueError: the name contains a null character.
        raise failed("read", path, error) from None


def read_text(path: str | Path, blank: bool = False) -> str:
    """The content of a text file.

    Args:
        path: str or path.
        blank: bool. Whether a file may contain nothing but white space. Default: such a file is empty.

    Returns:
        str, with the line ends of the file and without a byte order mark.

    Raises:
        InputError: if the file cannot be read, is empty or is not UTF-8.
    """
    return decoded(read_bytes(path), path, blank)


def decoded(data: bytes, path: str | Path, blank: bool = False) -> str:
    """The text of a file whose content is `data`, see `read_text`."""
    text = _decoded(data, path)
    if not (text if blank else text.strip()):
        raise InputError(f"{path} is empty.")
    return text


def read_lines(
    path: str | Path,
    blank: bool = False,
    skipping: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
) -> Iterator[str]:
    """Yield the lines of a text file, as they are used, with their line ends and without a byte order mark.

    Only `\\n` ends a line: a text may contain U+2028 and similar characters.

    Args:
        path, blank: as for `read_text`.
        skipping: callable that returns a context manager. If it suppresses the error of a line that is not UTF-8, that
            line is `""`; others have at least a line end. Default: the error is raised.

    Raises:
        InputError: if the file cannot be read, is empty or is not UTF-8.
    """
    empty = True
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                text = None
                with skipping():
                    text = _decoded(line, path, number)
                empty = empty and text is not None and not (text if blank else text.strip())
                yield text or ""
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise failed("read", path, error) from None
    if empty:
        raise InputError(f"{path} is empty.")


def _decoded(data: bytes, path: str | Path, line: int = 1) -> str:
    """Text of a file from the line of that number on."""
    try:
        return data.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line += data.count(b"\n", 0, error.start)
        raise InputError(
            f"A file must be UTF-8 text. Received: byte 0x{data[error.start]:02x} in {path}, line {line}"
        ) from None


def beginning(path: str | Path) -> bytes:
    """The first bytes of a file that are not white space, by which its format is detected; b"" if there are none."""
    with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
        # A limit, because a file of another kind may be one line of a gigabyte.
        while data := file.read(4096):
            if data.strip():
                return data
    return b""


def first_line(path: str | Path) -> str:
    """The beginning of the first line that is not blank; "" if there is none."""
    return beginning(path).decode("utf-8-sig", "replace").strip().split("\n", 1)[0].strip()


@contextlib.contextmanager
def located(place: str | Path) -> Iterator[None]:
    """Add a place, e.g. `train.json, sentence 3`, to every `InputError` of the block."""
    try:
        yield
    except InputError as error:
        # A rule ends with what was received, which is in the place; a whole sentence is about it.
        text = str(error)
        if text.endswith("."):
            text = f"{place}: {text}"
        elif not text.endswith(f" in {place}"):
            text = f"{text} in {place}"
        raise InputError(text) from None


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60


def show(value: object) -> str:
    """A value of a JSON file, short enough for an error message and named as JSON names it."""
    for name, constant in (("null", None), ("true", True), ("false", False)):
        if value is constant:
            return name
    return _REPR.repr(value)


def is_name(found: object) -> bool:
    """Whether a value can be the name of a type, see `cman_tf.data.document.is_type`."""
    return is_type(found)


def is_gap(text: str) -> bool:
    """Whether a text contains only blanks and control characters."""
    return all(character.isspace() or unicodedata.category(character)[0] in "ZC" for character in text)


def check_type(found: object) -> None:
    """Raise `InputError` unless a value can be the name of a type."""
    if not is_name(found):
        raise InputError(
            f"A type must be a non-empty string without control characters and outer blanks. Received: {show(found)}"
        )


def types(document: Document) -> list[str]:
    """The types of all entities and relations of a document."""
    return [entity.type for entity in document.entities] + [relation.type for relation in document.relations]


def check_unicode(*texts: str) -> None:
    """Raise `InputError` if a text contains a lone surrogate, which Python's strings allow and UTF-8 does not."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InputError(f"Text must not contain a lone surrogate. Received: {text!r}") from None


def written(documents: Iterable[Document], convert: Callable[[Document], Written]) -> Iterator[Written]:
    """Convert documents to what a file contains, and check their types.

    Args:
        documents: iterable of `Document`.
        convert: callable. What a format makes of one document; may raise `InputError`.

    Yields:
        The results of `convert`.

    Raises:
        InputError: with the number and id of the sentence: if a type is not valid, or if `convert`
            raises it.
    """
    for number, document in enumerate(documents, 1):
        with located(named(document, number)):
            for name in types(document):
                check_type(name)
            result = convert(document)
        yield result


def check_unique(identifier: str, place: str, places: dict[str, str]) -> None:
    """Raise `InputError` if a sentence id is in `places` already, otherwise add it. Any number of ids may be `""`.

    The published files repeat no id, so a repeat means that a sentence was copied or that the id does not identify it.
    Call this inside `located`, which names the second place.
    """
    if identifier and identifier in places:
        raise InputError(f"Sentence ids must be unique. Received: {identifier!r} twice, in {places[identifier]} and")
    places[identifier] = place
