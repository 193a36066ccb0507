"""Write a new version into the folder that a server watches, as a whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cman_tf.errors import InputError, failed
from cman_tf.files.leftovers import owner, remove_leftovers
from cman_tf.interop.saved_model import versions


@contextlib.contextmanager
def new_version(model_dir: str | Path, number: int | None = None) -> Iterator[NewVersion]:
    """Create a folder for a version, which gets its number only when the block ends without an error.

    Until then it has a hidden name beside the other versions, which servers skip; a killed process leaves at most
    that hidden folder behind, which the next export removes.

    Args:
        model_dir: str or path. Created if missing.
        number: int or None. Default: the number after the last one.

    Yields:
        `NewVersion`: write into its `folder`; after the block, `path` is the version's folder.

    Raises:
        InputError: if the number is invalid or exists already, or the folder cannot be written.
    """
    model_dir = Path(model_dir)
    if number is not None and not 0 < number < 2**63:
        raise InputError(f"`--version` must be a whole number from 1 to 2^63 - 1. Received: {number}")
    if number is not None:
        _check_free(model_dir, number)
    try:
        made = _make(model_dir)
        remove_leftovers(model_dir)
        folder = model_dir / f".export-{owner()}"
        folder.mkdir()
    except OSError as error:
        raise failed("write", f"the model folder {model_dir}", error) from None
    version = NewVersion(folder)
    try:
        yield version
        _sync(folder)
        version.path = _move(folder, model_dir, number)
    except OSError as error:
        raise failed("write", f"the model folder {model_dir}", error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if version.path is None:
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


@dataclasses.dataclass
class NewVersion:
    """A version that is being written to `folder`; `path` is its folder afterwards."""

    folder: Path
    path: Path | None = None


def _check_free(model_dir: Path, number: int) -> None:
    if os.path.lexists(model_dir / str(number)):
        raise InputError(
            f"A version must be new, because servers may have loaded it. Received: {number} in {model_dir}"
        )


def _make(path: Path) -> list[Path]:
    """Create a folder; return the folders that were missing, innermost first."""
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def _sync(folder: Path) -> None:
    """Flush the files to disk: otherwise a power failure may keep the new name without the content."""
    for parent, _, names in os.walk(folder):
        for path in [parent, *(os.path.join(parent, name) for name in names)]:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _move(folder: Path, model_dir: Path, number: int | None) -> Path:
    while True:
        wanted = number or max(versions(model_dir), default=0) + 1
        try:
            _check_free(model_dir, wanted)
            # Fails if the target has content: if two exports take the same number, one of them tries the next.
            os.rename(folder, model_dir / str(wanted))
            return model_dir / str(wanted)
        except (InputError, OSError):
            if number or not os.path.lexists(model_dir / str(wanted)):
                raise
