"""`python -m benchmarks.training_step`: the project's training step beside that of the plain build, in one run.

Each build is trained in a fresh process of its own, so that its peak memory and first step are its own. The processes
of the two builds and of the matrix product then take turns, round by round; of each, the best round counts, for what
else a machine does can only slow a round down. All see the same batches in the same order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.files import atomic_write

BUILDS = ("project", "plain")
MODES = {"without_adversarial": False, "with_adversarial": True}

# Issue 2, "Speed".
SPEED_RATIO, SHARE, FIRST_STEP, MEMORY = 2.5, 0.5, 15.0, 2.5

MATRIX_SIZE = 2048


class Worker:
    """A process of `benchmarks.worker`, stopped at the end of the block; `ready` is its first answer."""

    def __init__(self, **settings):
        self.settings = settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")},
        )

    def __enter__(self):
        self.ready = self._answer()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def measure(self):
        """One round."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker {self.settings} ended with exit code {self.process.wait()}")
        return json.loads(line)


def measure_mode(mode, steps, rounds, data_dir, matrix, say):
    """Both builds in one mode, taking turns.

    Returns:
        `(measured, rates)`: for each build its worker's `(ready, rounds)`, and the matrix product's operations a
        second in each round.
    """
    common = {"kind": "training", "adversarial": MODES[mode], "steps": steps, "data_dir": data_dir}
    name = mode.replace("_", " ")
    say(f"{name}: first step of the project")
    with Worker(build="project", **common) as project:
        say(f"{name}: first step of the plain build (takes minutes)")
        with Worker(build="plain", **common) as plain:
            answers, rates = {build: [] for build in BUILDS}, []
            for number in range(1, rounds + 1):
                say(f"{name}: round {number} of {rounds}")
                rates.append(matrix.measure()["flops_per_second"])
                answers["project"].append(project.measure())
                answers["plain"].append(plain.measure())
    return {"project": (project.ready, answers["project"]), "plain": (plain.ready, answers["plain"])}, rates


def summarise(measured, rate):
    """One build's figures in one mode.

    Args:
        measured: `(ready, rounds)`, the answers of its worker.
        rate: float. The matrix product's operations a second.
    """
    ready, rounds = measured
    best = min(answer["seconds"] for answer in rounds)
    return {
        "first_step_seconds": ready["first_step"],
        "sentences_per_second": ready["sentences"] / best,
        "sentences_per_second_of_rounds": [ready["sentences"] / answer["seconds"] for answer in rounds],
        # Of all processors together; other work on the machine hardly changes it.
        "processor_ms_per_sentence": 1000 * min(a["processor_seconds"] for a in rounds) / ready["sentences"],
        "gflops_needed_per_sentence": ready["flops"] / ready["sentences"] / 1e9,
        "share_of_matrix_product_rate": ready["flops"] / best / rate,
        "peak_memory_gb": max(answer["peak_bytes"] for answer in rounds) / 1e9,
    }


def bars(modes):
    """What is to be reached: list of dicts of `mode`, `name`, `value`, `at` (least or most), `bar`, `reached`.

    Args:
        modes: dict of mode to dict of build to what `summarise` returns.
    """
    result = []
    for mode, builds in modes.items():
        project, plain = builds["project"], builds["plain"]
        ratio = project["sentences_per_second"] / plain["sentences_per_second"]
        for name, value, at, bar in (
            ("speed, times that of the plain build", ratio, "at least", SPEED_RATIO),
            ("share of the matrix-product rate", project["share_of_matrix_product_rate"], "at least", SHARE),
            ("seconds to the first step", project["first_step_seconds"], "at most", FIRST_STEP),
            ("peak memory, GB", project["peak_memory_gb"], "at most", MEMORY),
        ):
            reached = value >= bar if at == "at least" else value <= bar
            result.append({"mode": mode, "name": name, "value": value, "at": at, "bar": bar, "reached": reached})
    return result


def command(argv):
    parser = cli.parser(
        "benchmarks.training_step",
        "Measure the training step at the paper's size beside a plain Keras build of the same network.",
        "python -m benchmarks.training_step --json benchmarks/results/training_step.json",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--steps", type=int, default=16, help="batches in a round (default: 16)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each build, the best counts (default: 3)")
    args = cli.parse(parser, argv)
    cli.check_count("--steps", args.steps)
    cli.check_count("--rounds", args.rounds)

    from rich.console import Console

    from benchmarks.corpus import conll04
    from benchmarks.tables import print_training_step

    conll04("train", args.data_dir)  # complains about the data here rather than in a worker
    result = {"environment": environment(), "steps_in_a_round": args.steps, "rounds": args.rounds}
    measured, rates = {}, []
    with Console(stderr=True).status("starting") as status, Worker(kind="matrix_product", size=MATRIX_SIZE) as matrix:
        for mode in MODES:
            measured[mode], found = measure_mode(mode, args.steps, args.rounds, args.data_dir, matrix, status.update)
            rates += found
    result["matrix_product_gflops_per_second"] = max(rates) / 1e9
    result["modes"] = {
        mode: {build: summarise(measured[mode][build], max(rates)) for build in BUILDS} for mode in MODES
    }
    result["bars"] = bars(result["modes"])
    print_training_step(result)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.training_step", command))
