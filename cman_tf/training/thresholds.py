"""Fits the thresholds of a run and the calibration of its scores, or removes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data.corpora import repeated_in
from cman_tf.data.formats.reading import located
from cman_tf.errors import InputError
from cman_tf.evaluation.calibrating import fit_calibration
from cman_tf.training import shipped
from cman_tf.training.corpus import load_corpus
from cman_tf.training.results import sentences_trained_on
from cman_tf.training.run import Run

if TYPE_CHECKING:
    from cman_tf.model.calibration import Calibration


def fit_thresholds(
    path: str | Path,
    split: str = "dev",
    changes: Mapping[str, Any] | None = None,
    allow_encoders: Sequence[str] = (),
) -> Calibration:
    """Fit thresholds and scales of a run on a split, and store them in its `calibration.json`.

    Args:
        path: str or path. The run folder.
        split: str. `"dev"`, or `"train"` of another corpus.
        changes: dict of dotted config fields, for another corpus or other decoding.
        allow_encoders: sequence of str, see `Run`.

    Returns:
        `Calibration`, see `cman_tf.evaluation.calibrating.fit_calibration`.

    Raises:
        InputError: if the run or the split cannot be read, the split is test, the run was trained on its sentences, or
            the run is a shipped model.
    """
    if split == "test":
        raise InputError("Thresholds must not be fitted on the split that measures them. Received: test; use dev")
    changes = dict(changes or {})
    run = _own(path, allow_encoders)
    config = run.config(changes)
    corpus = load_corpus(config, splits=(split,))
    documents = corpus.splits[split]
    with located(f"{config.corpus.name}, {split}"):
        for document in documents:
            run.schema().check(document)
    trained_on = sentences_trained_on(run, corpus, changes, "Whether the run was trained on the split is not known")
    known = len(repeated_in(trained_on, documents))
    if 2 * known > len(documents):
        raise InputError(
            "Thresholds must be fitted on sentences that the run was not trained on. "
            f"Received: {split} of {config.corpus.name}, {known} of {len(documents)} sentences are in its training data"
        )
    decoding = {name: value for name, value in changes.items() if name.startswith("decoding.")}
    about = {"corpus": Path(config.corpus.name).name, "split": split, "sentences": len(documents)}
    found = fit_calibration(run.predictor(decoding), documents, about)
    found.save(run.calibration)
    return found


def remove_thresholds(path: str | Path) -> None:
    """Remove what `fit_thresholds` stored: the scores and relations are then as before.

    Raises:
        InputError: if the run cannot be read or is a shipped model.
    """
    _own(path).calibration.unlink(missing_ok=True)


def _own(path: str | Path, allow_encoders: Sequence[str] = ()) -> Run:
    run = Run.open(path, allow_encoders=allow_encoders)
    if run.path in map(shipped.folder, shipped.names()):
        raise InputError(
            f"The thresholds of a shipped model cannot be changed; copy the folder {run.path} and use the copy. "
            f"Received: {path}"
        )
    return run
