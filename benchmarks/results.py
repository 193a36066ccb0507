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

# The same encoder in a peer, protocol train, one seed, measured on this kind of machine; given with issue 3.
SAME_ENCODER = ("SpERT fine-tuning all-MiniLM-L6-v2, measured here", 83.79, 62.10)


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
    for name, section in SPEED.items():
        path = benchmarks / f"{name}.json"
        if path.is_file():
            parts.append(section(json.loads(path.read_text())))
    return "\n".join(parts)


INTRODUCTION = """# Results

This page is made by `python -m benchmarks.results` from files in `results/` and `benchmarks/results/`. F1 is strict and
micro-averaged, in percent, unless a row says otherwise: an entity counts if its boundaries and its type are right, a
relation if its type and both entities are. Figures with ± are mean and standard deviation over seeds. The test split
chose nothing; settings were chosen on dev.
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
        f"{config['training']['adversarial_alpha']}, {len(runs)} seed{'s' * (len(runs) > 1)}. Word vectors: "
        f"{Path(config['words']['vectors']).name if config['words']['vectors'] else 'none'}; {encoders(config)}.",
        "",
        "| | Entities | Relations |",
        "|---|---:|---:|",
    ]
    if first["corpus"] == "conll04":
        rows = [SAME_ENCODER] if encoders(config).endswith(" minilm") else PAPER
        lines += [f"| {name} | {entities:.2f} | {relations:.2f} |" for name, entities, relations in rows]
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
    "**This project**": lambda metrics: metrics["strict"]["micro"],
    "strict, macro": lambda metrics: metrics["strict"]["macro"],
    "boundaries, micro": lambda metrics: metrics["boundaries"]["micro"],
    "without test sentences that recur in training": lambda metrics: (
        metrics.get("without_repeated", {}).get("strict", {}).get("micro")
    ),
    "gold labels fed to the BLA units (Table 3)": lambda metrics: (
        metrics.get("gold_labels", {}).get("strict", {}).get("micro")
    ),
}


def encoders(config):
    """The contextual encoders of a run, in words."""
    encoder = config.get("encoder", {})
    if not encoder.get("modules"):
        return "no contextual encoder"
    names = " and ".join(Path(name).name for name in encoder["modules"])
    return f"{'fine-tuned' if encoder['trainable'] else 'frozen'} encoder{'s' * (' and ' in names)}: {names}"


def spread(values):
    """Mean and, of several values, standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


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


SPEED = {"training_step": training_speed, "inference": prediction_speed}


if __name__ == "__main__":
    sys.exit(main())
