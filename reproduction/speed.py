"""docs/speed.md, from the JSON files of the benchmarks."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cman_tf.files import atomic_write
from reproduction import growth, machines, markdown, warm

INTRODUCTION = """# Speed

`python -m reproduction --tables` makes this page from the files in `benchmarks/results/`. Each section names the
command that wrote its file; the file names the machine and the commit. The machines of two sections may differ; ratios
are of one run.
"""


def write_page(benchmarks: Path, path: Path) -> Path:
    """Write the page from the JSON files of `SECTIONS` that are in `benchmarks`, and from `notes.md` there.

    Its picture is written to `images/` beside it.
    """
    parts = [INTRODUCTION]
    for name, section in SECTIONS.items():
        source = benchmarks / f"{name}.json"
        if not source.is_file():
            continue
        figures = json.loads(source.read_text(encoding="utf-8"))
        parts.append(section(figures))
        if section is growth.section:
            with atomic_write(path.parent / "images" / "growth.png", "wb") as file:
                # No date and no version: the same figures give the same file.
                growth.picture(figures).savefig(file, dpi=120, metadata={"Software": None})
    notes = benchmarks / "notes.md"
    parts += [notes.read_text(encoding="utf-8")] if notes.is_file() else []
    return markdown.write(path, parts)


def training_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/training_step.json`."""
    machine = figures["environment"]
    about = (
        "`python -m benchmarks.training_step --json benchmarks/results/training_step.json`: the training step at the "
        "paper's size and a plain Keras build of the same network, in one run "
        f"({machine.get('processor', 'unknown processor')}, {machine.get('processors', '?')} processors)."
    )
    rows = []
    by_name: dict[str, list[dict[str, Any]]] = {}
    for bar in figures["bars"]:
        by_name.setdefault(bar["name"], []).append(bar)
    for name, bars in by_name.items():
        rows.append([name, f"{bars[0]['at']} {bars[0]['bar']:g}", *map(markdown.measured, bars)])
    for key, name in (("sentences_per_second", "sentences/s"), ("first_step_seconds", "seconds to the first step")):
        for build in ("project", "plain"):
            cells = [f"{mode[build][key]:.1f}" for mode in figures["modes"].values()]
            rows.append([f"{name}, {build} build", "", *cells])
    return markdown.section(
        "Training speed", about, markdown.table(["", "Bar", "Without adversarial training", "With"], rows)
    )


def prediction_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/inference.json`."""
    calls, speeds = figures["milliseconds_per_call"], figures["sentences_per_second"]
    about = (
        f"`python -m benchmarks.inference RUN --json benchmarks/results/inference.json`: {figures['sentences']} raw "
        f"sentences of CoNLL04's test split, with the run `{figures['run']}`. A span-based model with a 6-layer "
        "encoder processes 16 to 21 sentences/s at batch 1 on this kind of machine; the bar is ten times that."
    )
    rows = [["1", f"{speeds['1']:.0f}", f"{calls['p50']:.1f}", f"{calls['p99']:.1f}"]]
    rows += [[size, f"{speed:.0f}", "", ""] for size, speed in speeds.items() if size != "1"]
    table = markdown.table(["Batch", "Sentences/s", "p50, ms", "p99, ms"], rows, "r")
    costs = figures["parts"]
    rows = [[name, *(f"{costs[size][name]:.2f}" for size in costs)] for name in costs["1"]]
    part = markdown.table(["Milliseconds", *(f"batch of {size}" for size in costs)], rows)
    note = "Each part runs as its own graph, on sentences of average length. The parts add up to more than the whole."
    return markdown.section("Prediction speed", about, table, [note], part, markdown.bars(figures["bars"]))


def contextual_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/contextual_epoch.json`."""
    about = (
        "`python -m benchmarks.contextual_epoch --json benchmarks/results/contextual_epoch.json`: an epoch of CoNLL04 "
        "at the paper's size with adversarial training and vectors from the feature store, projected to 256 unless "
        f"stated otherwise. The fastest of {figures['rounds']} epochs of each, in turns."
    )
    rows = [
        [name, f"{min(figures['seconds'][name]):.1f}", f"{ratio:.2f}"]
        for name, ratio in figures["times_without"].items()
    ]
    table = markdown.table(["Vectors of a token", "Seconds", "Relative to none"], rows)
    return markdown.section("Epochs with stored contextual vectors", about, table, markdown.bars(figures["bars"]))


def serving_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/serving.json`."""
    machine, memory = figures["environment"], figures["memory"]
    about = (
        "`python -m benchmarks.serving --json benchmarks/results/serving.json`: `cman serve` and the network in the "
        f"client's process, the model `{figures['run']}`, {figures['sentences']} raw sentences of the sample corpus. "
        f"Clients and server share the machine with others (load {machine['load_at_start']} at the start, "
        f"{machine['load_at_end']} at the end); ratios are of one round, medians of {figures['rounds']} rounds."
    )
    latency = figures["latency_ms"]
    names = [name for name in latency if name != "added"]
    first = markdown.table(
        ["One client, ms", "p50", "p99", "More than in process, p50"],
        [
            [name.replace("_", " "), *(f"{latency[name][key]:.1f}" for key in ("p50", "p99")), _signed(latency, name)]
            for name in names
        ],
    )
    tables = [first]
    for key, title in (
        ("answers_per_second", "Answers/s, clients"),
        ("processor_ms_per_answer", "Server's processor time for an answer, ms, clients"),
    ):
        rows = [
            [name, *(f"{statistics.median(own):.1f}" for own in row.values())] for name, row in figures[key].items()
        ]
        tables.append(markdown.table([title, *figures[key]["batched"]], rows))
    requests = sum(memory["requests"].values())
    flat = (
        f"Resident memory before {requests:,} mixed requests, {len(memory['requests'])} kinds in turn from 32 clients, "
        f"and after each tenth of them: {', '.join(f'{value:.0f}' for value in memory['megabytes'])} MB."
    )
    return markdown.section("Serving speed", about, *tables, [flat], markdown.bars(figures["bars"]))


