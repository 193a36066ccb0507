"""Sections of the results page about speed, from the JSON files of the benchmarks."""

from __future__ import annotations


def training_speed(figures):
    """A section for `benchmarks/results/training_step.json`."""
    machine = figures["environment"]
    lines = [
        "## Training speed",
        "",
        "`python -m benchmarks.training_step --json benchmarks/results/training_step.json`: the training step at the "
        "paper's size beside a plain Keras build of the same network, in one run "
        f"({machine.get('processor', 'unknown processor')}, {machine.get('processors', '?')} processors).",
        "",
        "| | Bar | Without adversarial training | With |",
        "|---|---:|---:|---:|",
    ]
    by_name = {}
    for bar in figures["bars"]:
        by_name.setdefault(bar["name"], []).append(bar)
    for name, (without, with_) in by_name.items():
        cells = [f"{bar['value']:.2f}{'' if bar['reached'] else ' (not reached)'}" for bar in (without, with_)]
        lines.append(f"| {name} | {without['at']} {without['bar']:g} | {cells[0]} | {cells[1]} |")
    for key, name in (("sentences_per_second", "sentences/s"), ("first_step_seconds", "seconds to the first step")):
        for build in ("project", "plain"):
            cells = [f"{mode[build][key]:.1f}" for mode in figures["modes"].values()]
            lines.append(f"| {name}, {build} build | | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def prediction_speed(figures):
    """A section for `benchmarks/results/inference.json`."""
    calls, speeds = figures["milliseconds_per_call"], figures["sentences_per_second"]
    lines = [
        "## Prediction speed",
        "",
        f"`python -m benchmarks.inference RUN --json benchmarks/results/inference.json`: {figures['sentences']} raw "
        "sentences of CoNLL04's test split, words and characters. A span-based peer with a 6-layer encoder manages 16 "
        "to 21 sentences/s at batch 1 on this kind of machine; ten times that is the bar.",
        "",
        "| Batch | Sentences/s | p50, ms | p99, ms |",
        "|---:|---:|---:|---:|",
        f"| 1 | {speeds['1']:.0f} | {calls['p50']:.1f} | {calls['p99']:.1f} |",
    ]
    lines += [f"| {size} | {speed:.0f} | | |" for size, speed in speeds.items() if size != "1"]
    return "\n".join(lines) + "\n"


SECTIONS = {"training_step": training_speed, "inference": prediction_speed}
