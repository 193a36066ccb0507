"""All that was measured, as text for a terminal."""

from __future__ import annotations

from io import StringIO

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cman_tf.evaluation.scorer import ITEMS
from cman_tf.evaluation.tables import percent, text_table


def evaluation_text(metrics):
    """The content of `metrics.json` for a person to read.

    Args:
        metrics: dict, as from `evaluate`.

    Returns:
        str: the tables of `text_table`; strict micro F1 of the variants that were scored; strict micro F1 by sentence
        length and by entity distance; the comparison with a second run.
    """
    parts = [text_table(metrics)]
    strict = {name: metrics[name]["strict"]["micro"] for name in _VARIANTS if name in metrics}
    if strict:
        rows = [["all sentences, predicted labels", metrics["strict"]["micro"]]]
        rows += [[_VARIANTS[name](metrics), scores] for name, scores in strict.items()]
        parts.append(_table("Strict micro F1", [[name, *_f1(scores)] for name, scores in rows]))
    for name, heading in (("by_sentence_length", "Tokens in sentence"), ("by_entity_distance", "Characters between")):
        if name in metrics:
            rows = [[group, *_f1(scores)] for group, scores in metrics[name].items()]
            parts.append(_table(f"{heading}, strict micro F1", rows))
    if "against" in metrics:
        parts.append(_comparison(metrics["against"]))
    return "\n".join(parts)


_VARIANTS = {
    "without_repeated": lambda metrics: (
        "without sentences that recur in training "
        f"({metrics['without_repeated']['counts']['sentences']} of {metrics['counts']['sentences']} stay)"
    ),
    "without_types": lambda metrics: f"without entities of type {', '.join(metrics['without_types']['exclude_types'])}",
    "gold_labels": lambda metrics: "gold labels fed to the BLA units",
}


def _f1(scores):
    return [percent(scores[item]["f1"]) for item in ITEMS]


def _table(heading, rows):
    console = Console(file=StringIO(), width=100, color_system=None)
    table = Table(box=SIMPLE, pad_edge=False)
    for position, name in enumerate([heading, *(item.capitalize() for item in ITEMS)]):
        table.add_column(name, justify="right" if position else "left", no_wrap=True)
    for first, *cells in rows:
        table.add_row(first.replace("[", r"\["), *cells)
    console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n") + "\n"


def _comparison(against):
    lines = [f"Against {against['run']} (paired bootstrap, Koehn 2004)"]
    for item in ITEMS:
        result = against[item]
        low, high = result["interval"]
        lines.append(
            f"  {item}: {percent(result['f1_b'])} against {percent(result['f1_a'])}, difference "
            f"{100 * result['difference']:+.2f} (95 % of draws: {100 * low:+.2f} to {100 * high:+.2f}), "
            f"p = {result['p_value']:.4f}"
        )
    return "\n".join(lines) + "\n"
