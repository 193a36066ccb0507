"""A section of the results page for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cman_tf.evaluation.averages import mean_sd
from cman_tf.evaluation.error_kinds import RELATION_KINDS
from cman_tf.evaluation.scorer import ITEMS
from reproduction import markdown, published
from reproduction.runs import NamedRun, corpus, encoders, f1_cells, in_folds, protocol, runs_of, start, units

GROUPS = {"by_sentence_length": "Tokens in sentence", "by_entity_distance": "Characters from end to end"}

# Rows of a section and the scores that they show of a run's metrics, None if the run lacks them.
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
    "relations restricted to the types seen in training": lambda metrics: (
        metrics.get("type_constrained", {}).get("strict", {}).get("micro")
    ),
}


def experiment(folder: Path, results: Path, detailed: bool) -> str:
    """A section for the seeds or folds of one experiment.

    Args:
        folder: path. Its folders are the runs.
        results: path. The folder of all experiments.
        detailed: bool. Whether to include scores by sentence length and entity distance, and the kinds of error.
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
    named = protocol(first, config)
    if in_folds(runs):
        sentences = f"{sum(metrics['counts']['sentences'] for _, metrics, _ in runs)} sentences in {len(runs)} folds"
        if named == "train":
            named += ", dev held out of each fold's training part"
    else:
        counts = first["counts"]
        sentences = (
            f"{counts['sentences']} sentences, {counts['entities_gold']} entities, {counts['relations_gold']} relations"
        )
    overlap = config["corpus"]["overlap"]
    policy = "" if overlap == "error" else f", overlapping entities by policy {overlap}"
    vectors = Path(config["words"]["vectors"] or "none").name
    vectors = f"those of {start(config)}" if start(config) else vectors
    return (
        f"Corpus {corpus(first, config)}, split {first['split']} ({sentences}){policy}, protocol {named}, "
        f"{config['training']['epochs']} epochs, adversarial alpha {config['training']['adversarial_alpha']}, "
        f"{units(runs)}. Word vectors: {vectors}; {encoders(config)}."
    )


def _scores(runs: Sequence[NamedRun]) -> list[str]:
    _, first, config = runs[0]
    rows = published.ROWS.get(first["corpus"], {})
    if encoders(config).endswith(" minilm"):
        rows = published.SAME_ENCODER
    cells = [[name, *(f"{score:.2f}" for score in scores)] for name, scores in rows.items()]
    policies = {
        f"gold entities by policy {name}, micro": lambda metrics, name=name: metrics["overlap_policies"][name][
            "strict"
        ]["micro"]
        for name in first.get("overlap_policies", {})
    }
    for name, value in {**ROWS, **policies}.items():
        found = [value(metrics) for _, metrics, _ in runs if value(metrics)]
        if found:
            cells.append([name, *f1_cells(found)])
    return markdown.table(["", "Entities", "Relations"], cells)


def _groups(runs: Sequence[NamedRun], key: str, heading: str) -> list[str]:
    """Lines of a table of one breakdown. Groups are small in a fold, so the counts of folds are added."""
    rows = []
    for group in runs[0][1][key]:
        found = [metrics[key][group] for _, metrics, _ in runs]
        pooled = [_pooled_f1([scores[item] for scores in found]) for item in ITEMS]
        rows.append([group, *(pooled if in_folds(runs) else f1_cells(found))])
    return ["", *markdown.table([heading, "Entities", "Relations"], rows)]


def _pooled_f1(found: Sequence[dict[str, Any]]) -> str:
    """F1 in percent of added counts, `-` if all of them are 0."""
    correct, gold, predicted = (sum(scores[name] for scores in found) for name in ("correct", "gold", "predicted"))
    return f"{200 * correct / (gold + predicted):.2f}" if gold + predicted else "-"


def _error_kinds(runs: Sequence[NamedRun]) -> list[str]:
    """Lines of a table for entities and one for relations: number of each kind, means over runs.

    Skips runs that were scored with other kinds: their `missed` has another meaning.
    """
    found = [metrics["error_kinds"] for _, metrics, _ in runs if "error_kinds" in metrics]
    found = [kinds for kinds in found if tuple(kinds["relations"]) == RELATION_KINDS]
    lines = []
    for item in found[0] if found else ():
        kinds = list(found[0][item])
        cells = [f"{mean_sd([run[item][kind] for run in found])['mean']:.1f}" for kind in kinds]
        row = [f"mean of {len(found)} run{'s' * (len(found) > 1)}", *cells]
        lines += ["", *markdown.table([item.capitalize(), *kinds], [row])]
    return lines
