"""The folder of a search: its settings, which a resumed search must have too, and whether it is still there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from cman_tf.errors import InputError, WriteError
from cman_tf.files import atomic_write

# The first file of a search.
SETTINGS = "settings.json"


def check(folder: Path, settings: dict[str, Any], resume: bool, overwrite: bool) -> None:
    """Check that a search can begin or be resumed in a folder; writes nothing.

    Args:
        folder: path.
        settings: dict that must not change when a search is resumed.
        resume: bool. Whether to resume the search in the folder.
        overwrite: bool. Whether to delete the search in the folder.

    Raises:
        InputError: if the folder does not fit, or the settings differ from those of the search to resume.
    """
    file = folder / SETTINGS
    if file.is_file():
        if overwrite:
            return
        if not resume:
            raise InputError(f"{folder} contains a search already. Pass --resume to continue it or --overwrite.")
        kept = json.loads(file.read_text(encoding="utf-8"))
        changes = _changes(kept, settings)
        if changes:
            raise InputError(f"A search must be resumed with its own settings. Received: {changes} for {folder}")
        return
    if resume:
        raise InputError(f"There is no search in {folder} to resume.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"A new search requires a new or empty folder. Received: {folder}")


def begin(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Write the settings of a new search; with `overwrite`, delete the one in the folder."""
    file = folder / SETTINGS
    if overwrite and file.is_file():
        for name in ("trials", "finalists", "workers"):
            shutil.rmtree(folder / name, ignore_errors=True)
        file.unlink()
    if not file.is_file():
        with atomic_write(file) as output:
            json.dump(settings, output, indent=2)


def check_there(folder: str | Path) -> None:
    """Raise `WriteError` if the folder was removed or renamed: writing would create half a search in its place."""
    if not (Path(folder) / SETTINGS).is_file():
        raise WriteError(
            f"The search folder {folder} was removed or renamed during the search. Resume it with --resume "
            "--directory NEW_NAME, or start a new search."
        )


def _changes(kept: Any, given: Any, name: str = "") -> str:
    """Settings that differ, each with its name and both values, e.g. `"objective val_re_f1 instead of val_f1"`."""
    if isinstance(kept, dict) and isinstance(given, dict):
        found = [_changes(kept.get(key), given.get(key), f"{name}.{key}" if name else key) for key in {**kept, **given}]
        return ", ".join(filter(None, found))
    return "" if kept == given else f"{name} {given} instead of {kept}"
