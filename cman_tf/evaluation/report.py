"""One HTML page that shows a run: its scores and every sentence with what is right and wrong in it.

The page needs no other file and no network. It stays usable with thousands of sentences because they are plain
markup that the browser lays out only when they come into view (`content-visibility`), and filters only hide rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from cman_tf.data.document import Document
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.curves import curves_svg
from cman_tf.evaluation.error_kinds import ENTITY_KINDS, RELATION_KINDS, compare
from cman_tf.evaluation.markup import (
    SYMBOLS,
    comparison_html,
    extraction_html,
    kind_class,
    page_file,
    text_html,
    type_hues,
)
from cman_tf.evaluation.scorer import check_same_sentences
from cman_tf.evaluation.tables import bars_html, html_tables, percent
from cman_tf.files import atomic_write


def write_report(
    path: str | Path,
    gold: Sequence[Document],
    predicted: Sequence[Document],
    metrics: Mapping[str, Any],
    *,
    title: str,
    history: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write the report of a run: scores, breakdowns, curves, and each sentence with its errors, to be filtered.

    Args:
        path: str or path. The HTML file; replaced as a whole, never left half-written.
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order. Scores are shown where present.
        metrics: dict, as from `score`, for the tables.
        title: str. Heading of the page, plain text.
        history: sequence of dict or None. Rows of the training history, as in `curves_svg`. Default None: no
            curves.

    Raises:
        InputError: gold and prediction do not hold the same sentences, or the file cannot be written.
    """
    check_same_sentences(gold, predicted)
    hues = type_hues([*gold, *predicted])
    rows = []
    counts: Counter[str] = Counter()
    for number, (one, other) in enumerate(zip(gold, predicted), 1):
        keys = [
            f"{prefix}{kinds.index(finding.kind)}"
            for prefix, kinds, findings in zip("er", (ENTITY_KINDS, RELATION_KINDS), compare(one, other))
            for finding in findings
        ]
        counts.update(keys)
        rows.append(_row(number, one, keys, comparison_html(one, other, hues)))
    filters = [
        (name, [(f"{prefix}{i}", kind_class(kind), SYMBOLS[kind], kind) for i, kind in enumerate(kinds)])
        for prefix, name, kinds in (("e", "Entities", ENTITY_KINDS), ("r", "Relations", RELATION_KINDS))
    ]
    sections = [_headline(metrics), f"<details open><summary>Scores</summary>{html_tables(metrics)}</details>"]
    bars = bars_html(by_sentence_length(gold, predicted), "Sentence length (tokens)")
    bars += bars_html(by_entity_distance(gold, predicted), "Entity distance (characters)")
    sections.append(f'<details open><summary>Where it is right</summary><div class="pair">{bars}</div></details>')
    curves = curves_svg(history) if history else ""
    if curves:
        sections.append(f'<details open><summary>Training</summary><div class="pair">{curves}</div></details>')
    _write(path, title, "".join(sections), filters, counts, rows)


def write_extraction_page(path: str | Path, documents: Sequence[Document], *, title: str) -> None:
    """Write a page of what was found in some sentences, to be filtered by type.

    Args:
        path: str or path. The HTML file; replaced as a whole, never left half-written.
        documents: sequence of `Document`, with what the model found. Scores are shown where present.
        title: str. Heading of the page, plain text.

    Raises:
        InputError: the file cannot be written.
    """
    hues = type_hues(documents)
    entity_types = list(hues)
    relation_types = sorted({relation.type for document in documents for relation in document.relations})
    rows = []
    counts: Counter[str] = Counter()
    for number, document in enumerate(documents, 1):
        keys = [f"e{entity_types.index(entity.type)}" for entity in document.entities]
        keys += [f"r{relation_types.index(relation.type)}" for relation in document.relations]
        counts.update(keys)
        rows.append(_row(number, document, keys, extraction_html(document, hues)))
    filters = [
        ("Entities", [(f"e{i}", "", "", name) for i, name in enumerate(entity_types)]),
        ("Relations", [(f"r{i}", "", "", name) for i, name in enumerate(relation_types)]),
    ]
    _write(path, title, "", filters, counts, rows)


def _headline(metrics: Mapping[str, Any]) -> str:
    """The two figures that a reader looks for first."""
    cards = "".join(
        f'<div class="card {item}"><b>{percent(metrics["strict"]["micro"][item]["f1"])}</b> '
        f"{item} F1 <small>strict micro, {metrics['counts'][f'{item}_gold']} gold</small></div>"
        for item in ("entities", "relations")
    )
    excluded = metrics.get("exclude_types")
    note = ""
    if excluded:
        names = ", ".join(excluded)
        note = f"<p>The scores leave out entities of type {text_html(names)}; the sentences below show them.</p>"
    return f'<div class="cards">{cards}</div>{note}'


def _row(number: int, document: Document, keys: Sequence[str], body: str) -> str:
    name = f"<br> {text_html(document.id)}" if document.id else ""
    kinds = " ".join(dict.fromkeys(keys))
    return f'<article data-kinds="{kinds}"><header>#{number}{name}</header><div>{body}</div></article>'


def _filters(filters: Sequence[tuple[str, Sequence[tuple[str, str, str, str]]]], counts: Mapping[str, int]) -> str:
    groups = []
    for name, choices in filters:
        chips = "".join(
            f'<label class="chip {css}"><input type="checkbox" value="{key}">'
            f"{f'<b>{symbol}</b> ' if symbol else ''}{text_html(label)} <small>{counts[key]}</small></label>"
            for key, css, symbol, label in choices
        )
        if chips:
            groups.append(f"<fieldset><legend>{escape(name)}</legend>{chips}</fieldset>")
    return "".join(groups)


def _write(
    path: str | Path,
    title: str,
    summary: str,
    filters: Sequence[tuple[str, Sequence[tuple[str, str, str, str]]]],
    counts: Mapping[str, int],
    rows: Sequence[str],
) -> None:
    page = Template(page_file("page.html")).substitute(
        title=escape(title),
        style=page_file("marks.css") + page_file("page.css"),
        script=page_file("page.js"),
        summary=summary,
        filters=_filters(filters, counts),
        total=len(rows),
        rows="\n".join(rows),
    )
    with atomic_write(path, "wb") as file:
        # A lone surrogate has no UTF-8 form; as a character reference it shows as the replacement character.
        file.write(page.encode("utf-8", errors="xmlcharrefreplace"))
