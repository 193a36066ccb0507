"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cman_tf.errors import InputError


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Open a file that appears under `path` only when the block ends without an error.

    Until then it has a temporary name in the same folder; a process that is killed leaves at most that behind, and a
    file that was there before stays as it was.

    Args:
        path: str or path. Folders that are not there are made.
        mode: str. `"w"` for UTF-8 text with `\\n` as line end, `"wb"` for bytes. Default: `"w"`.

    Yields:
        The open file.

    Raises:
        InputError: the file cannot be written: no permission, a folder of that name, disk full, and so on.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp") if path.name else path
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Not tempfile: its files can be read by their owner alone, and would stay so under their final name.
            with open(temporary, mode.replace("w", "x"), **text) as file:
                yield file
                file.flush()
                # Else a machine that loses power may keep the new name without the content.
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"An output file must be writable. Received: {path} ({error.strerror or error})") from None
