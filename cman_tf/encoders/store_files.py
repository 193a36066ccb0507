"""The folder of stored contextual vectors: its place, its content, and whether a file in it is complete."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lmdb
import platformdirs

STORE_VARIABLE = "CMAN_TF_STORE"


def store_folder(folder: str | Path | None = None) -> Path:
    """Folder of all stores: `folder`, else `$CMAN_TF_STORE`, else a folder in the user's cache."""
    folder = folder or os.environ.get(STORE_VARIABLE)
    return Path(folder).expanduser() if folder else platformdirs.user_cache_path("cman-tf") / "vectors"


def stores(folder: str | Path | None = None) -> list[dict[str, Any]]:
    """List the stores in a folder: dicts with `path`, `name`, `fingerprint`, `sentences`, `bytes`."""
    result = []
    for path in sorted(store_folder(folder).glob("*/data.mdb")):
        row = {"path": str(path.parent), "name": None, "fingerprint": None, "sentences": 0}
        row["bytes"] = path.stat().st_blocks * 512
        if is_whole(path.parent):
            options = {"readonly": True, "lock": False}
            with lmdb.open(str(path.parent), **options) as environment, environment.begin() as transaction:
                about = json.loads(transaction.get(b"about", b"{}"))
                row |= {name: about.get(name) for name in ("name", "fingerprint")}
                row["sentences"] = max(environment.stat()["entries"] - 1, 0)
        result.append(row)
    return result


def is_whole(path: Path, about: Mapping[str, Any] | None = None) -> bool:
    """Whether a store's file has all its pages, and is from the encoder described by `about`, if that is given.

    Reading beyond the end of a memory-mapped file would kill the process.
    """
    file = path / "data.mdb"
    if not file.exists():
        return True
    try:
        with lmdb.open(str(path), readonly=True, lock=False, create=False) as environment:
            pages = environment.info()["last_pgno"] + 1
            if file.stat().st_size < pages * environment.stat()["psize"]:
                return False
            if about is None or not environment.stat()["entries"]:
                return True
            with environment.begin() as transaction:
                found = json.loads(transaction.get(b"about", b"{}"))
            # The name is not compared, because an encoder may be renamed.
            decisive = ("fingerprint", "layers", "width")
            return isinstance(found, dict) and all(found.get(name) == about[name] for name in decisive)
    except (lmdb.Error, ValueError):
        return False
