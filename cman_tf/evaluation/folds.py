"""Summary of the folds of a cross-validation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cman_tf.evaluation.averages import mean_sd
from cman_tf.evaluation.scorer import ITEMS, MODES, RATES

_AVERAGES = ("micro", "macro")


def summary(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Mean and standard deviation over folds.

    Args:
        paths: sequence of path, the `metrics.json` of one fold each.

    Returns:
        dict: `folds`; `strict` and `boundaries`, each `{"micro"|"macro": {"entities"|"relations": {rate: {"mean",
        "sd"}}}}`; `overlap_policies`, the strict part of the same for each policy. `sd` is None with one fold. Rates
        are fractions.
    """
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    result = {"folds": len(found), **{mode: _over(found, lambda metrics, mode=mode: metrics[mode]) for mode in MODES}}
    policies = found[0].get("overlap_policies", {})
    result["overlap_policies"] = {
        name: _over(found, lambda metrics, name=name: metrics["overlap_policies"][name]["strict"]) for name in policies
    }
    return result


def _over(found: Sequence[dict[str, Any]], part: Callable[..., Any]) -> dict[str, Any]:
    return {
        average: {
            item: {rate: mean_sd([part(metrics)[average][item][rate] for metrics in found]) for rate in RATES}
            for item in ITEMS
        }
        for average in _AVERAGES
    }
