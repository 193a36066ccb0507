"""The run folder of an ensemble: those of its members, and what they have in common."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cman_tf.errors import InputError
from cman_tf.files import atomic_folder, atomic_write
from cman_tf.training.origin import environment
from cman_tf.training.run import Run

_FILES = (
    "config.yaml",
    "labels.json",
    "environment.json",
    "encoders.json",
    "history.csv",
    "metrics.json",
    "weights.h5",
)


def combine(paths: Sequence[str | Path], out: str | Path, allow_encoders: Sequence[str] = ()) -> Run:
    """Write a run folder that answers with the mean of several runs, see `cman_tf.model.ensemble`.

    The runs may differ in seed, network and training. They must have the same training data, labels, vocabulary and
    encoders. The ensemble decodes as the first run does.

    Args:
        paths: sequence of str or path. Two or more run folders, of one network each.
        out: str or path. A new or empty folder. The members are copied into it.
        allow_encoders: sequence of str, see `Run`.

    Returns:
        `Run`.

    Raises:
        InputError: if the runs do not fit together, or the folder cannot be written.
    """
    if len(paths) < 2:
        raise InputError(f"An ensemble must have at least two runs. Received: {len(paths)}")
    runs = [Run.open(path, allow_encoders=allow_encoders) for path in paths]
    path, times = Counter(run.path.resolve() for run in runs).most_common(1)[0]
    if times > 1:
        raise InputError(f"The runs of an ensemble must differ. Received: {path} twice")
    first = _in_common(runs[0])
    for run in runs[1:]:
        for name, value in _in_common(run).items():
            if value != first[name]:
                raise InputError(
                    f"The runs of an ensemble must have the same {name}. Received: {runs[0].path} and {run.path}, "
                    "which differ"
                )
    Run.check_new(out)
    with atomic_folder(out) as folder:
        _copy(runs[0], folder, ("config.yaml", "labels.json", "encoders.json"))
        for number, run in enumerate(runs, 1):
            _copy(run, folder / "members" / str(number), _FILES)
        with atomic_write(folder / "environment.json") as file:
            json.dump({**runs[0].environment(), **environment(), "members": len(runs)}, file, indent=2)
    return Run.open(out, allow_encoders=allow_encoders)


def _in_common(run: Run) -> dict[str, Any]:
    """What the runs of an ensemble share, by the name that a message gives it."""
    config = run.config()
    run.refuse_ensemble("An ensemble")
    if config.encoder.trainable:
        raise InputError(
            f"The encoders of an ensemble must be frozen, because its members share them. Received: {run.path}, which "
            "trained its encoders"
        )
    vocabulary = run.vocabulary()
    return {
        "training data (`corpus_sha256`)": run.environment().get("corpus_sha256"),
        "labels": run.schema(),
        "vocabulary": (vocabulary.words, vocabulary.num_trained, vocabulary.characters, vocabulary.lowercase),
        "encoders": [item["fingerprint"] for item in run.about_encoders()],
        "`words.tokenizer`": config.words.tokenizer,
        "`characters.max_length`": config.characters.max_length,
        "`decoding.bio_constrained`": config.decoding.bio_constrained,
    }


def _copy(run: Run, folder: Path, names: Sequence[str]) -> None:
    shutil.copytree(run.path / "vocabulary", folder / "vocabulary")
    for name in names:
        if (run.path / name).is_file():
            shutil.copyfile(run.path / name, folder / name)
