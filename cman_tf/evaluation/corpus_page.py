"""One HTML page of what `cman data check` finds in a corpus. It needs no other file and no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cman_tf.data import checks
from cman_tf.data.checks import Finding, Splits
from cman_tf.evaluation.breakdowns import by_sentence_length
from cman_tf.evaluation.markup import render
from cman_tf.files import atomic_write

MOST = 500
"""Most examples of a finding on the page."""


def write_corpus_page(
    path: str | Path,
    splits: Splits,
    findings: Sequence[Finding],
    *,
    title: str,
) -> None:
    """Write the page.

    Args:
        path: str or path. The HTML file, replaced atomically.
        splits: dict of split to sequence of `Document`, at least one of each.
        findings: sequence of `Finding`, the result of `cman_tf.data.checks.findings`.
        title: str. Heading of the page, plain text.

    Raises:
        InputError: if the file cannot be written.
    """
    lengths: dict[str, list[tuple[int, float]]] = {}
    for documents in splits.values():
        for name, group in by_sentence_length(documents, documents).items():
            lengths.setdefault(name, []).append((group["sentences"], group["sentences"] / len(documents)))
    page = render(
        "corpus.html", title=title, splits=splits, tables=_tables(splits), findings=findings, most=MOST, lengths=lengths
    )
    with atomic_write(path) as file:
        file.write(page)


def _tables(splits: Splits) -> list[tuple[str, list[list[str]]]]:
    """`(heading, rows)`: figures, entity types, relation types, and types of head and tail, a column per split."""
    parts = splits.values()
    figures = [checks.figures(documents) for documents in parts]
    kinds: dict[str, list[Mapping[str, int]]] = {
        "Entity type": [
            Counter(item.type for document in documents for item in document.entities) for documents in parts
        ],
        "Relation type": [
            Counter(item.type for document in documents for item in document.relations) for documents in parts
        ],
        "Types of head and tail": [checks.signature_counts(documents) for documents in parts],
    }
    return [
        ("", _rows(figures, list(figures[0]))),
        *((name, _rows(columns, sorted(set().union(*columns)))) for name, columns in kinds.items()),
    ]


def _rows(columns: Sequence[Mapping[str, int]], names: Sequence[str]) -> list[list[str]]:
    return [[name, *(f"{column.get(name, 0):,}" for column in columns)] for name in names]
