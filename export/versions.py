"""The folder that a server watches: numbered versions, each there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from cman_tf.errors import InputError


def versions(model_dir: str | Path) -> list[int]:
    """Numbers of the versions in a model folder, ascending; none if there is no such folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = os.listdir(model_dir)
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and str(int(name)) == name)
    return []


@contextlib.contextmanager
def new_version(model_dir: str | Path, number: int | None = None) -> Iterator[Version]:
    """A folder to write a version into, which gets its number only when the block ends without an error.

    Until then it has a hidden name beside the other versions, which servers pass over; a process that is killed
    leaves at most that behind.

    Args:
        model_dir: str or path. Made if it is not there.
        number: int or None. Default: the number after the last one.

    Yields:
        `Version`, whose `folder` is to be written into; after the block `path` and `number` say what became of it.

    Raises:
        InputError: the number is no version or is taken, or the folder cannot be written.
    """
    model_dir = Path(model_dir)
    if number is not None and not 0 < number < 2**63:
        raise InputError(f"`--version` must be a whole number from 1 to 2^63 - 1. Received: {number}")
    if number is not None:
        _check_free(model_dir, number)
    try:
        made = _make(model_dir)
        folder = model_dir / f".export-{secrets.token_hex(4)}"
        folder.mkdir()
    except OSError as error:
        raise _refusal(model_dir, error) from None
    version = Version(folder)
    try:
        yield version
        _sync(folder)
        version.number = _move(folder, model_dir, number)
        version.path = model_dir / str(version.number)
    except OSError as error:
        raise _refusal(model_dir, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if version.path is None:
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


class Version:
    """A version while it is made: `folder` is where it is written, `number` and `path` what it is afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number: int | None = None
        self.path: Path | None = None


def _check_free(model_dir: Path, number: int) -> None:
    if os.path.lexists(model_dir / str(number)):
        raise InputError(f"A version must be new, for servers may have read it. Received: {number} in {model_dir}")


def _make(path: Path) -> list[Path]:
    """Make a folder; return those that were not there, the innermost first."""
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def _sync(folder: Path) -> None:
    """Else a machine that loses power may keep the new name without the content."""
    for parent, _, names in os.walk(folder):
        for path in [parent, *(os.path.join(parent, name) for name in names)]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _move(folder: Path, model_dir: Path, number: int | None) -> int:
    while True:
        wanted = number or max(versions(model_dir), default=0) + 1
        try:
            _check_free(model_dir, wanted)
            # Fails on a folder with content: of two exports that took one number, one tries the next.
            os.rename(folder, model_dir / str(wanted))
            return wanted
        except (InputError, OSError):
            if number or not os.path.lexists(model_dir / str(wanted)):
                raise


def _refusal(model_dir: Path, error: OSError) -> InputError:
    return InputError(f"A model folder must be writable. Received: {model_dir} ({error.strerror or error})")
