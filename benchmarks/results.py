"""`python -m benchmarks.results`: make docs/results.md from the run folders and benchmark files that are committed."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import yaml

from cman_tf.files import atomic_write

ROOT = Path(__file__).parents[1]

# Table 1 of Zhao et al. (2020), strict micro F1 on the test split.
PAPER = [
    ("Multi-head + AT (Bekoulis et al., 2018)", 83.61, 61.95),
    ("SpERT (Eberts and Ulges, 2019), BERT", 88.94, 71.47),
    ("CMAN, the paper's figures, ELMo", 90.62, 72.97),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="run folders (default: results)")
    parser.add_argument("--benchmarks", type=Path, default=ROOT / "benchmarks" / "results", help="folder of JSON files")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "results.md", help="(default: docs/results.md)")
    args = parser.parse_args()
    with atomic_write(args.output) as file:
        file.write(page(args.results, args.benchmarks))
    print(args.output)
    return 0


def page(results, benchmarks):
    """The text of docs/results.md.

    Args:
        results: path. `EXPERIMENT/seedN/` below it hold `metrics.json`, `config.yaml` and `environment.json`.
        benchmarks: path. Folder with `training_step.json` and `inference.json`, where they were made.
    """
    parts = [INTRODUCTION]
    for folder in sorted({path.parent.parent for path in results.glob("**/metrics.json")}):
        parts.append(experiment(folder, results))
    for name, heading in (("training_step", "Training speed"), ("inference", "Prediction speed")):
        path = benchmarks / f"{name}.json"
        if path.is_file():
            parts.append(speed(path, heading))
    return "\n".join(parts)


INTRODUCTION = """# Results

This page is made by `python -m benchmarks.results` from files in `results/` and `benchmarks/results/`. F1 is strict and
micro-averaged, in percent, unless a row says otherwise: an entity counts if its boundaries and its type are right, a
relation if its type and both entities are. The test split chose nothing; settings were chosen on dev.
"""


def experiment(folder, results):
    """A section for the seeds of one experiment."""
    runs = [
        (path.parent.name, json.loads(path.read_text()), yaml.safe_load((path.parent / "config.yaml").read_text()))
        for path in sorted(folder.glob("*/metrics.json"))
    ]
    _, first, config = runs[0]
    lines = [f"## {folder.relative_to(results)}", ""]
    lines += [
        f"Corpus {first['corpus']}, split {first['split']} ({first['counts']['sentences']} sentences, "
        f"{first['counts']['entities_gold']} entities, {first['counts']['relations_gold']} relations), protocol "
        f"{first['protocol']}, {config['training']['epochs']} epochs, adversarial alpha "
        f"{config['training']['adversarial_alpha']}, {len(runs)} seeds. Word vectors: "
        f"{Path(config['words']['vectors']).name if config['words']['vectors'] else 'none'}; no contextual encoder.",
        "",
        "| | Entities | Relations |",
        "|---|---:|---:|",
    ]
    if first["corpus"] == "conll04":
        lines += [f"| {name} | {entities:.2f} | {relations:.2f} |" for name, entities, relations in PAPER]
    for name, value in ROWS.items():
        found = [value(metrics) for _, metrics, _ in runs if value(metrics)]
        if found:
            cells = [spread([100 * scores[item]["f1"] for scores in found]) for item in ("entities", "relations")]
            lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    for name, metrics, _ in runs:
        scores = metrics["strict"]["micro"]
        lines.append(f"| {name} | {100 * scores['entities']['f1']:.2f} | {100 * scores['relations']['f1']:.2f} |")
    for key, heading in (("by_sentence_length", "tokens in sentence"), ("by_entity_distance", "characters between")):
        lines += ["", f"| {heading.capitalize()} | Entities | Relations |", "|---|---:|---:|"]
        for group in first[key]:
            cells = [
                spread([100 * metrics[key][group][item]["f1"] for _, metrics, _ in runs])
                for item in ("entities", "relations")
            ]
            lines.append(f"| {group} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


ROWS = {
    "**This project, mean ± standard deviation**": lambda metrics: metrics["strict"]["micro"],
    "strict, macro": lambda metrics: metrics["strict"]["macro"],
    "boundaries, micro": lambda metrics: metrics["boundaries"]["micro"],
    "without test sentences that recur in training": lambda metrics: (
        metrics.get("without_repeated", {}).get("strict", {}).get("micro")
    ),
    "gold labels fed to the BLA units (Table 3)": lambda metrics: (
        metrics.get("gold_labels", {}).get("strict", {}).get("micro")
    ),
}


def spread(values):
    """Mean and, of several values, standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def speed(path, heading):
    """A section for one benchmark: its own rows as a table."""
    figures = json.loads(path.read_text())
    lines = [f"## {heading}", "", figures.get("about", f"`{path.name}`"), ""]
    rows = figures["rows"]
    lines += ["| " + " | ".join(rows[0]) + " |", "|---" + "|---:" * (len(rows[0]) - 1) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
