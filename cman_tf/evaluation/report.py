"""One HTML page that shows a run: its scores and every sentence with what is right and wrong in it.

The page needs no other file and no network. It stays usable with thousands of sentences because they are plain
markup that the browser lays out only when they come into view (`content-visibility`), and filters only hide rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cman_tf.data.document import Document
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.curves import curves_svg, inline_svg, precision_recall_curve, reliability_diagram
from cman_tf.evaluation.error_kinds import ENTITY_KINDS, RELATION_KINDS, compare
from cman_tf.evaluation.markup import View, comparison_view, extraction_view, render, type_hues
from cman_tf.evaluation.scorer import check_same_sentences
from cman_tf.evaluation.tables import NO_RELATIONS, summary_table, type_tables
from cman_tf.files import atomic_write


class Row(NamedTuple):
    """One sentence of a page; `keys` are the filters that select it, one for each entity and relation."""

    id: str
    keys: list[str]
    view: View


def write_report(
    path: str | Path,
    gold: Sequence[Document],
    predicted: Sequence[Document],
    metrics: Mapping[str, Any],
    *,
    title: str,
    history: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write the report of a run: scores, breakdowns, curves, and each sentence with its errors, with filters.

    Args:
        path: str or path. The HTML file, replaced atomically.
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order. Scores are shown if present.
        metrics: dict, as from `evaluate`, for the tables and curves; that of `score` has fewer.
        title: str. Heading of the page, plain text.
        history: sequence of dict or None. Rows of the training history, as in `curves_svg`. Default None: no
            curves.

    Raises:
        InputError: if gold and prediction do not contain the same sentences, or the file cannot be written.
    """
    check_same_sentences(gold, predicted)
    rows = []
    for one, other in zip(gold, predicted):
        keys = [
            f"{prefix}{kinds.index(finding.kind)}"
            for prefix, kinds, findings in zip("er", (ENTITY_KINDS, RELATION_KINDS), compare(one, other))
            for finding in findings
        ]
        rows.append(Row(one.id, keys, comparison_view(one, other)))
    filters = [
        (name, [(f"{prefix}{i}", kind, kind) for i, kind in enumerate(kinds)])
        for prefix, name, kinds in (("e", "Entities", ENTITY_KINDS), ("r", "Relations", RELATION_KINDS))
    ]
    _write(
        path,
        "report.html",
        [*gold, *predicted],
        rows,
        title=title,
        filters=filters,
        metrics={"exclude_types": (), **metrics},
        summary_table=summary_table(metrics),
        no_relations=NO_RELATIONS,
        type_tables=type_tables(metrics),
        breakdowns=[
            ("Sentence length (tokens)", by_sentence_length(gold, predicted)),
            ("Entity distance (characters)", by_entity_distance(gold, predicted)),
        ],
        curves=curves_svg(history) if history else "",
        confidence=_confidence(metrics.get("confidence")),
    )


def _confidence(found: Mapping[str, Any] | None) -> list[str]:
    """Inline SVGs of `cman_tf.evaluation.confidence.confidence`."""
    if not found:
        return []
    return [
        inline_svg(precision_recall_curve(found), "precision and recall at every threshold"),
        inline_svg(reliability_diagram(found), "share of right items by score"),
    ]


def write_extraction_page(path: str | Path, documents: Sequence[Document], *, title: str) -> None:
    """Write a page of the entities and relations found in some sentences, with a filter for each type.

    Args:
        path: str or path. The HTML file, replaced atomically.
        documents: sequence of `Document`, as predicted. Scores are shown if present.
        title: str. Heading of the page, plain text.

    Raises:
        InputError: if the file cannot be written.
    """
    entity_types = list(type_hues(documents))
    relation_types = sorted({relation.type for document in documents for relation in document.relations})
    rows = []
    for document in documents:
        keys = [f"e{entity_types.index(entity.type)}" for entity in document.entities]
        keys += [f"r{relation_types.index(relation.type)}" for relation in document.relations]
        rows.append(Row(document.id, keys, extraction_view(document)))
    filters = [
        ("Entities", [(f"e{i}", "", name) for i, name in enumerate(entity_types)]),
        ("Relations", [(f"r{i}", "", name) for i, name in enumerate(relation_types)]),
    ]
    _write(path, "page.html", documents, rows, title=title, filters=filters)


def _write(path: str | Path, template: str, documents: Sequence[Document], rows: Sequence[Row], **values: Any) -> None:
    counts = Counter(key for row in rows for key in row.keys)
    page = render(template, rows=rows, counts=counts, hues=type_hues(documents), **values)
    with atomic_write(path) as file:
        file.write(page)
