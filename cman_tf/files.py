"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cman_tf.errors import InputError


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Open a file that appears under `path` only when the block ends without an error."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
        try:
            with os.fdopen(handle, mode, **text) as file:
                yield file
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"An output file must be writable. Received: {path} ({error.strerror})") from None
