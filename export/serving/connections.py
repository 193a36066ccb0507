"""Connections of the REST interface: their deadlines, their number, and how they end."""

from __future__ import annotations

import contextlib
import io
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

MAX_CONNECTIONS = 256  # a thread each
TIMEOUT = 30  # seconds to compute an answer (TensorFlow Serving's default), to send a request, and to read an answer


class Client(io.RawIOBase):
    """Reads a connection as a raw stream, with a deadline for each whole request.

    The socket's own timeout restarts with every byte: a client that sends a byte now and then would stay forever.

    Args:
        connection: socket.

    Attributes:
        begun: bool. Whether a byte of the request has arrived; `began` is its time.
        sending: bool. Whether the client is to send.
        expired: bool. Whether the deadline passed while it was to send.
        cancel: callable or None. Cancels the answer being computed.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self.connection = connection
        self.hung_up = False
        self.cancel: Callable[[], object] | None = None
        self.await_request()

    def await_request(self) -> None:
        """Start the time in which the client must send a request."""
        self.begun, self.sending, self.expired = False, True, False
        self.began = time.monotonic()
        self.deadline = self.began + TIMEOUT

    def begin_answer(self) -> None:
        """The request is complete: from now on the socket's own timeout counts."""
        self.sending = False
        self.connection.settimeout(TIMEOUT)

    def readable(self) -> bool:
        """True, as `io` requires of a stream that can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into `buffer` and return their number, 0 at the end; `socket.timeout` after the deadline."""
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

    def gone(self) -> bool:
        """Whether the client has closed the connection, while it waits for an answer."""
        if self.hung_up:  # it was the server that closed one direction
            return False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self.connection, selectors.EVENT_READ)
                # The method of a TLS socket cannot look ahead.
                return bool(selector.select(0)) and not socket.socket.recv(self.connection, 1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def hang_up(self, how: int = socket.SHUT_RD) -> None:
        """Shut down one direction, or both. The method of a TLS socket would always shut down both."""
        self.hung_up = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.connection, how)


class Clients:
    """The open connections, at most `MAX_CONNECTIONS`."""

    def __init__(self) -> None:
        self._open: dict[Any, Client] = {}
        self._taken = 0
        self._changed = threading.Condition()

    def make_room(self) -> bool:
        """Reserve a place for a new connection and return whether there was one.

        If all are taken, the client that has been sending for longest is closed: it sends nothing, or only a little at
        a time, and so keeps others out.
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
        """Create the `Client` of a connection that has a place."""
        with self._changed:
            client = self._open[connection] = Client(connection)
            return client

    def __getitem__(self, connection: socket.socket) -> Client:
        return self._open[connection]

    def remove(self, connection: socket.socket) -> None:
        """Free the place of a connection."""
        with self._changed:
            self._open.pop(connection, None)
            self._taken -= 1
            self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Read no more requests, and wait at most `seconds` for the answers in progress."""
        with self._changed:
            for client in self._open.values():
                client.hang_up()  # ends an idle connection; one that waits for its answer can still be written to
            if self._changed.wait_for(lambda: not self._taken, seconds):
                return
            for client in self._open.values():
                client.hang_up(socket.SHUT_RDWR)
                if client.cancel is not None:
                    client.cancel()
            self._changed.wait_for(lambda: not self._taken, 1)
