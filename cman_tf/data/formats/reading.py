"""What every reader needs: the text of a file, and errors that say where."""

from __future__ import annotations

import contextlib
import reprlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.data.document import Document, Entity, Relation


def read_text(path: str | Path, blank: bool = False) -> str:
    """The content of a text file.

    Args:
        path: str or path.
        blank: bool. Whether white space alone is a content too. Default: such a file is empty.

    Returns:
        str. Line ends as they are, without a byte order mark.

    Raises:
        InputError: no such file, not readable, empty, or not UTF-8.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character in it.
        raise InputError(f"A file must be readable. Received: {path} ({reason(error)})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"A file must be UTF-8 text. Received: byte 0x{data[error.start]:02x} in {path}, line {line}"
        ) from None
    if not (text if blank else text.strip()):
        raise InputError(f"A file must not be empty. Received: no text in {path}")
    return text


def first_line(path: str | Path) -> str:
    """The first line that is not blank, cut to what tells formats apart; "" if there is none or it is no text."""
    with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
        # A limit, for a file of another kind may be one line of a gigabyte.
        while line := file.readline(4096):
            text = line.decode("utf-8-sig", "replace").strip()
            if text:
                return text
    return ""


def reason(error: BaseException) -> str:
    """Why the operating system refused, in its own words."""
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def located(place: str | Path) -> Iterator[None]:
    """Let every `InputError` of the block say where: `place`, e.g. `train.json, sentence 3`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error} in {place}") from None


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60


def show(value: object) -> str:
    """A value of a JSON file, short enough for an error message and named as JSON names it."""
    for name, constant in (("null", None), ("true", True), ("false", False)):
        if value is constant:
            return name
    return _REPR.repr(value)


def is_name(found: object) -> bool:
    """Whether a value can be the name of a type: a non-empty string without blanks that UTF-8 can hold."""
    return (
        isinstance(found, str)
        and found != ""
        and not any(character.isspace() or "\ud800" <= character <= "\udfff" for character in found)
    )


def writable(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield each document once its types are known to be such as the readers take.

    Raises:
        InputError: a type is empty or has blanks, with the sentence's number and id.
    """
    for number, document in enumerate(documents, 1):
        with located(f"sentence {number}" + (f" (id {document.id!r})" if document.id else "")):
            items: list[Entity | Relation] = [*document.entities, *document.relations]
            for item in items:
                if not is_name(item.type):
                    raise InputError(f"A type must be a non-empty string without blanks. Received: {show(item.type)}")
        yield document


class Identifiers:
    """Notices an id that comes twice.

    The published files repeat no id within a file, so a repeat there means sentences that were copied twice or an id
    that does not identify. Sentences without an id, `""`, may be many.
    """

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def add(self, identifier: str, place: str) -> None:
        """Remember an id.

        Args:
            identifier: str; "" for none.
            place: str. Where in the file it stands, e.g. `line 3`.

        Raises:
            InputError: the id was there before.
        """
        if identifier and identifier in self._places:
            raise InputError(
                f"Every sentence id must be used once. Received: id {identifier!r} again, first at "
                f"{self._places[identifier]},"
            )
        self._places[identifier] = place
