"""Finds the pinned files of public corpora: in a folder with copies, or downloaded once into the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pooch
import requests

from cman_tf.data.pinned import PINNED
from cman_tf.errors import InputError, failed

DATA_VARIABLE = "CMAN_TF_DATA"
MIRROR_VARIABLE = "CMAN_TF_MIRROR"

_BASE = "https://raw.githubusercontent.com"
_OTHERWISE = f"If you have copies, give their folder by --data-dir or {DATA_VARIABLE}."


def fetch(name: str, data_dir: str | Path | None = None) -> Path:
    """The path of a pinned file, after its content is checked.

    Args:
        name: str, a key of `PINNED`, e.g. `"conll04/spert/conll04_train.json"`.
        data_dir: str, path or None. Folder that contains `name`. Default: `$CMAN_TF_DATA`, or a download into the
            user's cache folder. `$CMAN_TF_MIRROR` replaces the address `https://raw.githubusercontent.com`.

    Returns:
        path.

    Raises:
        InputError: if the file is not in `data_dir`, cannot be downloaded or stored, or has another SHA-256.
    """
    data_dir = data_dir or os.environ.get(DATA_VARIABLE)
    return _copy(name, Path(os.path.expanduser(data_dir))) if data_dir else _download(name)


def _copy(name: str, data_dir: Path) -> Path:
    path = data_dir / name
    try:
        received = pooch.file_hash(str(path))
    except (OSError, ValueError) as error:
        # ValueError: the name contains a null character.
        raise InputError(f"{failed('read', path, error)} --data-dir or {DATA_VARIABLE} names its folder.") from None
    expected = PINNED[name][1]
    if received != expected:
        raise InputError(f"A public corpus must have SHA-256 {expected}. Received: {received} for {path}")
    return path


def _download(name: str) -> Path:
    address, expected = PINNED[name]
    url = f"{os.environ.get(MIRROR_VARIABLE) or _BASE}/{address}"
    path = platformdirs.user_cache_path("cman-tf") / name
    # The progress bar is enough; pooch's log lines would repeat it.
    pooch.get_logger().setLevel("WARNING")
    try:
        # Also checks a file in the cache, and stores a download only when it is complete.
        pooch.retrieve(url, f"sha256:{expected}", path.name, path.parent, progressbar=True)
    except requests.RequestException as error:
        raise InputError(f"Cannot download {url}: {_cause(error)}. {_OTHERWISE}") from None
    except OSError as error:
        raise InputError(f"{failed('write', path, error)} {_OTHERWISE}") from None
    except ValueError as error:
        raise InputError(
            f"A public corpus must have SHA-256 {expected}. Received: {url} ({error}). {_OTHERWISE}"
        ) from None
    return path


def _cause(error: BaseException) -> str:
    response = getattr(error, "response", None)
    return f"HTTP status {response.status_code}" if response is not None else type(error).__name__
