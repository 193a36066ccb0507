"""Names of what is still being written, and the removal of what killed processes left."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import time
from pathlib import Path

# What a process of another machine, or of an earlier version, has not changed for so long is abandoned.
_SECONDS = 24 * 3600.0

# `.NAME.HOST-PID-RANDOM.tmp` and `.export-HOST-PID-RANDOM`; earlier versions wrote the random part alone.
_NAME = re.compile(r"\.(?:.+\.|export-)((?:([0-9a-f]{8})-(\d{1,10})-)?[0-9a-f]{8})(?:\.tmp)?")
_ENDS = ".tmp", ".export-"

# What this process gave out: never abandoned while it lives, whatever the clock says.
_OWN: set[str] = set()


def owner() -> str:
    """Part of a temporary name that says which process writes it, and is different each time."""
    name = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    _OWN.add(name)
    return name


def remove_leftovers(folder: str | Path) -> list[str]:
    """Remove temporary files and folders of processes that have ended.

    Those of living processes stay, and those of other machines that were changed within a day.

    Args:
        folder: str or path. Its own content is looked at, not that of its folders.

    Returns:
        list of str, the names that were removed.
    """
    try:
        found = sorted(Path(folder).iterdir())
    except OSError:
        return []
    gone = [path for path in found if _is_abandoned(path)]
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [path.name for path in gone]


def _is_abandoned(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    if not match or not (path.name.endswith(_ENDS[0]) or path.name.startswith(_ENDS[1])):
        return False
    if match[1] in _OWN:
        return False
    host, process = match[2], int(match[3] or 0)
    # The number of this process may be that of an earlier one in another container.
    if host == _host() and process != os.getpid() and sys.platform != "win32":
        return not _is_alive(process)
    return _changed(path) < time.time() - _SECONDS


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _changed(path: Path) -> float:
    """Time of the latest change of a file, or in a folder; now for what has just disappeared."""
    try:
        return max(item.lstat().st_mtime for item in (path, *path.rglob("*")))
    except OSError:
        return time.time()
