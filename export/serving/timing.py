"""How long calls take, for notebooks and benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable


def milliseconds(call: Callable[..., object], *arguments: object, **options: object) -> float:
    """How long one call takes.

    Args:
        call: callable, called with the other arguments; its answer is dropped.

    Returns:
        float, milliseconds of wall-clock time.

    Example:
        >>> milliseconds(time.sleep, 0.1) >= 100
        True
    """
    start = time.perf_counter()
    call(*arguments, **options)
    return 1000 * (time.perf_counter() - start)
