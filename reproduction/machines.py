"""The section of docs/speed.md on several workers and machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reproduction import markdown


def section(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/machines.json`."""
    few, many = figures["sentences"]
    predicted, trained, estimate = figures["prediction"], figures["training"], figures["estimate"]
    about = (
        "`python -m benchmarks.machines --json benchmarks/results/machines.json`: workers with one processor each. "
        f"Prediction: `cman batch` (Beam) with the run `{figures['run']}`; its speed is that between {few:,} and "
        f"{many:,} sentences, the start is the rest. Training: the sample corpus with `--strategy multi_worker` "
        "(`tf.distribute`), all workers together; the batch is divided among them."
    )
    workers = list(predicted)
    rows = [
        ["prediction, sentences/s", *(f"{predicted[name]['sentences_per_second']:.0f}" for name in workers)],
        ["prediction, start in seconds", *(f"{predicted[name]['start_seconds']:.0f}" for name in workers)],
        ["training, sentences/s", *(f"{trained[name]['sentences_per_second']:.0f}" for name in workers)],
    ]
    heads = ["1 worker" if name == "1" else f"{name} workers" for name in workers]
    speed, start = (predicted[workers[-1]][key] for key in ("sentences_per_second", "start_seconds"))
    share = estimate["sentences"] / estimate["machines"]
    text = (
        f"**{estimate['sentences']:,} sentences on {estimate['machines']} machines** would take "
        f"{estimate['hours']:.1f} hours, {estimate['machine_hours']:,.0f} machine-hours: {start:.0f} s for the start "
        f"and {share:,.0f} sentences a machine at {speed:.0f} sentences/s. This is computed, not measured. It assumes "
        "that each machine is like the measured one and runs two workers, that sentences are like the measured ones "
        "and evenly divided, that storage and network do not limit (a sentence is a few hundred bytes), and that no "
        "machine fails or is slower than the others."
    )
    return markdown.section("Several workers and machines", about, markdown.table(["", *heads], rows), [text])
