"""The pinned files of public corpora: from a folder with copies, or downloaded once into the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pooch
import requests

from cman_tf.data.formats.reading import reason
from cman_tf.data.pinned import PINNED
from cman_tf.errors import InputError

DATA_VARIABLE = "CMAN_TF_DATA"
MIRROR_VARIABLE = "CMAN_TF_MIRROR"

_BASE = "https://raw.githubusercontent.com"
_OTHERWISE = f"with copies on disk, name their folder by --data-dir or {DATA_VARIABLE}"


def fetch(name: str, data_dir: str | Path | None = None) -> Path:
    """The path of a pinned file whose content is what it must be.

    Args:
        name: str, a key of `PINNED`, e.g. `"conll04/spert/conll04_train.json"`.
        data_dir: str, path or None. Folder that holds `name`. Default: the environment variable `CMAN_TF_DATA`, and
            without it a download into the user's cache folder. `CMAN_TF_MIRROR` may hold an address to use instead
            of `https://raw.githubusercontent.com`.

    Returns:
        path.

    Raises:
        InputError: the file is not in `data_dir`, cannot be downloaded or kept, or its SHA-256 is not the pinned one.
    """
    data_dir = data_dir or os.environ.get(DATA_VARIABLE)
    return _copy(name, Path(os.path.expanduser(data_dir))) if data_dir else _download(name)


def _copy(name: str, data_dir: Path) -> Path:
    path = data_dir / name
    try:
        received = pooch.file_hash(str(path))
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character in it.
        raise InputError(
            f"The data folder must hold {name}, for {DATA_VARIABLE} or --data-dir names it. Received: {path} "
            f"({reason(error)})"
        ) from None
    expected = PINNED[name][1]
    if received != expected:
        raise InputError(f"A public corpus must have SHA-256 {expected}. Received: {received} for {path}")
    return path


def _download(name: str) -> Path:
    address, expected = PINNED[name]
    url = f"{os.environ.get(MIRROR_VARIABLE) or _BASE}/{address}"
    path = platformdirs.user_cache_path("cman-tf") / name
    # Progress is a bar; pooch's own sentences would say the same again.
    pooch.get_logger().setLevel("WARNING")
    try:
        # Checks what lies in the cache too, and puts a download there only when it is whole.
        pooch.retrieve(url, f"sha256:{expected}", path.name, path.parent, progressbar=True)
    except requests.RequestException as error:
        raise InputError(
            f"A public corpus must be downloaded once; {_OTHERWISE}. Received: {_cause(error)} from {url}"
        ) from None
    except OSError as error:
        raise InputError(f"The cache must be writable; {_OTHERWISE}. Received: {path} ({reason(error)})") from None
    except ValueError as error:
        raise InputError(
            f"A public corpus must have SHA-256 {expected}; {_OTHERWISE}. Received: {url} ({error})"
        ) from None
    return path


def _cause(error: BaseException) -> str:
    response = getattr(error, "response", None)
    return f"HTTP status {response.status_code}" if response is not None else type(error).__name__
