"""Sentences as HTML for a notebook, as predicted or with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cman_tf.evaluation.error_kinds import compare
from cman_tf.evaluation.markup import comparison_view, extraction_view, fragment_html
from cman_tf.evaluation.scorer import check_same_sentences

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def found_html(documents: Sequence[Document]) -> str:
    """Sentences with their entities marked and their relations listed, one below the other.

    Args:
        documents: sequence of `Document`.

    Returns:
        str: HTML for any page; it needs no other file.
    """
    return fragment_html([extraction_view(document) for document in documents], documents)


def errors_html(gold: Sequence[Document], predicted: Sequence[Document], limit: int = 10) -> str:
    """Sentences with errors, as annotated and as predicted.

    Args:
        gold: sequence of `Document`, annotated.
        predicted: sequence of `Document`, the same sentences in the same order.
        limit: int. Maximum number, those with most errors first. Default 10.

    Returns:
        str: HTML for any page; it needs no other file.

    Raises:
        InputError: if gold and prediction do not contain the same sentences.
    """
    check_same_sentences(gold, predicted)
    wrong = [
        (sum(finding.kind != "right" for findings in compare(*pair) for finding in findings), pair)
        for pair in zip(gold, predicted)
    ]
    worst = sorted((item for item in wrong if item[0]), key=lambda item: -item[0])[:limit]
    return fragment_html([comparison_view(*pair) for _, pair in worst], [*gold, *predicted])
