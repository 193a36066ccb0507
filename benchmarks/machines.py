"""`python -m benchmarks.machines`: prediction with Beam and training with `tf.distribute`, on one and two workers.

A worker has one processor. Prediction runs `cman batch` on two numbers of sentences, so that the time of its start is
known beside its speed. What many machines need is computed from these figures, see `on_many`.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import batch_throughput, frame
from benchmarks.environment import environment

WORKERS = (1, 2)
EPOCHS = 3
SENTENCES, MACHINES = 100_000_000, 100


def prediction(model, texts, counts, workers, folder):
    """Figures of `cman batch`: dict of `seconds` by number of sentences, `start_seconds`, `sentences_per_second`.

    Args:
        model: path. A SavedModel.
        texts: list of str.
        counts: two ints, numbers of sentences.
        workers: int. Processes, each with a processor.
        folder: path. An empty folder.
    """
    seconds = {}
    for count in counts:
        (folder / str(count)).mkdir(parents=True)
        batch_throughput.write_sentences(folder / str(count), texts, count)
        options = [f"direct_num_workers={workers}", "direct_running_mode=multi_processing"]
        command = ["-m", "cman_tf.commands.main", "batch", "--model", str(model)]
        command += ["--input", f"{folder / str(count)}/*.jsonl", "--output", f"{folder / str(count)}/found"]
        command += [part for option in options for part in ("--beam-option", option)]
        start = time.perf_counter()
        _wait([_start(command, range(workers))])
        seconds[str(count)] = time.perf_counter() - start
        answered = batch_throughput.times_answered(folder / str(count), count)
        if answered["once"] != count:
            raise RuntimeError(f"Each of {count} sentences must be answered once. Received: {answered}")
    few, many = counts
    speed = (many - few) / (seconds[str(many)] - seconds[str(few)])
    return {
        "seconds": seconds,
        "sentences_per_second": speed,
        "start_seconds": max(seconds[str(few)] - few / speed, 0.0),
    }


def training(workers, folder):
    """Sentences a second in the best epoch after the first, with the sample corpus and `--strategy multi_worker`."""
    ports = [f"localhost:{port}" for port in _free_ports(workers)]
    fit = ["-m", "cman_tf.fit", "--config", "sample", "--training.epochs", str(EPOCHS), "--strategy", "multi_worker"]
    processes = []
    for index in range(workers):
        cluster = {"cluster": {"worker": ports}, "task": {"type": "worker", "index": index}}
        processes.append(_start([*fit, "--run-dir", str(folder / "run")], [index], {"TF_CONFIG": json.dumps(cluster)}))
    _wait(processes)
    with open(folder / "run" / "history.csv", encoding="utf-8", newline="") as file:
        return max(float(row["sentences_per_second"]) for row in list(csv.DictReader(file))[1:])


def _start(arguments, processors, more=()):
    """Start Python on these processors: the process, and the file of its errors."""
    # A file never fills up, as a pipe does that nobody reads.
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **dict(more)},
        stdout=subprocess.DEVNULL,
        stderr=errors,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    return process, errors


def _wait(processes):
    for process, errors in processes:
        if process.wait():
            errors.seek(0)
            raise RuntimeError(f"{process.args[1:5]} ended with {process.returncode}: {errors.read()[-1000:]}")


def _free_ports(count):
    import socket

    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("localhost", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def on_many(found, sentences=SENTENCES, machines=MACHINES):
    """What many machines need, each like this one with two workers: dict of `hours` and `machine_hours`.

    The sentences are like the measured ones and evenly divided; reading, writing and the network between machines cost
    as much as here, on a local disk; each machine starts once; none fails or is slower than the others.

    Args:
        found: dict, see `prediction`, of two workers.
        sentences: int.
        machines: int.
    """
    seconds = found["start_seconds"] + sentences / machines / found["sentences_per_second"]
    return {
        "sentences": sentences,
        "machines": machines,
        "hours": seconds / 3600,
        "machine_hours": machines * seconds / 3600,
    }


def command(argv):
    parser = frame.parser(
        "machines",
        "Measure prediction with Beam and training with tf.distribute on one and two workers, a processor each.",
        "",
        rounds=None,
    )
    parser.add_argument("--run", metavar="RUN", default="news", help="a trained run (default: news)")
    parser.add_argument("--sentences", metavar="N", type=int, default=8000, help="for predictions (default: 8000)")
    args = frame.parse(parser, argv)

    from rich.console import Console

    from benchmarks.corpus import sentences
    from cman_tf.training.run import Run
    from export.savedmodel import export

    texts = sentences(args.data_dir)
    about = environment()
    counts = (max(args.sentences // 8, 1), args.sentences)
    result = {"run": args.run, "sentences": counts, "prediction": {}, "training": {}}
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("exporting") as status:
        model = export(Run.open(args.run), Path(folder, "model"))[0]
        for workers in WORKERS:
            status.update(f"prediction, workers: {workers}")
            place = Path(folder, str(workers))
            result["prediction"][str(workers)] = prediction(model, texts, counts, workers, place)
            status.update(f"training, workers: {workers}")
            result["training"][str(workers)] = {"sentences_per_second": training(workers, place)}
    result["estimate"] = on_many(result["prediction"][str(WORKERS[-1])])
    rows = [
        (what, *(f"{result[kind][str(workers)][key]:.1f}" for workers in WORKERS))
        for what, kind, key in (
            ("prediction, sentences/s", "prediction", "sentences_per_second"),
            ("prediction, start in seconds", "prediction", "start_seconds"),
            ("training, sentences/s", "training", "sentences_per_second"),
        )
    ]
    headings = ("", *(f"workers: {workers}" for workers in WORKERS))
    estimate = result["estimate"]
    note = (
        f"{estimate['sentences']:,} sentences on {estimate['machines']} machines like this one: "
        f"{estimate['hours']:.1f} hours, by these figures."
    )
    frame.report(args, about, result, frame.table("Workers", headings, rows), note)


if __name__ == "__main__":
    frame.run("machines", command)
