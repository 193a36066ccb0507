"""Connections of the REST interface: how long each may take to send, who makes room, and how they end."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

MAX_CONNECTIONS = 256  # a thread each
TIMEOUT = 30  # seconds: for an answer as TensorFlow Serving's default, and for a client to send or to read all of one


class Client(io.RawIOBase):
    """What one connection sends, as a raw stream with a deadline for a whole request.

    The socket's own timeout begins anew with every byte: who sends one now and then would stay for ever.

    Args:
        connection: socket.

    Attributes:
        begun: bool. Whether a byte of the request has come; `began`, when.
        sending: bool. Whether it is the client's turn.
        expired: bool. Whether the deadline passed in its turn.
        cancel: callable or None. Gives up the answer that is being computed.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.connection = connection
        self.cancel: Callable[[], object] | None = None
        self.await_request()

    def await_request(self) -> None:
        """It is the client's turn, and its time for a request begins."""
        self.begun, self.sending, self.expired = False, True, False
        self.began = time.monotonic()
        self.deadline = self.began + TIMEOUT

    def begin_answer(self) -> None:
        """The request is whole: from now on the socket's own timeout counts."""
        self.sending = False
        self.connection.settimeout(TIMEOUT)

    def readable(self) -> bool:
        """True: what `io` asks of a stream that is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into `buffer`; how many, 0 at the end. `socket.timeout` once the time for a request is over."""
        left = self.deadline - time.monotonic()
        try:
            if left > 0:
                self.connection.settimeout(left)
                count = self.connection.recv_into(buffer)
                if count and not self.begun:
                    self.begun, self.began = True, time.monotonic()
                if count or time.monotonic() < self.deadline:
                    return count
            raise socket.timeout("The request was not sent in time")
        except socket.timeout:
            self.expired = True
            raise

    def hang_up(self, how: int = socket.SHUT_RD) -> None:
        """End one direction, or both. Not the method of a TLS socket, which would always end both."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.connection, how)


class Clients:
    """The connections that are open; `MAX_CONNECTIONS` of them at most."""

    def __init__(self) -> None:
        self._open: dict[Any, Client] = {}
        self._taken = 0
        self._changed = threading.Condition()

    def make_room(self) -> bool:
        """Take a place for a new connection; whether there was one.

        Where all are taken, who has been sending longest goes: a connection that sends nothing, or little by little,
        is what keeps others out.
        """
        with self._changed:
            if self._taken >= MAX_CONNECTIONS:
                senders = [client for client in self._open.values() if client.sending]
                if not senders:
                    return False
                oldest = min(senders, key=lambda client: client.deadline)
                oldest.deadline = 0
                oldest.hang_up()
                if not self._changed.wait_for(lambda: self._taken < MAX_CONNECTIONS, 1):
                    return False
            self._taken += 1
            return True

    def add(self, connection: socket.socket) -> Client:
        """The `Client` of a connection that has a place."""
        with self._changed:
            client = self._open[connection] = Client(connection)
            return client

    def __getitem__(self, connection: socket.socket) -> Client:
        return self._open[connection]

    def remove(self, connection: socket.socket) -> None:
        """Give the place back."""
        with self._changed:
            self._open.pop(connection, None)
            self._taken -= 1
            self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Let answers that are being given be finished, but no longer than this; nobody sends more."""
        with self._changed:
            for client in self._open.values():
                client.hang_up()  # an idle connection ends here, one that waits for its answer can be written to
            if self._changed.wait_for(lambda: not self._taken, seconds):
                return
            for client in self._open.values():
                client.hang_up(socket.SHUT_RDWR)
                if client.cancel is not None:
                    client.cancel()
            self._changed.wait_for(lambda: not self._taken, 1)
