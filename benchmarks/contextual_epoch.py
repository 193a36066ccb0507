"""`python -m benchmarks.contextual_epoch`: what stored contextual vectors add to an epoch, in one run.

Each variant is trained in a fresh process; the processes take turns, epoch by epoch, and of each the best epoch counts.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.files import atomic_write

# What stands in the store, layers and width, as MPNet and Flair have it, and what it is projected to. A projection of 0
# is the paper's form, which has no bar.
VARIANTS = {
    "no vectors": (None, 0),
    "13 layers, 768 wide": ((13, 768), 256),
    "2048 wide": ((1, 2048), 256),
    "2048 wide, not projected": ((1, 2048), 0),
}

# Issue 3, "Speed".
RATIO = 1.3


def measure(rounds, data_dir, say):
    """Seconds of each variant's epochs: dict of name to list of float."""
    from benchmarks.training_step import Worker

    seconds, workers = {name: [] for name in VARIANTS}, {}
    with contextlib.ExitStack() as stack:
        for name, (shape, projection) in VARIANTS.items():
            say(f"{name}: getting ready")
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            settings = {"contextual": shape, "projection": projection, "store": folder, "data_dir": data_dir}
            worker = Worker(kind="training", build="project", adversarial=True, steps=None, **settings)
            workers[name] = stack.enter_context(worker)
        for number in range(1, rounds + 1):
            for name, worker in workers.items():
                say(f"{name}: epoch {number} of {rounds}")
                seconds[name].append(worker.measure()["seconds"])
    return seconds


def ratios(seconds):
    """Each variant's best epoch in those of the first, the one without vectors: dict of name to float."""
    without = min(next(iter(seconds.values())))
    return {name: min(times) / without for name, times in seconds.items()}


def bars(found):
    """What is to be reached, as `benchmarks.training_step.bars`, from what `ratios` returns."""
    return [
        {
            "mode": name,
            "name": "epoch, times that without vectors",
            "value": found[name],
            "at": "at most",
            "bar": RATIO,
            "reached": found[name] <= RATIO,
        }
        for name, (_, projection) in VARIANTS.items()
        if projection
    ]


def command(argv):
    parser = cli.parser(
        "benchmarks.contextual_epoch",
        "Measure epochs on CoNLL04 at the paper's size, with stored contextual vectors and without.",
        "python -m benchmarks.contextual_epoch --json benchmarks/results/contextual_epoch.json",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each variant, the best counts (default: 3)")
    args = cli.parse(parser, argv)
    cli.check_count("--rounds", args.rounds)

    from rich.console import Console

    from benchmarks.corpus import conll04
    from benchmarks.tables import print_contextual_epoch

    conll04("train", args.data_dir)  # complains about the data here rather than in a worker
    result = {"environment": environment(), "rounds": args.rounds}
    with Console(stderr=True).status("starting") as status:
        result["seconds"] = measure(args.rounds, args.data_dir, status.update)
    result["times_without"] = ratios(result["seconds"])
    result["bars"] = bars(result["times_without"])
    print_contextual_epoch(result)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.contextual_epoch", command))