def _signed(latency: Mapping[str, Any], name: str) -> str:
    return f"{latency['added'][name]:+.2f}" if name in latency["added"] else ""


def batch_speed(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/batch.json`."""
    counters, ids, machine = figures["counters"], figures["ids"], figures["environment"]
    about = (
        "`python -m benchmarks.batch_throughput RUN --json benchmarks/results/batch.json`: "
        f"{figures['sentences']:,} sentences, those of CoNLL04 and ADE in turn ({figures['texts']:,} distinct), "
        f"through `cman batch` with the DirectRunner. {ids['once']:,} were answered once, {ids['more']:,} more often, "
        f"{ids['never']:,} never; "
        f"{counters['entities']:,} entities and {counters['relations']:,} relations were found. "
        f"{figures['sentences_per_second']:.0f} sentences/s; load of the machine {machine['load_at_start']} at the "
        f"start, {machine['load_at_end']} at the end."
    )
    return markdown.section("Many sentences through Apache Beam", about)


def long_texts(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/pages.json`."""
    machine = figures["environment"]
    longest = list(figures["pages"].values())[-1]
    about = (
        "`python -m benchmarks.pages --json benchmarks/results/pages.json`: "
        f"`cman predict {figures['run']} --input FILE`, one text of sentences of the sample corpus, 500 words a page, "
        "in a process of its own. Seconds include the start. "
        f"The longest text needs {figures['peak_of_longest_to_shortest']:.2f} times the memory of the shortest; at ten "
        f"times of its run it took {', '.join(map(str, longest['mb']))} MB. Load of the machine "
        f"{machine['load_at_start']} at the start, {machine['load_at_end']} at the end."
    )
    names = ("words", "sentences", "entities", "relations", "seconds", "words_per_second", "peak_mb")
    rows = [[pages, *(f"{item[name]:,}" for name in names)] for pages, item in figures["pages"].items()]
    headings = ["Pages", "Words", "Sentences", "Entities", "Relations", "Seconds", "Words/s", "Peak memory, MB"]
    return markdown.section("Long texts", about, markdown.table(headings, rows))


def cold_starts(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/cold.json`."""
    checkouts = list(figures["processor_seconds"]["import tensorflow"])
    base = " --base FOLDER" if "base" in checkouts else ""
    about = (
        f"`python -m benchmarks.cold{base} --json benchmarks/results/cold.json`: processor time from a cold start. The "
        "first training step is without the import; the others include it. Rounds: "
        f"{figures['rounds']}; the lowest counts, for the import that of all columns."
    )
    rows = [
        [start, *(f"{min(seconds[name]):.2f}" for name in checkouts)]
        for start, seconds in figures["processor_seconds"].items()
    ]
    heads = ["this commit" if name == "here" else "base commit" for name in checkouts]
    table = markdown.table(["Processor seconds", *heads], rows)
    return markdown.section("Cold starts", about, table, markdown.bars(figures["bars"]))


SECTIONS = {
    "training_step": training_speed,
    "growth": growth.section,
    "contextual_epoch": contextual_speed,
    "cold": cold_starts,
    "inference": prediction_speed,
    "warm": warm.section,
    "pages": long_texts,
    "serving": serving_speed,
    "batch": batch_speed,
    "machines": machines.section,
}
