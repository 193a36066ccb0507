"""`python -m benchmarks.training_step`: speed of the training step beside a plain Keras build of the same network.

Each build trains in a process of its own, which gives its own peak memory and first step. The processes of the two
builds and of the matrix product take turns, round by round. The best round of each counts, because other work on the
machine can only slow a round down. All builds see the same batches in the same order.
"""

from __future__ import annotations

from benchmarks import frame
from benchmarks.environment import environment
from benchmarks.worker import Worker
from cman_tf import config as configs

BUILDS = ("project", "plain")
MODES = {"without_adversarial": False, "with_adversarial": True}

# The bars.
SPEED_RATIO, SHARE, FIRST_STEP, MEMORY = 2.5, 0.5, 15.0, 2.5

MATRIX_SIZE = 2048

# Printed figures: key, factor and format of each.
FIGURES = {
    "seconds to the first step": ("first_step_seconds", 1, "{:.1f}"),
    "sentences/s": ("sentences_per_second", 1, "{:.1f}"),
    "processor time, ms/sentence": ("processor_ms_per_sentence", 1, "{:.1f}"),
    "peak memory, GB": ("peak_memory_gb", 1, "{:.2f}"),
    "share of the matrix-product rate, %": ("share_of_matrix_product_rate", 100, "{:.0f}"),
}


def measure_mode(mode, steps, rounds, data_dir, precision, matrix, say):
    """Measure both builds in one mode, in turns.

    Returns:
        `(measured, rates)`: `(ready, rounds)` of each build's worker, and the operations per second of the matrix
        product in each round.
    """
    common = {"kind": "training", "adversarial": MODES[mode], "steps": steps, "data_dir": data_dir}
    name = mode.replace("_", " ")
    say(f"{name}: first step of the project")
    with Worker(build="project", precision=precision, **common) as project:
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
    """Figures of one build in one mode.

    Args:
        measured: `(ready, rounds)`, the answers of its worker.
        rate: float. Operations per second of the matrix product.
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
    """The bars of each mode, see `frame.bar`.

    Args:
        modes: dict of mode to dict of build to what `summarise` returns.
    """
    result = []
    for mode, builds in modes.items():
        project, plain = builds["project"], builds["plain"]
        ratio = project["sentences_per_second"] / plain["sentences_per_second"]
        share = project["share_of_matrix_product_rate"]
        result += [
            frame.bar(mode, "speed, times that of the plain build", ratio, "at least", SPEED_RATIO),
            frame.bar(mode, "share of the matrix-product rate", share, "at least", SHARE),
            frame.bar(mode, "seconds to the first step", project["first_step_seconds"], "at most", FIRST_STEP),
            frame.bar(mode, "peak memory, GB", project["peak_memory_gb"], "at most", MEMORY),
        ]
    return result


def parts(result):
    """Table and notes of a result."""
    rows = []
    for mode, builds in result["modes"].items():
        for name, (key, factor, form) in FIGURES.items():
            project, plain = (factor * builds[build][key] for build in BUILDS)
            rows.append(
                (mode.partition("_")[0], name, form.format(project), form.format(plain), f"{project / plain:.2f}")
            )
    headings = "adversarial training", "figure", "project", "plain Keras", "project / plain"
    return [
        frame.table("Training step at the paper's size, batch 16, CoNLL04", headings, rows),
        "First step: from building the network to the end of the first training step, without imports and reading "
        "data.",
        f"Speed: the best of {result['rounds']} rounds of {result['steps_in_a_round']} batches, in turns.",
        f"Matrix product: {result['matrix_product_gflops_per_second']:.0f} GFLOP/s, the best round of one float32 "
        "tf.matmul. benchmarks/flops.py counts the operations of a step, the same for both builds.",
    ]


def command(argv):
    parser = frame.parser(
        "training_step",
        "Measure the training step at the paper's size beside a plain Keras build of the same network.",
        "",
        rounds="rounds of each build; the best counts",
    )
    parser.add_argument("--steps", metavar="N", type=int, default=16, help="batches in a round (default: 16)")
    parser.add_argument(
        "--precision",
        metavar="NAME",
        default="float32",
        help="training.precision of the project's build; the plain build always uses float32 (default: float32)",
    )
    args = frame.parse(parser, argv)

    from rich.console import Console

    from benchmarks.corpus import conll04

    # Errors in the data and in the field show here rather than in a worker.
    conll04("train", args.data_dir)
    configs.change(configs.Config(), {"training.precision": args.precision})
    about = environment()
    result = {"steps_in_a_round": args.steps, "rounds": args.rounds, "precision": args.precision}
    measured, rates = {}, []
    with Console(stderr=True).status("starting") as status, Worker(kind="matrix_product", size=MATRIX_SIZE) as matrix:
        for mode in MODES:
            measured[mode], found = measure_mode(
                mode, args.steps, args.rounds, args.data_dir, args.precision, matrix, status.update
            )
            rates += found
    result["matrix_product_gflops_per_second"] = max(rates) / 1e9
    result["modes"] = {
        mode: {build: summarise(measured[mode][build], max(rates)) for build in BUILDS} for mode in MODES
    }
    result["bars"] = bars(result["modes"])
    frame.report(args, about, result, *parts(result))


if __name__ == "__main__":
    frame.run("training_step", command)
