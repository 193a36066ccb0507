"""Files: written whole or not at all, and where pretrained ones are found."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import platformdirs

from cman_tf.errors import InputError


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under `path` only when the block ends without an error.

    Until then it has a temporary name in the same folder; a process that is killed leaves at most that behind, and a
    file that was there before stays as it was. A link stays a link; a device or pipe such as /dev/stdout, which
    nothing should replace, is written directly.

    Args:
        path: str or path. Folders that are not there are made.
        mode: str. `"w"` for UTF-8 text with `\\n` as line end, `"wb"` for bytes. Default: `"w"`.

    Yields:
        The open file.

    Raises:
        InputError: the file cannot be written: no permission, a folder of that name, disk full, and so on.
    """
    path = Path(path)
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        try:
            with open(path, mode, **text) as file:
                yield file
        except OSError as error:
            if error.filename in (None, os.fspath(path)):
                raise _refusal(path, error) from None
            raise
        return
    if os.path.islink(path):
        path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") if path.name else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: its files can be read by their owner alone, and would stay so under their final name.
        file = open(temporary, mode.replace("w", "x"), **text)  # noqa: SIM115
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character or a lone surrogate in it.
        raise _refusal(path, error) from None
    try:
        with file:
            yield file
            file.flush()
            # Else a machine that loses power may keep the new name without the content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # The block may have failed on another file, whose name must not be hidden behind this one.
        if error.filename in (None, os.fspath(temporary)):
            raise _refusal(path, error) from None
        raise
    finally:
        # Gone already if it has its final name.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _refusal(path: str | Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(f"An output file must be writable. Received: {path} ({reason})")


def check_new_file(path: str | Path) -> None:
    """Raise `InputError` unless `atomic_write` could write `path` now: before long work. Leaves nothing behind."""
    path = Path(path)
    if os.path.isdir(path):
        raise _refusal(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if os.path.exists(path) and not os.path.isfile(path):
        return  # a device or a pipe
    made = []
    try:
        path = Path(os.path.realpath(path))
        made = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def check_new_folder(path: str | Path) -> None:
    """Raise `InputError` unless `path` is free for `atomic_folder`: before long work."""
    path = Path(path)
    if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"A folder to write must be new or empty. Received: {path}")


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A folder that appears under `path` only when the block ends without an error.

    Args:
        path: str or path. New or empty; folders above it are made.

    Yields:
        `Path` of the folder to write into, with a temporary name beside `path`.

    Raises:
        InputError: `path` has content or cannot be written.
    """
    path = Path(path)
    check_new_folder(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        # Takes the place of an empty folder, and fails on one that has got content meanwhile.
        os.replace(temporary, path)
    except OSError as error:
        if str(error.filename or temporary).startswith(os.fspath(temporary)):
            raise _refusal(path, error) from None
        raise
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


def find_pretrained(name: str) -> str:
    """Address or path of an encoder or a file of word vectors.

    Args:
        name: str. An address, a path, or a name in the folder `$CMAN_TF_ENCODERS` (default: `encoders` in the current
            folder, then in the user's cache folder).

    Returns:
        str; `name` itself if nothing is found, for its reader to refuse.
    """
    if "://" in name:
        return name
    given = os.environ.get(ENCODERS_VARIABLE)
    places: list[str | Path] = [given] if given else ["encoders", platformdirs.user_cache_path("cman-tf") / "encoders"]
    for path in (Path(name), *(Path(place, name) for place in places)):
        if path.expanduser().exists():
            return str(path.expanduser())
    return name
