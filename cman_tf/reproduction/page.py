"""docs/results.md: every figure from files that the commands it names wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.files import atomic_write
from cman_tf.reproduction import speed
from cman_tf.reproduction.figures import breakdown_figure
from cman_tf.reproduction.sections import ablations, encoders, experiment, runs_of, spread

if TYPE_CHECKING:
    from cman_tf.reproduction.plan import Experiment

INTRODUCTION = """# Results

This page is made by `python -m cman_tf.reproduce --tables` from files in `results/` and `benchmarks/results/`; the same
command without `--tables` makes the runs. F1 is strict and micro-averaged, in percent, unless a row says otherwise: an
entity counts if its boundaries and its type are right, a relation if its type and both entities are. Figures with ± are
mean and standard deviation over seeds or folds. The test split chose nothing; settings were chosen on dev
([docs/relations.md](relations.md)). No row of this project uses ELMo, the paper's encoder; each names its own.
"""

FIGURES = {
    "by_entity_distance": (
        "Figure 4: F1 by characters between the related entities",
        "Entities and relations of CoNLL04's dev split by entity distance, with and without the attention units.",
    ),
    "by_sentence_length": (
        "Figure 5: F1 by tokens in the sentence",
        "Entities and relations of CoNLL04's dev split by sentence length, with and without the attention units.",
    ),
}


def write_page(results: Path, benchmarks: Path, path: Path, known: Mapping[str, Experiment]) -> Path:
    """Write the page, its pictures (`images/` beside it) and `RESULTS/tables.csv`.

    Args:
        results: path. `EXPERIMENT/RUN/` below it hold `metrics.json`, `config.yaml` and `environment.json`.
        benchmarks: path. Folder with the JSON files of `speed.SECTIONS`, where they were made.
        path: path of the page.
        known: dict of `Experiment`: what there could be.

    Returns:
        path of the page.
    """
    folders = experiment_folders(results, known)
    single = [folder for folder in folders if "ablations" not in folder.parts]
    parts = [INTRODUCTION]
    parts += [overview(single, results)] if single else []
    parts += [experiment(folder, results) for folder in single]
    parts += [ablations(results)]
    for name, (title, alt) in FIGURES.items():
        picture = path.parent / "images" / f"{name}.svg"
        if breakdown_figure(results / "conll04" / "ablations", name, picture):
            parts.append(f"## {title}\n\n![{alt}](images/{picture.name})\n")
    notes = results / "notes.md"
    parts += [notes.read_text(encoding="utf-8")] if notes.is_file() else []
    parts.append(missing(results, known))
    for name, section in speed.SECTIONS.items():
        source = benchmarks / f"{name}.json"
        parts += [section(json.loads(source.read_text()))] if source.is_file() else []
    with atomic_write(path) as file:
        file.write("\n".join(part for part in parts if part))
    if folders:
        with atomic_write(results / "tables.csv") as file:
            file.write(table(folders, results))
    return path


def experiment_folders(results: Path, known: Mapping[str, Experiment]) -> list[Path]:
    """Folders with runs: in the order of the plan, then any others."""
    found = sorted({path.parent.parent for path in results.glob("**/metrics.json")})
    order = [results / name for name in known]
    return sorted(found, key=lambda folder: (order.index(folder) if folder in order else len(order), str(folder)))


def overview(folders: Sequence[Path], results: Path) -> str:
    """One row for each experiment."""
    lines = ["| | Protocol | Runs | Contextual encoder | Entities | Relations |", "|---|---|---:|---|---:|---:|"]
    for folder in folders:
        runs = runs_of(folder)
        _, first, config = runs[0]
        cells = [
            spread([100 * metrics["strict"]["micro"][item]["f1"] for _, metrics, _ in runs])
            for item in ("entities", "relations")
        ]
        name = folder.relative_to(results)
        lines.append(f"| {name} | {first['protocol']} | {len(runs)} | {encoders(config)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def missing(results: Path, known: Mapping[str, Experiment]) -> str:
    """What the plan has and the folder lacks, with the command that makes it."""
    lines = []
    for name, item in known.items():
        wanted = len(item.seeds) * max(len(item.folds), 1)
        there = len(list((results / name).glob("*/metrics.json")))
        if there < wanted:
            command = f"python -m cman_tf.reproduce --experiments {name}"
            lines.append(f"- {name}, {item.about}: {there} of {wanted} runs. `{command}`")
    return "## Not run yet\n\n" + "\n".join(lines) + "\n" if lines else ""


def table(folders: Sequence[Path], results: Path) -> str:
    """All runs as CSV, percent."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["experiment", "run", "corpus", "split", "protocol", "average", "mode"]
        + [f"{item} {rate}" for item in ("entities", "relations") for rate in ("precision", "recall", "f1")]
    )
    for folder in folders:
        for name, metrics, _ in runs_of(folder):
            for mode in ("strict", "boundaries"):
                for average in ("micro", "macro"):
                    scores = metrics[mode][average]
                    rates = [
                        f"{100 * scores[item][rate]:.2f}"
                        for item in ("entities", "relations")
                        for rate in ("precision", "recall", "f1")
                    ]
                    about = [metrics[key] for key in ("corpus", "split", "protocol")]
                    writer.writerow([folder.relative_to(results), name, *about, average, mode, *rates])
    return text.getvalue()
