"""Origin of a run: its data, code and machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.layers import crf_functions
from cman_tf.version import __version__

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def fingerprint(*splits: Iterable[Document]) -> str:
    """SHA-256 of documents' tokens, entities and relations; a resumed run must find the same."""
    digest = hashlib.sha256()
    for documents in splits:
        for document in documents:
            items = [[e.start, e.end, e.type] for e in document.entities]
            links = [[r.head, r.tail, r.type] for r in document.relations]
            digest.update(json.dumps([document.tokens, items, links]).encode())
    return digest.hexdigest()


def environment() -> dict[str, Any]:
    """Versions of what training depends on, the machine, and the commit: a dict, part of `environment.json`."""
    packages = ("tensorflow", "keras", "tf-keras", "tensorflow-addons", "numpy")
    return {
        "cman_tf": __version__,
        "python": platform.python_version(),
        **{package: found for package in packages if (found := _version(package))},
        "crf": crf_functions.SOURCE,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Git commit of the checkout, or None if the package is installed."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
