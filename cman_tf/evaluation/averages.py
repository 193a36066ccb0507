"""Mean and standard deviation of repeated measurements."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any


def mean_sd(values: Sequence[float]) -> dict[str, Any]:
    """Mean and sample standard deviation: `{"mean", "sd"}`; `sd` is None for one value."""
    return {"mean": statistics.mean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}
