"""Connections of the REST interface: uvicorn with limits of their number, and of the time of each request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from export.serving import logs
from export.serving.problems import error
from export.serving.status import ServingError

WRONG_LENGTH = "Content-Length must be one whole number below 2^63. Received: none or another"
MAX_CONNECTIONS = 256
MAX_HEADER_BYTES = 64 << 10
_PART = 8 << 10  # bytes that are parsed at once
TIMEOUT = 30  # seconds to compute an answer (TensorFlow Serving's default), to send a request, and to read an answer


class Connection(H11Protocol):
    """A connection with a deadline for each whole request, and for reading each answer.

    Args:
        connections: `Connections`.

    Attributes:
        began: float. When the first byte of the request arrived, or since when it is awaited.
        begun: bool. Whether a byte of it has arrived.
        failure: `ServingError` or None. Why the request did not arrive.
    """

    def __init__(self, connections: Connections) -> None:
        # uvicorn copies the last into the scope of each request.
        super().__init__(connections.uvicorn.config, connections.uvicorn.server_state, {"connection": self})
        self._on_failure = connections.on_failure
        self.ended = asyncio.Event()
        self.failure: ServingError | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._await_request()

    @property
    def sending(self) -> bool:
        """Whether the client is to act: it has not sent a whole request, or has its answer and is to close."""
        if self.transport is not None and self.transport.is_closing():
            return not self.transport.get_write_buffer_size()
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def _await_request(self) -> None:
        self.begun, self.began = False, time.monotonic()
        self._limit("request", self._expire)

    def _limit(self, what: str, end: Callable[[], None]) -> None:
        self._release(what)
        self._timers[what] = self.loop.call_later(TIMEOUT, end)

    def _release(self, what: str) -> None:
        if what in self._timers:
            self._timers.pop(what).cancel()

    def _expire(self) -> None:
        if self.begun:
            self._fail(ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, "The request was not sent in time", 408))
        self.abort()

    def abort(self) -> None:
        """Close the connection at once, without what is not sent yet."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        if not self.begun:
            self.begun, self.began = True, time.monotonic()
        # In parts: h11 limits a head only while it is incomplete.
        for first in range(0, len(data), _PART):
            super().data_received(data[first : first + _PART])
            if self.transport.is_closing():
                break
        self._check()

    def _check(self) -> None:
        if not self.sending:
            self._release("request")

    def on_response_complete(self) -> None:
        """Wait for the next request, which may have arrived already."""
        self._await_request()
        super().on_response_complete()
        self._check()

    def eof_received(self) -> None:
        """Refuse a request that ends within its body. A client that has ended does not wait for an answer."""
        if self.conn.their_state is h11.SEND_BODY:
            self._refuse(ServingError(grpc.StatusCode.CANCELLED, "The body is shorter than its Content-Length"))

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; uvicorn calls it while it handles h11's error."""
        raised = sys.exc_info()[1]
        why = WRONG_LENGTH if "Content-Length" in str(raised) else "Malformed request"
        self._refuse(ServingError(grpc.StatusCode.INVALID_ARGUMENT, why, getattr(raised, "error_status_hint", 400)))

    def _refuse(self, failure: ServingError) -> None:
        """Answer a request that has not arrived as a whole, and close the connection."""
        self._fail(failure)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            text, kind = error(failure)
            body = text.encode()
            headers = [("content-type", kind), ("content-length", str(len(body))), ("connection", "close")]
            for event in (
                h11.Response(status_code=failure.http, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _fail(self, failure: ServingError) -> None:
        # A request whose headers have arrived is counted where it is answered.
        self.failure = failure
        if not self.cycle or self.cycle.response_complete:
            self._on_failure(failure, self.began)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered: limit the time that it takes."""
        self._limit("answer", self.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has read."""
        self._release("answer")
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers and set `ended`."""
        for what in list(self._timers):
            self._release(what)
        super().connection_lost(exc)
        self.ended.set()

    def shutdown(self) -> None:
        """Finish a request that has arrived, and refuse one that has not."""
        if self.conn.their_state is h11.SEND_BODY:
            self._refuse(ServingError(grpc.StatusCode.UNAVAILABLE, "The server is stopping"))
        else:
            super().shutdown()


class Connections:
    """The open connections, at most `MAX_CONNECTIONS`, those in a TLS handshake included; uvicorn answers them.

    Args:
        app: ASGI application.
        listener: socket that listens.
        tls: `ssl.SSLContext` or None.
        on_failure: callable. Gets the `ServingError` of a request of which nothing is known, and when it began.
        on_refused: callable. Called for each connection that is refused.
    """

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        on_failure: Callable[[ServingError, float], object],
        on_refused: Callable[[], object],
    ) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            # A client could else choose the address that it is counted under.
            proxy_headers=False,
            server_header=False,
            headers=[("server", "cman")],
            timeout_keep_alive=TIMEOUT,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        self.uvicorn = uvicorn.Server(config)
        self.on_failure = on_failure
        self._listener, self._tls, self._on_refused = listener, tls, on_refused
        self._open: dict[Connection, asyncio.Task[None]] = {}
        self._serving = threading.Event()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    async def serve(self) -> None:
        """Accept and answer until `stop` is called."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_report)
        self._accepting = self._loop.create_task(self._accept())
        self._serving.set()
        await self.uvicorn.serve(sockets=[])
        # Before uvicorn, which has cancelled what it was computing, would answer status 500.
        for connection in self:
            connection.abort()
        if self._open:
            await asyncio.wait(list(self._open.values()), timeout=1)

    def stop(self, grace: float) -> None:
        """Accept nothing, finish what has arrived within `grace` seconds, and close the rest. From any thread."""

        def end() -> None:
            self._accepting.cancel()
            self._listener.close()
            self.uvicorn.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]
            self.uvicorn.should_exit = True

        # `serve` may not have begun: the server can be stopped right after its start.
        if self._serving.wait(grace):
            self._loop.call_soon_threadsafe(end)

    async def _accept(self) -> None:
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(self._listener)
            except OSError as error:  # for example too many open files
                logs.error("accept", kind=type(error).__name__)
                await asyncio.sleep(0.1)
                continue
            if self._make_room():
                # Else an answer's body would wait until the client has acknowledged its head.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                connection = Connection(self)
                self._open[connection] = self._loop.create_task(self._answer(connection, accepted))
            else:
                accepted.close()
                self._on_refused()

    def _make_room(self) -> bool:
        """Whether there is room for a new connection.

        If all places are taken, the client that has been sending for longest is closed: it sends nothing, or only a
        little at a time, and so keeps others out.
        """
        if len(self._open) < MAX_CONNECTIONS:
            return True
        senders = [connection for connection in self._open if connection.sending]
        if senders:
            self._open.pop(min(senders, key=lambda connection: connection.began)).cancel()
        return bool(senders)

    async def _answer(self, connection: Connection, accepted: socket.socket) -> None:
        options: dict[str, Any] = {"ssl": self._tls, "ssl_handshake_timeout": TIMEOUT} if self._tls else {}
        try:
            with contextlib.suppress(OSError):  # the handshake failed, or the client has gone
                await self._loop.connect_accepted_socket(lambda: connection, accepted, **options)
                await connection.ended.wait()
        finally:
            connection.abort()
            self._open.pop(connection, None)


def _report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an unexpected error, without its text, which may quote a client's."""
    logs.error("internal", kind=type(context.get("exception")).__name__)
