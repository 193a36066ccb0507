"""Atomic writing of files and folders, and the location of pretrained files."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import platformdirs

from cman_tf.errors import InputError, failed
from cman_tf.files.leftovers import owner


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under `path` only when the block ends without an error.

    Until then it has a temporary name in the same folder. A killed process leaves at most that file behind, which
    `remove_leftovers` finds; an existing file keeps its content. A link stays a link. A device or pipe such as
    /dev/stdout, which must not be replaced, is written directly.

    Args:
        path: str or path. Missing folders are created.
        mode: str. `"w"` for UTF-8 text with `\\n` as line end, `"wb"` for bytes. Default: `"w"`.

    Yields:
        The open file.

    Raises:
        InputError: if the file cannot be written: no permission, a folder of that name, disk full, and so on.
    """
    if _is_device(path):
        with _refusing(path, path), _open(path, mode) as file:
            yield file
        return
    file = _temporary(path, mode)
    try:
        with _refusing(path, file.name):
            with file:
                yield file
                file.flush()
                # Otherwise a power failure may keep the new name without the content.
                os.fsync(file.fileno())
            os.replace(file.name, os.path.realpath(path))
    finally:
        # Gone already if it has its final name.
        with contextlib.suppress(OSError):
            os.unlink(file.name)


def check_new_file(path: str | Path) -> None:
    """Raise `InputError` unless `atomic_write` could write `path` now: before long work. Leaves nothing behind."""
    if os.path.isdir(path):
        raise failed("write", path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if _is_device(path):
        return
    missing = [folder for folder in Path(path).absolute().parents if not folder.exists()]
    try:
        with _temporary(path, "wb") as file:
            os.unlink(file.name)
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _is_device(path: str | Path) -> bool:
    """Whether `path` is a device or a pipe."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _open(path: str | Path, mode: str) -> IO[Any]:
    return open(path, mode) if "b" in mode else open(path, mode, encoding="utf-8", newline="\n")


def _temporary(path: str | Path, mode: str) -> IO[Any]:
    """Open a new file with a temporary name beside `path`."""
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: only the owner may read its files, under their final name too.
        return _open(_temporary_name(target), mode.replace("w", "x"))
    except (OSError, ValueError) as error:
        # ValueError: the name contains a null character or a lone surrogate.
        raise failed("write", path, error) from None


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{owner()}.tmp")


@contextlib.contextmanager
def _refusing(path: str | Path, written: str | Path) -> Iterator[None]:
    """Turn an `OSError` about `written` or a file in it into an `InputError` about `path`."""
    try:
        yield
    except OSError as error:
        # The block may have failed on another file, whose name must not be hidden behind this one.
        if str(error.filename or written).startswith(os.fspath(written)):
            raise failed("write", path, error) from None
        raise


def check_new_folder(path: str | Path) -> None:
    """Raise `InputError` unless `path` is free for `atomic_folder`: before long work."""
    path = Path(path)
    if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"An output folder must be new or empty. Received: {path}")


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Create a folder that appears under `path` only when the block ends without an error.

    Args:
        path: str or path. New or empty; missing parent folders are created.

    Yields:
        `Path` of the folder to write into, with a temporary name beside `path`.

    Raises:
        InputError: if `path` is not empty or cannot be written.
    """
    path = Path(path)
    check_new_folder(path)
    temporary = _temporary_name(path)
    try:
        with _refusing(path, temporary):
            temporary.mkdir(parents=True)
            yield temporary
            # Replaces an empty folder, and fails if it has been filled in the meantime.
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def free_folder(parent: str | Path, name: str) -> Path:
    """`parent/name`, or the first of `parent/name-2`, `parent/name-3`, ... that does not exist."""
    path, number = Path(parent) / name, 1
    while path.exists():
        number += 1
        path = Path(parent) / f"{name}-{number}"
    return path


ENCODERS_VARIABLE = "CMAN_TF_ENCODERS"


def encoder_folders() -> list[Path]:
    """The folder of encoders: `$CMAN_TF_ENCODERS`, or `encoders` in the current folder, then in the user's cache."""
    given = os.environ.get(ENCODERS_VARIABLE)
    return [Path(given)] if given else [Path("encoders"), platformdirs.user_cache_path("cman-tf") / "encoders"]


def find_pretrained(name: str) -> str:
    """Address or path of an encoder or a file of word vectors.

    Args:
        name: str. An address, a path, or a name in the folder `$CMAN_TF_ENCODERS` (default: `encoders` in the current
            folder, then in the user's cache folder).

    Returns:
        str; `name` itself if nothing is found: its reader then reports that.
    """
    if "://" in name:
        return name
    for path in (Path(name), *(folder / name for folder in encoder_folders())):
        if path.expanduser().exists():
            return str(path.expanduser())
    return name
