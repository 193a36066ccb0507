"""`python -m benchmarks.contextual_epoch`: time that stored contextual vectors add to an epoch.

Each variant trains in a process of its own. The processes take turns, epoch by epoch; the best epoch of each counts.
"""

from __future__ import annotations

import contextlib
import tempfile

from benchmarks import frame
from benchmarks.environment import environment
from benchmarks.worker import Worker

# (layers, width) of the stored vectors, as in MPNet and Flair, and the size of their projection. 0 is the paper's form,
# without projection; it has no bar.
VARIANTS = {
    "no vectors": (None, 0),
    "13 layers, 768 wide": ((13, 768), 256),
    "2048 wide": ((1, 2048), 256),
    "2048 wide, not projected": ((1, 2048), 0),
}

# Largest ratio to an epoch without vectors.
RATIO = 1.3


def measure(rounds, data_dir, say):
    """Seconds of each variant's epochs: dict of name to list of float."""
    seconds, workers = {name: [] for name in VARIANTS}, {}
    with contextlib.ExitStack() as stack:
        for name, (shape, projection) in VARIANTS.items():
            say(f"{name}: preparing")
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
    """Ratio of each variant's best epoch to that of the first, without vectors: dict of name to float."""
    without = min(next(iter(seconds.values())))
    return {name: min(times) / without for name, times in seconds.items()}


def bars(found):
    """The bars of the projected variants, from what `ratios` returns, see `frame.bar`."""
    projected = [name for name, (_, projection) in VARIANTS.items() if projection]
    return [frame.bar(name, "epoch, times that without vectors", found[name], "at most", RATIO) for name in projected]


def command(argv):
    parser = frame.parser(
        "contextual_epoch",
        "Measure epochs on CoNLL04 at the paper's size, with and without stored contextual vectors.",
        "",
        rounds="epochs of each variant; the best counts",
    )
    args = frame.parse(parser, argv)

    from rich.console import Console

    from benchmarks.corpus import conll04

    conll04("train", args.data_dir)  # an error in the data shows here rather than in a worker
    about, result = environment(), {"rounds": args.rounds}
    with Console(stderr=True).status("starting") as status:
        seconds = measure(args.rounds, args.data_dir, status.update)
    result |= {"seconds": seconds, "times_without": ratios(seconds)}
    result["bars"] = bars(result["times_without"])
    rows = [(name, f"{min(seconds[name]):.1f}", f"{ratio:.2f}") for name, ratio in result["times_without"].items()]
    title = "An epoch of CoNLL04 at the paper's size, with adversarial training"
    headings = "stored vectors", "seconds, best epoch", "times that without"
    frame.report(
        args, about, result, frame.table(title, headings, rows), f"The best of {args.rounds} epochs, in turns."
    )


if __name__ == "__main__":
    frame.run("contextual_epoch", command)
