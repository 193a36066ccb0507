"""Experiments that are ensembles of the runs of another experiment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cman_tf.training.corpus import load_corpus, training_data
from cman_tf.training.ensembles import combine
from cman_tf.training.jobs import copy_summary
from cman_tf.training.results import score_run
from cman_tf.training.run import Run
from reproduction.plan import Experiment

NAME = "ensemble"
"""Folder of the one run of such an experiment."""


def combined(experiment: Experiment, members: Experiment, folder: Path, results: Path) -> str:
    """Combine the runs of `members`, again if it was done before, score the ensemble, and copy its small files.

    Args:
        experiment: `Experiment` with `members`.
        members: `Experiment` of that name, without folds.
        folder: path. Parent of the run folders.
        results: path. The small files are copied to `RESULTS/EXPERIMENT/ensemble/`.

    Returns:
        str: `"done"`, or the members that are not trained.
    """
    paths = [folder / members.name / f"seed{seed}" for seed in members.seeds]
    missing = [path.name for path in paths if not (path / "metrics.json").is_file()]
    if missing:
        return f"requires {members.name}: {', '.join(missing)}"
    out = folder / experiment.name / NAME
    # Quickly made, so it is never older than its members.
    shutil.rmtree(out, ignore_errors=True)
    # The runs are the user's own.
    run = combine(paths, out, Run.open(paths[0]).config().encoder.modules)
    config = run.config()
    corpus = load_corpus(config, splits=("train",))
    score_run(run, corpus, *training_data(config, corpus), run.predictor())
    copy_summary(out, results / experiment.name / NAME)
    scores = json.loads(run.metrics.read_text(encoding="utf-8"))["strict"]["micro"]
    print(f"{experiment.name}: " + ", ".join(f"{item} {100 * score['f1']:.2f}" for item, score in scores.items()))
    return "done"
