"""Mean and standard deviation of the scores of several runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def mean_sd(values: Sequence[float]) -> dict[str, float | None]:
    """`{"mean", "sd"}` of one value or more; `sd` is that of a sample, None for one value."""
    return {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}
