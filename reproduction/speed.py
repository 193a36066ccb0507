"""docs/speed.md, from the JSON files of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cman_tf.files import atomic_write

INTRODUCTION = """# Speed

`python -m reproduction --tables` makes this page from the files in `benchmarks/results/`. Each was written by the
command that its section names, and says on which machine and at which commit. Figures of different sections need not be
of the same machine; ratios are of one run.
"""


def write_page(benchmarks: Path, path: Path) -> Path:
    """Write the page from what there is in `benchmarks` of the JSON files of `SECTIONS` and of `notes.md`."""
    parts = [INTRODUCTION]
    for name, section in SECTIONS.items():
        source = benchmarks / f"{name}.json"
        parts += [section(json.loads(source.read_text(encoding="utf-8")))] if source.is_file() else []
    notes = benchmarks / "notes.md"
    parts += [notes.read_text(encoding="utf-8")] if notes.is_file() else []
    with atomic_write(path) as file:
        file.write("\n".join(parts))
    return path


def training_speed(figures: Mapping[str, Any]) -> str:
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
    by_name: dict[str, list[dict[str, Any]]] = {}
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


def prediction_speed(figures: Mapping[str, Any]) -> str:
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
    return "\n".join([*lines, "", *_bars(figures)]) + "\n"


def contextual_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/contextual_epoch.json`."""
    lines = [
        "## Epochs with stored contextual vectors",
        "",
        "`python -m benchmarks.contextual_epoch --json benchmarks/results/contextual_epoch.json`: an epoch of CoNLL04 "
        "at the paper's size, adversarial training on, vectors read from the feature store; projected to 256 unless it "
        f"says otherwise. The best of {figures['rounds']} epochs of each, in turns.",
        "",
        "| Vectors of a token | Seconds | Times that without |",
        "|---|---:|---:|",
    ]
    lines += [
        f"| {name} | {min(figures['seconds'][name]):.1f} | {ratio:.2f} |"
        for name, ratio in figures["times_without"].items()
    ]
    return "\n".join([*lines, "", *_bars(figures)]) + "\n"


def serving_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/serving.json`."""
    speeds = figures["answers_per_second"]
    lines = [
        "## Serving speed",
        "",
        "`python -m benchmarks.serving RUN --json benchmarks/results/serving.json`: the embedded server beside the "
        f"network in the process that asks, {figures['sentences']} raw sentences of CoNLL04's test split, words and "
        "characters. Clients and server share the machine.",
        "",
        "| Answers/s, clients | " + " | ".join(speeds["batched"]) + " |",
        "|---|" + "---:|" * len(speeds["batched"]),
    ]
    lines += [
        f"| {name} | " + " | ".join(f"{value:.0f}" for value in row.values()) + " |" for name, row in speeds.items()
    ]
    return "\n".join([*lines, "", *_bars(figures)]) + "\n"


def batch_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/batch.json`."""
    counters, ids, machine = figures["counters"], figures["ids"], figures["environment"]
    lines = [
        "## Many sentences through Apache Beam",
        "",
        f"`python -m benchmarks.batch_throughput RUN --json benchmarks/results/batch.json`: {figures['sentences']:,} sentences, "
        f"those of CoNLL04 and ADE in turn ({figures['texts']:,} distinct), through `export.batch` with the "
        f"DirectRunner. {ids['once']:,} were answered once, {ids['more']:,} more often, {ids['never']:,} never; "
        f"{counters['entities']:,} entities and {counters['relations']:,} relations were found. "
        f"{figures['sentences_per_second']:.0f} sentences/s; load of the machine {machine['load_at_start']} at the "
        f"start, {machine['load_at_end']} at the end.",
    ]
    return "\n".join(lines) + "\n"


def _bars(figures: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {bar['mode']}: {bar['name']} | {bar['at']} {bar['bar']:g} | {bar['value']:.2f}"
        f"{'' if bar['reached'] else ' (not reached)'} |"
        for bar in figures["bars"]
    ]
    return ["| To reach | Bar | Measured |", "|---|---:|---:|", *rows]


SECTIONS = {
    "training_step": training_speed,
    "contextual_epoch": contextual_speed,
    "inference": prediction_speed,
    "serving": serving_speed,
    "batch": batch_speed,
}
