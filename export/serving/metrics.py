"""Counters in Prometheus's text format, with TensorFlow Serving's names."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc

    from export.serving.status import ServingError

PATH = "/monitoring/prometheus/metrics"

# Not with a library: theirs append `_total` to names of counters, which dashboards for TensorFlow Serving do not know.
_MICROSECONDS = [10 * 1.8**power for power in range(24)]
_TOKENS = [20 * 2**power for power in range(16)]
_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256]


class Metrics:
    """The counters since the server's start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self._histograms: dict[str, tuple[Sequence[float], dict[Any, list[Any]]]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def count(self, name: str, **labels: str | int) -> None:
        """Add one to a counter."""
        with self._lock:
            self._counters[name][tuple(labels.items())] += 1

    def observe(self, name: str, value: float, bounds: Sequence[float] = _MICROSECONDS, **labels: str) -> None:
        """Add a value to a histogram."""
        with self._lock:
            _, series = self._histograms.setdefault(name, (bounds, {}))
            buckets = series.setdefault(tuple(labels.items()), [[0] * (len(bounds) + 1), 0.0])
            buckets[0][bisect_left(bounds, value)] += 1
            buckets[1] += value

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Show the value of `read()` at the time of each request for the page."""
        self._gauges[name] = read

    def batch(self, rows: int, queued: float, computing: float) -> None:
        """Count a batch: its rows, seconds that its oldest request waited, seconds of computing."""
        self.observe(":tensorflow:serving:batching_session:queuing_latency", queued * 1e6)
        self.observe(":tensorflow:serving:runtime_latency", computing * 1e6, API="Predict", runtime="TF1")
        self.observe(":cman:serving:batch_rows", rows, _ROWS)

    def request(self, model: str, code: grpc.StatusCode, seconds: float, entrypoint: str) -> None:
        """Count an answered request."""
        self.count(":tensorflow:serving:request_count", model_name=model, status=code.name)
        self.observe(
            ":tensorflow:serving:request_latency",
            seconds * 1e6,
            model_name=model,
            API="Predict",
            entrypoint=entrypoint,
        )

    def cost(self, tokens: float) -> None:
        """Count the estimated cost of a request, see `costs`."""
        self.observe(":cman:serving:request_cost", tokens, _TOKENS)

    def refused(self, failure: ServingError) -> None:
        """Count a refused request by its reason, if it has one."""
        if failure.reason:
            self.count(":cman:serving:refused_count", reason=failure.reason)

    def page(self) -> str:
        """The page, str."""
        with self._lock:
            lines = [line for name, series in sorted(self._counters.items()) for line in _counter(name, series)]
            for name, (bounds, series) in sorted(self._histograms.items()):
                lines += _histogram(name, bounds, series)
        for name, read in self._gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name}{{}} {read()}"]
        return "\n".join(lines) + "\n"


def _counter(name: str, series: Mapping[tuple[tuple[str, str], ...], int]) -> list[str]:
    return [f"# TYPE {name} counter", *(f"{name}{{{_labels(labels)}}} {value}" for labels, value in series.items())]


def _histogram(
    name: str, bounds: Sequence[float], series: Mapping[tuple[tuple[str, str], ...], list[Any]]
) -> list[str]:
    lines = [f"# TYPE {name} histogram"]
    for labels, (buckets, total) in series.items():
        cumulative = 0
        for bound, count in zip([*(f"{bound:g}" for bound in bounds), "+Inf"], buckets):
            cumulative += count
            lines.append(f"{name}_bucket{{{_labels((*labels, ('le', bound)))}}} {cumulative}")
        lines.append(f"{name}_sum{{{_labels(labels)}}} {total:g}")
        lines.append(f"{name}_count{{{_labels(labels)}}} {cumulative}")
    return lines


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels)


def _escape(value: object) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
