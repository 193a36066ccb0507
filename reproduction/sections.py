"""A section of the results page for each experiment."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cman_tf.evaluation.error_kinds import RELATION_KINDS
from cman_tf.evaluation.scorer import ITEMS
from reproduction import published
from reproduction.runs import NamedRun, corpus, encoders, in_folds, runs_of, spread, units

GROUPS = {"by_sentence_length": "Tokens in sentence", "by_entity_distance": "Characters from end to end"}

# Rows of a section, from the metrics of a run; None where it has none.
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


def experiment(folder: Path, results: Path, detailed: bool) -> str:
    """A section for the seeds or folds of one experiment.

    Args:
        folder: path. Its folders are the runs.
        results: path. The folder of all experiments.
        detailed: bool. Whether it has scores by sentence length and entity distance, and the kinds of error.
    """
    runs = runs_of(folder)
    lines = [f"## {folder.relative_to(results)}", "", _about(runs), "", *_scores(runs)]
    if detailed:
        for key, heading in GROUPS.items():
            lines += _groups(runs, key, heading)
        lines += _error_kinds(runs)
    return "\n".join(lines) + "\n"


def _about(runs: Sequence[NamedRun]) -> str:
    _, first, config = runs[0]
    protocol = first["protocol"]
    if in_folds(runs):
        sentences = f"{sum(metrics['counts']['sentences'] for _, metrics, _ in runs)} sentences in {len(runs)} folds"
        protocol += ", dev held out of each fold's training part"
    else:
        counts = first["counts"]
        sentences = (
            f"{counts['sentences']} sentences, {counts['entities_gold']} entities, {counts['relations_gold']} relations"
        )
    overlap = config["corpus"]["overlap"]
    policy = "" if overlap == "error" else f", overlapping entities by policy {overlap}"
    vectors = config["words"]["vectors"]
    return (
        f"Corpus {corpus(first, config)}, split {first['split']} ({sentences}){policy}, protocol {protocol}, "
        f"{config['training']['epochs']} epochs, adversarial alpha {config['training']['adversarial_alpha']}, "
        f"{units(runs)}. Word vectors: {Path(vectors).name if vectors else 'none'}; {encoders(config)}."
    )


def _scores(runs: Sequence[NamedRun]) -> list[str]:
    _, first, config = runs[0]
    rows = published.ROWS.get(first["corpus"], {})
    if encoders(config).endswith(" minilm"):
        rows = published.SAME_ENCODER
    lines = ["| | Entities | Relations |", "|---|---:|---:|"]
    lines += [f"| {name} | {entities:.2f} | {relations:.2f} |" for name, (entities, relations) in rows.items()]
    policies = {
        f"gold entities by policy {name}, micro": lambda metrics, name=name: metrics["overlap_policies"][name][
            "strict"
        ]["micro"]
        for name in first.get("overlap_policies", {})
    }
    for name, value in {**ROWS, **policies}.items():
        found = [value(metrics) for _, metrics, _ in runs if value(metrics)]
        if found:
            cells = [spread([100 * scores[item]["f1"] for scores in found]) for item in ITEMS]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _groups(runs: Sequence[NamedRun], key: str, heading: str) -> list[str]:
    """Lines of a table of one breakdown. A fold has few of a group, so folds are counted together."""
    lines = ["", f"| {heading} | Entities | Relations |", "|---|---:|---:|"]
    for group in runs[0][1][key]:
        cells = []
        for item in ITEMS:
            found = [metrics[key][group][item] for _, metrics, _ in runs]
            cells.append(pooled_f1(found) if in_folds(runs) else spread([100 * scores["f1"] for scores in found]))
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return lines


def pooled_f1(found: Sequence[dict[str, Any]]) -> str:
    """F1 in percent of counts added up, `-` where there is nothing to count."""
    correct, gold, predicted = (sum(scores[name] for scores in found) for name in ("correct", "gold", "predicted"))
    return f"{200 * correct / (gold + predicted):.2f}" if gold + predicted else "-"


def _error_kinds(runs: Sequence[NamedRun]) -> list[str]:
    """Lines of a table for entities and one for relations: how often each kind occurs, means of runs.

    Runs scored before there were these kinds are left out: what they call missed is something else.
    """
    found = [metrics["error_kinds"] for _, metrics, _ in runs if "error_kinds" in metrics]
    found = [kinds for kinds in found if tuple(kinds["relations"]) == RELATION_KINDS]
    lines = []
    for item in found[0] if found else ():
        kinds = list(found[0][item])
        cells = [f"{statistics.mean(run[item][kind] for run in found):.1f}" for kind in kinds]
        lines += ["", f"| {item.capitalize()} | {' | '.join(kinds)} |", f"|---|{'---:|' * len(kinds)}"]
        lines.append(f"| mean of {len(found)} run{'s' * (len(found) > 1)} | {' | '.join(cells)} |")
    return lines
