"""Exports of INCEpTION and WebAnno: files, folders and ZIP archives, who annotated which text, types of annotations.

An exported project contains `annotation/TEXT/PERSON.SUFFIX` and `curation/TEXT/CURATION_USER.SUFFIX`. Formats of
several files are packed: `annotation/TEXT/PERSON.zip`. `INITIAL_CAS` is the text before anybody annotated it.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError, failed

_FOLDERS = ("annotation", "curation")
_UNTOUCHED = "INITIAL_CAS"
_LARGEST = 2**30
_PREFERRED = ("value", "label", "type", "name")
# The concept in a knowledge base that a named entity is linked to.
_CONCEPT = "identifier"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
# What the standard library raises for archives of these methods: damaged, cut off (EOFError), of a later version
# (NotImplementedError), unreadable, with a name that is not UTF-8 (ValueError).
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)


class Member(NamedTuple):
    """A file of an export.

    Args:
        place: str. For messages.
        path: `PurePath`, absolute; the path inside an archive follows that of the archive.
        content: callable `limit -> bytes`; may raise what damaged files raise.
    """

    place: str
    path: PurePath
    content: Callable[[int], bytes]

    def read(self, limit: int = -1) -> bytes:
        """The first `limit` bytes; all by default.

        Raises:
            InputError: if the file cannot be read.
        """
        try:
            return self.content(limit)
        except _DAMAGE as error:
            raise failed("read", self.place, error) from None


def members(path: str | Path) -> Iterator[Member]:
    """Yield the file `path`, or the files inside a folder or archive, sorted by name.

    Raises:
        InputError: if an archive is damaged, or a packed file is encrypted, larger than 1 GiB, or neither stored nor
            deflated.
    """
    path = Path(path)
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            # By name first: to open each of many files takes long.
            yield from members(file) if file.suffix == ".zip" else [_member(file)]
    elif is_archive(path):
        yield from _unpacked(str(path), path.absolute(), path)
    else:
        yield _member(path)


def _member(path: Path) -> Member:
    return Member(str(path), path.absolute(), partial(_file, path))


def _file(path: Path, limit: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(limit)


def is_archive(path: str | Path) -> bool:
    """Whether a file is a ZIP archive."""
    with contextlib.suppress(OSError, ValueError):
        return Path(path).is_file() and zipfile.is_zipfile(path)
    return False


def is_collection(path: str | Path) -> bool:
    """Whether a path is that of a folder or ZIP archive."""
    return Path(path).is_dir() or is_archive(path)


def _unpacked(place: str, path: PurePath, source: Path | io.BytesIO) -> Iterator[Member]:
    try:
        # Closed with the last of its members: opening it for each would read its directory again.
        archive = zipfile.ZipFile(source)
    except _DAMAGE as error:
        raise failed("read", place, error) from None
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if entry.is_dir():
            continue
        inner = path / PurePosixPath(entry.filename.lstrip("/"))
        name = f"{place}/{entry.filename}"
        if entry.file_size > _LARGEST:
            raise InputError(f"A packed file must have at most {_LARGEST} bytes. Received: {entry.file_size} in {name}")
        if entry.flag_bits & _ENCRYPTED:
            raise InputError(f"A packed file must not be encrypted. Received: {name}")
        if entry.compress_type not in _METHODS:
            method = entry.compress_type
            raise InputError(
                f"A packed file must be stored or deflated. Received: compression method {method} in {name}"
            )
        member = Member(name, inner, partial(_entry, archive, entry))
        # An archive in an archive in an archive is not an export.
        if inner.suffix == ".zip" and isinstance(source, Path):
            yield from _unpacked(name, inner, io.BytesIO(member.read()))
        else:
            yield member


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(entry) as file:
        return file.read(limit)


def texts(files: Iterable[Member], path: str | Path, reading: Reading) -> Iterator[tuple[Member, str]]:
    """Yield each text once, as the chosen person annotated it, with its name.

    Args:
        files: iterable of `Member`, those of one format.
        path: str or path of the export.
        reading: `Reading`. Its `annotator` chooses; what others annotated is counted as left out.

    Raises:
        InputError: if a text has several annotators and none is chosen, or the chosen one is unknown.
    """
    found = [(file, *_owner(file.path)) for file in files]
    by_text: dict[str, set[str]] = defaultdict(set)
    for _, text, person in found:
        if person not in (None, _UNTOUCHED):
            by_text[text].add(str(person))
    several = any(len(names) > 1 for names in by_text.values())
    reading.check_annotator(set().union(*by_text.values()), several, path)
    for file, text, person in found:
        if person is None:
            yield file, _name(file.path, Path(path).absolute())
        elif person == _UNTOUCHED:
            if text not in by_text:
                reading.leave_out("texts that nobody annotated", file.place)
        elif reading.annotator in (None, person):
            yield file, text
        else:
            reading.leave_out("texts of other annotators", file.place)


def _owner(path: PurePath) -> tuple[str, str | None]:
    """`(text, person)`; the person is None outside an exported project."""
    parts = path.parts
    if path.parent.suffix == ".zip" and parts[-4:-3] and parts[-4] in _FOLDERS:
        return parts[-3], path.parent.stem
    if parts[-3:-2] and parts[-3] in _FOLDERS:
        return parts[-2], path.stem
    return "", None


def _name(path: PurePath, root: Path) -> str:
    """The name of a text outside a project: its file's, in a folder or archive the path from there."""
    return path.stem if path == root else path.relative_to(root).with_suffix("").as_posix()


def short(layer: str) -> str:
    """The name of a layer without its package."""
    return layer.rsplit(".", 1)[-1]


def type_of(features: Mapping[str, str], layer: str) -> str:
    """The type of an annotation: its feature `value`, `label`, `type` or `name`, else its first, else the layer's name.

    Args:
        features: dict of names to values, none of which is empty.
        layer: str. Name of the layer.
    """
    others = {name: value for name, value in features.items() if name != _CONCEPT}
    chosen = next((name for name in _PREFERRED if name in others), next(iter(others), None))
    return short(layer) if chosen is None else others[chosen]
