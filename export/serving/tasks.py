"""A request in the queue: its parts, its cost, and its answer, alone or in a batch."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from export.serving import costs, status, tensors

if TYPE_CHECKING:
    import numpy as np

    from export.serving.status import ServingError


@dataclass(eq=False)
class Task:
    """A request in the queue.

    Args:
        key: tuple `(servable, signature)`. Only tasks with the same key are joined.
        feeds: dict of input name to array.
        rows: int. Size of dimension 0, or None where the inputs have no batch dimension.
        deadline: float or None. In the clock of `time.monotonic`.
        client: str. Name of the client; clients take turns.
        pairs: float. Cost of a pair of tokens, see `costs.AnswerCosts`.
        longest: int. Tokens of the longest row, at most those that the model reads. Default: an estimate.
        whole: future or None. That of the request, if the task is a part of one.
    """

    key: tuple
    feeds: dict
    rows: int | None
    deadline: float | None = None
    client: str = ""
    pairs: float = costs.PAIRS
    longest: int = 0
    whole: concurrent.futures.Future | None = None
    future: concurrent.futures.Future = field(default_factory=concurrent.futures.Future)
    enqueued: float = 0.0

    def __post_init__(self) -> None:
        self.size = max(self.rows or 0, 1)  # a request without rows takes room in the queue too
        self.width = max((tensors.longest_row(array) for array in self.feeds.values()), default=0)
        self.longest = self.longest or costs.tokens(self.feeds)
        self.cost = padded_cost(self.size, self.longest, self.pairs)

    def given_up(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.future.cancelled() or (self.whole is not None and self.whole.done())

    def parts(self, most: float) -> list[Task]:
        """The task in parts of some rows, each of which costs at most `most` or has one row."""
        row = padded_cost(1, self.longest, self.pairs)
        rows = max(int(most / row), 1)
        if self.cost <= most or self.rows is None or rows >= self.rows:
            return [self]
        return [
            Task(
                self.key,
                {name: array[first : first + rows] for name, array in self.feeds.items()},
                min(rows, self.rows - first),
                self.deadline,
                self.client,
                self.pairs,
                self.longest,
                self.future,
            )
            for first in range(0, self.rows, rows)
        ]


def padded_cost(rows: int, longest: int, pairs: float) -> float:
    """Cost of a batch in tokens, as if all of its rows had the length of the longest."""
    return rows * longest * (1 + pairs * longest)


def join(whole: concurrent.futures.Future, parts: Sequence[concurrent.futures.Future]) -> None:
    """Give a future the joined results of its parts, or the first error of one."""
    left, lock = [len(parts)], threading.Lock()

    def finished(part: concurrent.futures.Future) -> None:
        with lock:
            left[0] -= 1
            if whole.done() or part.cancelled():
                return
            error = part.exception()
            if error is None and left[0]:
                return
            with contextlib.suppress(concurrent.futures.InvalidStateError):  # cancelled at this moment
                if error is not None:
                    whole.set_exception(error)
                else:
                    results = [one.result() for one in parts]
                    whole.set_result({name: tensors.concatenate([r[name] for r in results]) for name in results[0]})

    for part in parts:
        part.add_done_callback(finished)


def alone(task: Task) -> dict[str, np.ndarray] | ServingError:
    """Compute one task: its answer, or the error."""
    try:
        return compute([task])[0]
    except Exception as error:
        return status.of(error)


def compute(tasks: Sequence[Task]) -> list[dict[str, np.ndarray]]:
    """Compute a batch: a dict of output name to array for each task."""
    servable, signature = tasks[0].key[:2]
    if len(tasks) == 1:
        return [servable.run(signature, tasks[0].feeds)]
    feeds = {name: tensors.concatenate([task.feeds[name] for task in tasks]) for name in tasks[0].feeds}
    found = servable.run(signature, feeds)
    sizes = [task.rows or 0 for task in tasks]
    rows = sum(sizes)
    if any(getattr(array, "ndim", 0) == 0 or len(array) != rows for array in found.values()):
        raise ValueError("An output without a batch dimension cannot be divided among the requests of a batch")
    results, row = [], 0
    for size in sizes:
        results.append({name: array[row : row + size] for name, array in found.items()})
        row += size
    return results
