"""Whose turn it is: clients share the server by the cost of their requests, not by their number."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection

# An expensive request waits so many seconds for each token of its cost, about a tenth of what it will take, for clients
# that have used less and were just answered: they are about to ask again.
PATIENCE = 2e-5
LONGEST = 0.5
# Clients that are remembered; one that is forgotten begins where the others are.
MEMORY = 10_000


class Turns:
    """The cost that each client has used, as virtual time (start-time fair queueing). The caller holds a lock.

    The client that has used least is next. One that comes back after a pause begins where the others are: it has no
    claim to what it did not use. An expensive request of a client that has used more than others waits a moment for
    those who were just answered, because it cannot be interrupted once it is computed.
    """

    def __init__(self) -> None:
        self._used: OrderedDict[str, float] = OrderedDict()
        self._answered: OrderedDict[str, float] = OrderedDict()
        self._now = 0.0

    def arrive(self, client: str) -> None:
        """A client without other requests in the queue has a new one."""
        self._used[client] = max(self._used.get(client, 0.0), self._now)
        self._used.move_to_end(client)
        if len(self._used) > MEMORY:
            self._used.popitem(last=False)

    def used(self, client: str) -> float:
        """What a client has used, float."""
        return self._used.get(client, self._now)

    def take(self, client: str, cost: float, leads: bool) -> None:
        """A request is taken from the queue; `leads` says whether it was this client's turn."""
        used = self.used(client)
        if leads:
            self._now = max(self._now, used)
        self._used[client] = used + cost

    def answer(self, client: str) -> None:
        """A request has been answered."""
        now = time.monotonic()
        self._answered[client] = now
        self._answered.move_to_end(client)
        while next(iter(self._answered.values())) + LONGEST < now:
            self._answered.popitem(last=False)

    def wait_for(self, client: str, present: Collection[str], cost: float) -> float:
        """Time of the clock `time.monotonic` until which an expensive request waits for clients with better claims.

        Args:
            client: str.
            present: collection of str. Clients with requests in the queue.
            cost: float. Of the request, in tokens.

        Returns:
            float, 0 if there are none.
        """
        now, used, patience = time.monotonic(), self.used(client), min(PATIENCE * cost, LONGEST)
        awaited = [
            at + patience
            for other, at in self._answered.items()
            if other not in present and at + patience > now and max(self.used(other), self._now) < used
        ]
        return max(awaited, default=0.0)
