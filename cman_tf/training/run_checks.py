"""Checks that a folder is a run that this version can read. Run folders may come from strangers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf import config as configs
from cman_tf.errors import InputError, nearest
from cman_tf.training import shipped
from cman_tf.version import __version__

if TYPE_CHECKING:
    from cman_tf.training.run import Run

# Increased when folders of earlier versions can no longer be read.
FORMAT = 2

_ALWAYS = ("environment.json", "config.yaml", "labels.json")
_VOCABULARY = ("vocabulary/vocabulary.json", "vocabulary/words.txt", "vocabulary/characters.txt")
_SOMETIMES = ("encoders.json", "history.csv", "metrics.json", "calibration.json")


def check(run: Run, path: str | Path, trained: bool) -> None:
    """Raise `InputError` if a run cannot be read; print on standard error if it is unfinished.

    Args:
        run: `Run`.
        path: str or path. Its name in messages.
        trained: bool. Whether it must have weights.

    Raises:
        InputError: if the folder is missing, incomplete or from an incompatible version, or one of its files is a link
            to a place outside of it. For an ensemble, also if one of its members is not such a run of one network.
    """
    if not run.path.is_dir():
        raise InputError(
            f"A run must be a folder written by `cman fit`, or a shipped model: {', '.join(shipped.names())}. "
            f"Received: {path}, which is not a folder{nearest(path, shipped.names())}"
        )
    needed = [*_ALWAYS, *_VOCABULARY]
    of_one_network = not (run.path / "environment.json").is_file() or not run.members()
    needed += ["weights.h5"] if trained and of_one_network else []
    missing = [name for name in needed if not (run.path / name).is_file()]
    if missing:
        raise InputError(f"{path} is not a complete run folder: it lacks {', '.join(missing)}")
    _check_links(run, [*needed, *_SOMETIMES])
    found = run.environment().get("format")
    if found != FORMAT:
        raise InputError(
            f"cman_tf {__version__} reads run folders of format {FORMAT}. Received: {path} of format {found}; use "
            "the version of cman_tf that wrote it, or train again"
        )
    config = run.config()
    # A user's file may leave out fields; if a run's file does, it was cut off.
    missing = sorted(configs.to_dict(config).keys() - run.values().keys() - set(configs.ADDED))
    if missing:
        raise InputError(f"{run.path / 'config.yaml'} lacks the fields {', '.join(missing)}")
    if config.encoder.modules and not (run.path / "encoders.json").is_file():
        raise InputError(f"{path} is not a complete run folder: it lacks encoders.json, which its config.yaml requires")
    if trained and run.checkpoints.is_dir():
        print(
            f"The training of {path} is unfinished; its best epoch so far is used. Resume it with: "
            f"cman fit --resume --run-dir {shlex.quote(str(path))}",
            file=sys.stderr,
        )
    for member in run.members():
        _check_links(run, [f"members/{member.path.name}"])
        if (member.path / "members").exists():
            raise InputError(f"A member of an ensemble must be a run of one network. Received: {member.path}")
        check(member, member.path, trained)


def _check_links(run: Run, names: Sequence[str]) -> None:
    folder = run.path.resolve()
    for name in names:
        target = (run.path / name).resolve()
        if folder not in target.parents:
            raise InputError(
                f"The files of a run must be in its folder. Received: {run.path / name}, a link to {target}; copy the "
                "run with `cp -rL` if you trust it"
            )
