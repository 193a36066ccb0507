"""`python -m benchmarks.costs`: what the runs of an experiment cost, in training, prediction and on disk."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.errors import InputError, check_choice
from cman_tf.files import atomic_write
from reproduction.plan import experiments, jobs

FILE = "costs.json"
EPOCHS = 3
TIMES = 3


def command(argv):
    parser = cli.parser(
        "python -m benchmarks.costs",
        "Measure the time and memory of trained experiments, and the size of their SavedModel.",
        "python -m benchmarks.costs conll04/best_frozen conll04/best_ensemble",
        usage="EXPERIMENT ... [options]",
    )
    parser.add_argument("experiments", metavar="EXPERIMENT", nargs="+", help="trained experiments, by name")
    parser.add_argument(
        "--run-dir", metavar="FOLDER", default="runs/reproduce", help="folder of the runs (default: runs/reproduce)"
    )
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        default="results",
        help=f"{FILE} is written to its folder of each experiment (default: results)",
    )
    args = cli.parse(parser, argv)
    known = experiments()
    for name in args.experiments:
        check_choice("An experiment", name, known)
        found = costs(known[name], known, Path(args.run_dir))
        with atomic_write(Path(args.results) / name / FILE) as file:
            json.dump(found, file, indent=1)
        print(f"{name}: {found}")


def costs(experiment, known, folder):
    """Measure the first run of an experiment.

    Args:
        experiment: `Experiment`.
        known: dict of `Experiment`, for the members of an ensemble.
        folder: path. Parent of the run folders.

    Returns:
        dict, ready for JSON: `training` (of all members of an ensemble, one after the other) and `prediction`, each
        with `seconds` for a sentence and `gigabytes`, the peak memory of their process; `megabytes` of the SavedModel;
        `environment`.

    Raises:
        InputError: if the experiment is not trained.
    """
    trained = known[experiment.members] if experiment.members else experiment
    job = jobs([trained])[0]
    path = folder / (f"{experiment.name}/ensemble" if experiment.members else job.name)
    if not (path / "metrics.json").is_file():
        raise InputError(f"{path} is not a trained run. Train it with `python -m reproduction`.")
    training = _alone(_training, job)
    if experiment.members:
        training["seconds"] *= len(trained.seeds)
    return {
        "training": training,
        "prediction": _alone(_prediction, path),
        "megabytes": _alone(_exported, path),
        "environment": environment(),
    }


def _alone(measure, argument):
    # In a process of its own, whose memory nothing else shares.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (argument,))


def _training(job):
    from cman_tf import config as configs
    from cman_tf.training import workflow
    from cman_tf.training.memory import peak_bytes

    config = configs.change(job.config, {"training.epochs": EPOCHS})
    with tempfile.TemporaryDirectory() as folder:
        run, *_ = workflow.train(config, Path(folder) / "run")
        # The first epoch includes the time to trace the graph.
        speeds = [row["sentences_per_second"] for row in run.history()[1:]]
    return {"seconds": 1 / statistics.mean(speeds), "gigabytes": peak_bytes() / 1e9}


def _prediction(path):
    from cman_tf.training.corpus import load_corpus
    from cman_tf.training.memory import peak_bytes
    from cman_tf.training.run import Run

    run = Run.open(path)
    predictor = run.predictor()
    documents = load_corpus(run.config(), splits=("test",)).splits["test"]
    seconds = []
    for _ in range(1 + TIMES):
        start = time.perf_counter()
        predictor.extract(documents)
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:]) / len(documents), "gigabytes": peak_bytes() / 1e9}


def _exported(path):
    from cman_tf.training.run import Run
    from export.savedmodel import export

    with tempfile.TemporaryDirectory() as folder:
        version, _ = export(Run.open(path), Path(folder) / "model", max_entities=64, max_relations=64, max_tokens=512)
        return sum(file.stat().st_size for file in version.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    frame.run("costs", command)
