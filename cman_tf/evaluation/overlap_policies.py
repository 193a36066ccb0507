"""Scores under each policy for overlapping gold entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cman_tf.data.document import Document
from cman_tf.data.overlap import no_overlapping, resolve
from cman_tf.evaluation.scorer import score


def by_overlap_policy(gold: Sequence[Document], predicted: Sequence[Document]) -> dict[str, Any]:
    """Strict and boundaries scores under every policy; published figures use different ones.

    Args:
        gold: sequence of `Document`, annotated, with overlapping entities.
        predicted: sequence of `Document`, the same sentences in the same order, without overlapping entities.

    Returns:
        dict: for `all` (every gold entity counts, also those that BIO tags cannot represent), `keep_outer`,
        `drop_sentences` and `no_overlapping` (see `cman_tf.data.overlap`) the `strict` and `boundaries` scores and
        `counts` that `score` returns.
    """
    flat = [index for index, document in enumerate(gold) if not document.overlapping()]
    pairs = {
        "all": (gold, predicted),
        "keep_outer": (resolve(gold, "keep_outer")[0], predicted),
        "drop_sentences": ([gold[index] for index in flat], [predicted[index] for index in flat]),
        "no_overlapping": (no_overlapping(gold)[0], predicted),
    }
    results = {}
    for name, (kept, found) in pairs.items():
        metrics = score(kept, found)
        results[name] = {key: metrics[key] for key in ("strict", "boundaries", "counts")}
    return results
