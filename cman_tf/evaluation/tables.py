"""Tables of scores for the terminal and the report, in percent with two decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cman_tf.errors import printable
from cman_tf.evaluation.scorer import ITEMS, MODES, RATES

if TYPE_CHECKING:
    from cman_tf.model.calibration import Calibration

NO_RELATIONS = "There are neither annotated nor predicted relations: only entities are scored."

_COUNTS = ("gold", "predicted", "correct")


def text_table(metrics: Mapping[str, Any]) -> str:
    """The scores for a terminal: strict and boundaries, micro and macro, then each type (strict).

    Args:
        metrics: dict, as from `score`.

    Returns:
        str: three tables, lines of at most 100 characters, without colours. Rates are percent.
    """
    excluded = metrics.get("exclude_types")
    note = f"Without entities of type {', '.join(map(printable, excluded))}." if excluded else ""
    if not metrics["counts"]["relations_gold"] and not metrics["counts"]["relations_predicted"]:
        note = " ".join([*[note] * bool(note), NO_RELATIONS])
    return _text([summary_table(metrics), *type_tables(metrics)], note)


def evaluation_text(metrics: Mapping[str, Any]) -> str:
    """All scores of an evaluation, for a terminal: the tables of `text_table`, variants and breakdowns.

    Args:
        metrics: dict, `Evaluation.metrics`.

    Returns:
        str.
    """
    excluded = metrics.get("without_types", {}).get("exclude_types", ())
    others = [
        ("without repeated", metrics.get("without_repeated")),
        ("without " + ", ".join(excluded), metrics.get("without_types")),
        ("gold labels fed", metrics.get("gold_labels")),
        ("types constrained", metrics.get("type_constrained")),
        *((f"gold entities: {policy}", found) for policy, found in metrics.get("overlap_policies", {}).items()),
    ]
    rows = [
        [name, *(percent(found["strict"]["micro"][item][rate]) for item in ITEMS for rate in RATES)]
        for name, found in others
        if found
    ]
    tables = [(["Strict micro", *summary_table(metrics)[0][1:]], rows)] if rows else []
    for key, heading in (
        ("by_sentence_length", "Tokens of sentence"),
        ("by_entity_distance", "Characters from end to end"),
    ):
        groups = metrics.get(key, {}).items()
        headings = [heading, "Entities F1", "gold", "Relations F1", "gold"]
        rows = [
            [name, *(cell for item in ITEMS for cell in (group_f1(group[item]), str(group[item]["gold"])))]
            for name, group in groups
        ]
        tables += [(headings, rows)] if rows else []
    tables += _calibration_error(metrics.get("confidence", {}))
    note = ""
    if "against" in metrics:
        against = metrics["against"]
        note = f"Against {printable(against['run'])}, strict micro F1, paired bootstrap:\n"
        for item in ITEMS:
            low, high = against[item]["interval"]
            note += (
                f"  {item}: {100 * against[item]['difference']:+.2f} (95 %: {100 * low:+.2f} to {100 * high:+.2f}), "
                f"p {p_value(against[item])}\n"
            )
    return text_table(metrics) + (f"\n{_text(tables, note)}" if tables or note else "")


def p_value(found: Mapping[str, Any]) -> str:
    """The p-value of a bootstrap with its sign, `= 0.0421`; `< 0.0001` if no draw contradicts the difference."""
    p, least = found["p_value"], 1 / found["samples"]
    return f"= {p:.4f}" if p >= least else f"< {least:.4f}"


def _calibration_error(confidence: Mapping[str, Any]) -> list[tuple[list[str], list[list[str]]]]:
    """`(headings, rows)` of the expected calibration error; none without scores."""
    rows = []
    for key, name in (("before_calibration", "before calibration"), ("reliability", "scores")):
        if any(key in found for found in confidence.values()):
            errors = [confidence.get(item, {}).get(key, {}).get("expected_calibration_error") for item in ITEMS]
            rows.append([name, *("-" if error is None else percent(error) for error in errors)])
    return [(["Expected calibration error, %", "Entities", "Relations"], rows)] if rows else []


def thresholds_text(calibration: Calibration) -> str:
    """Fitted thresholds for a terminal, with the number of examples that each was chosen on."""
    about = calibration.fitted_on
    rows = [["entities", f"{calibration.entity_threshold:.3f}", str(about.get("entities", "-"))]]
    examples = about.get("relations", {})
    rows += [
        [name, f"{value:.3f}", str(examples.get(name, "-"))] for name, value in calibration.relation_thresholds.items()
    ]
    note = f"Fitted on {about.get('split')} of {about.get('corpus')}, {about.get('sentences')} sentences."
    return _text([(["Thresholds", "Lowest score", "examples"], rows)], note)


def _text(tables: Sequence[tuple[Sequence[str], Sequence[Sequence[str]]]], note: str) -> str:
    text = StringIO()
    console = Console(file=text, width=100, color_system=None)
    for headings, rows in tables:
        table = Table(box=SIMPLE, pad_edge=False)
        for position, heading in enumerate(headings):
            # A long name of a type is wrapped.
            wrapped = {"justify": "left", "overflow": "fold"}
            table.add_column(heading, **({"justify": "right", "no_wrap": True} if position else wrapped))
        for first, *cells in rows:
            # A type's name is data: rich must not read "[bold]" in it as markup.
            table.add_row(Text(printable(first)), *cells)
        console.print(table)
    if note:
        for line in note.splitlines():
            console.print(Text(printable(line)), soft_wrap=True)
    lines = text.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def percent(fraction: float) -> str:
    """A fraction as percent with two decimals, without the sign."""
    return f"{100 * fraction:.2f}"


def group_f1(scores: Mapping[str, Any]) -> str:
    """F1 of a group of a breakdown in percent; a dash if the group has neither gold nor predicted items."""
    return percent(scores["f1"]) if scores["gold"] or scores["predicted"] else "-"


def summary_table(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """`(headings, rows)`: strict and boundaries, micro and macro, in percent."""
    headings = ["", "Entities P", "R", "F1", "Relations P", "R", "F1"]
    rows = [
        [f"{mode} {average}", *(_rate(metrics, mode, average, item, rate) for item in ITEMS for rate in RATES)]
        for mode in MODES
        for average in ("micro", "macro")
    ]
    return headings, rows


def _rate(metrics: Mapping[str, Any], mode: str, average: str, item: str, rate: str) -> str:
    """A rate in percent; a dash if there are neither gold nor predicted items."""
    counts = metrics["counts"]
    there = counts[f"{item}_gold"] or counts[f"{item}_predicted"]
    return percent(metrics[mode][average][item][rate]) if there else "-"


def type_tables(metrics: Mapping[str, Any]) -> list[tuple[list[str], list[list[str]]]]:
    """`(headings, rows)` of the strict scores of each entity type, and of each relation type."""
    tables = []
    for item, heading in (("entities", "Entity type"), ("relations", "Relation type")):
        rows = [
            [name, *(percent(row[rate]) for rate in RATES), *(str(row[count]) for count in _COUNTS)]
            for name, row in metrics["per_type"]["strict"][item].items()
        ]
        if rows:
            tables.append(([f"{heading}, strict", "P", "R", "F1", "gold", "predicted", "correct"], rows))
    return tables
