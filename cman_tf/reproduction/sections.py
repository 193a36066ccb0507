"""Sections of the results page: one for each experiment, and the paper's Table 4."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

# Table 1 of Zhao et al. (2020), strict micro F1 on the test split.
PAPER = [
    ("Multi-head + AT (Bekoulis et al., 2018)", 83.61, 61.95),
    ("SpERT (Eberts and Ulges, 2019), BERT", 88.94, 71.47),
    ("CMAN, the paper's figures, ELMo", 90.62, 72.97),
]

# Table 2 of Zhao et al. (2020), ADE, mean of ten folds.
PAPER_ADE = [
    ("SpERT (Eberts and Ulges, 2019), BERT", 89.25, 79.24),
    ("CMAN, the paper's figures, ELMo", 89.40, 81.14),
]

# Table 4 of Zhao et al. (2020), ELMo.
PAPER_ABLATIONS = {
    "whole": ("CMAN", 90.62, 72.97),
    "no_self_attention": ("- self-attention in BSA", 90.16, 70.18),
    "no_bla": ("- BLA unit", 90.57, 70.84),
    "no_units": ("- both units", 89.34, 68.95),
    "mlp": ("BiLSTM replaced with MLP", 89.82, 70.34),
    "no_adversarial": ("- adversarial training (not in Table 4)", None, None),
}

# The same encoder in a peer, protocol train, 20 epochs, one seed, measured on this kind of machine.
SAME_ENCODER = ("SpERT fine-tuning all-MiniLM-L6-v2, measured here", 83.79, 62.10)


def runs_of(folder: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The runs of one experiment, in order: list of `(name, metrics, configuration)`."""
    return [
        (path.parent.name, json.loads(path.read_text()), yaml.safe_load((path.parent / "config.yaml").read_text()))
        for path in sorted(folder.glob("*/metrics.json"))
    ]


def experiment(folder: Path, results: Path) -> str:
    """A section for the seeds or folds of one experiment.

    Args:
        folder: path. Its folders are the runs.
        results: path. The folder of all experiments.
    """
    runs = runs_of(folder)
    _, first, config = runs[0]
    lines = [f"## {folder.relative_to(results)}", ""]
    lines += [
        f"Corpus {first['corpus']}, split {first['split']} ({_size(first, runs)}), protocol {first['protocol']}, "
        f"{config['training']['epochs']} epochs, adversarial alpha {config['training']['adversarial_alpha']}, "
        f"{_units(runs)}. Word vectors: "
        f"{Path(config['words']['vectors']).name if config['words']['vectors'] else 'none'}; {encoders(config)}.",
        "",
        "| | Entities | Relations |",
        "|---|---:|---:|",
    ]
    if first["corpus"] == "conll04":
        rows = [SAME_ENCODER] if encoders(config).endswith(" minilm") else PAPER
    else:
        rows = PAPER_ADE if first["corpus"] == "ade" else []
    lines += [f"| {name} | {entities:.2f} | {relations:.2f} |" for name, entities, relations in rows]
    policies = {
        f"gold entities by policy {name}, micro": lambda metrics, name=name: metrics["overlap_policies"][name][
            "strict"
        ]["micro"]
        for name in first.get("overlap_policies", {})
    }
    for name, value in {**ROWS, **policies}.items():
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
    lines += _error_kinds([metrics["error_kinds"] for _, metrics, _ in runs if "error_kinds" in metrics])
    return "\n".join(lines) + "\n"


def _error_kinds(found: Sequence[Mapping[str, Mapping[str, int]]]) -> list[str]:
    """Lines of a table for entities and one for relations: how often each kind occurs, means of runs."""
    lines = []
    for item in found[0] if found else ():
        kinds = list(found[0][item])
        cells = [f"{statistics.mean(run[item][kind] for run in found):.1f}" for kind in kinds]
        lines += ["", f"| {item.capitalize()} | {' | '.join(kinds)} |", f"|---|{'---:|' * len(kinds)}"]
        lines.append(f"| number, mean of runs counted: {len(found)} | {' | '.join(cells)} |")
    return lines


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
    "relations held to the types seen in training": lambda metrics: (
        metrics.get("type_constrained", {}).get("strict", {}).get("micro")
    ),
}


def ablations(results: Path) -> str:
    """Table 4 beside the paper's, or nothing where none of it was run."""
    found = {name: runs_of(results / "conll04" / "ablations" / name) for name in PAPER_ABLATIONS}
    if not any(found.values()):
        return ""
    some = next(runs for runs in found.values() if runs)
    config = some[0][2]
    lines = [
        "## Ablations (Table 4 of the paper)",
        "",
        f"Test split of CoNLL04, protocol {some[0][1]['protocol']}, {config['training']['epochs']} epochs, "
        f"{_units(some)}, {encoders(config)}. The paper's figures are with ELMo and 180 epochs.",
        "",
        "| | Entities, paper | Relations, paper | Entities | Relations |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, (title, *paper) in PAPER_ABLATIONS.items():
        cells = ["-" if value is None else f"{value:.2f}" for value in paper]
        for item in ("entities", "relations"):
            values = [100 * metrics["strict"]["micro"][item]["f1"] for _, metrics, _ in found[name]]
            cells.append(spread(values) if values else "not run")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _size(first: Mapping[str, Any], runs: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> str:
    if len({metrics["counts"]["sentences"] for _, metrics, _ in runs}) > 1 or "fold" in runs[0][0]:
        return f"{sum(metrics['counts']['sentences'] for _, metrics, _ in runs)} sentences in {len(runs)} folds"
    counts = first["counts"]
    return f"{counts['sentences']} sentences, {counts['entities_gold']} entities, {counts['relations_gold']} relations"


def _units(runs: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> str:
    seeds = {name.partition("-")[0] for name, *_ in runs}
    text = f"{len(seeds)} seed{'s' * (len(seeds) > 1)}"
    return text if len(seeds) == len(runs) else f"{text}, {len(runs)} folds"


def encoders(config: Mapping[str, Any]) -> str:
    """The contextual encoders of a run, in words."""
    encoder = config.get("encoder", {})
    if not encoder.get("modules"):
        return "no contextual encoder"
    names = " and ".join(Path(name).name for name in encoder["modules"])
    return f"{'fine-tuned' if encoder['trainable'] else 'frozen'} encoder{'s' * (' and ' in names)}: {names}"


def spread(values: Sequence[float]) -> str:
    """Mean and, of several values, standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
