"""HTTP requests: the event loop reads their bodies, threads compute their answers; each is counted and logged once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Union

import grpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from export.serving import connections, logs, status
from export.serving.problems import error
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from export.serving.access import Tokens
    from export.serving.metrics import Metrics

# Requests of a client that are computed at the same time, on paths that limit them: half of the batches in the queue.
PER_CLIENT = 4

Answer = Union[str, "Iterator[str]"]


class Call:
    """A request that a thread answers.

    Args:
        client: str. Name of the client.
        began: float. When it began, in the clock of `time.monotonic`.

    Attributes:
        body: bytes.
        model: str. Label of the counters.
        counted: bool. Whether it is counted elsewhere.
        rows: int or None. Sentences that were computed.
        turn: `asyncio.Semaphore` or None. Acquired while a thread computes, if the client's requests take turns.
        given_up: bool. Whether nobody waits for the answer.
    """

    def __init__(self, client: str, began: float) -> None:
        self.client, self.began = client, began
        self.body, self.model, self.counted = b"", "", False
        self.rows: int | None = None
        self.turn: asyncio.Semaphore | None = None
        self.given_up = False
        self._cancel: Callable[[], object] = lambda: None

    def on_cancel(self, cancel: Callable[[], object]) -> None:
        """Call `cancel()` when nobody waits for the answer any more, now or later."""
        self._cancel = cancel
        if self.given_up:
            cancel()

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        self.given_up = True
        self._cancel()


class Calls:
    """Answers HTTP requests.

    Args:
        metrics: `Metrics`.
        max_bytes: int. Largest body.
        client_header: str or None. Header that names the client. Default: its address is its name.
        tokens: `Tokens` or None. Default: no token is required.
    """

    def __init__(
        self, metrics: Metrics, max_bytes: int, client_header: str | None = None, tokens: Tokens | None = None
    ) -> None:
        self.metrics, self.max_bytes, self.client_header, self.tokens = metrics, max_bytes, client_header, tokens
        # Requests are read, waited for and written there: the event loop only sends and receives.
        self._pool = concurrent.futures.ThreadPoolExecutor(connections.MAX_CONNECTIONS, "rest")
        self._turns: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()

    def stop(self) -> None:
        """Take no more requests."""
        self._pool.shutdown(wait=False)

    async def answer(
        self,
        request: Request,
        what: str,
        compute: Callable[[Call], Answer],
        kind: str = "application/json",
        refuse: Callable[[ServingError], tuple[str, str]] = error,
        in_turns: bool = False,
        public: bool = False,
    ) -> Response:
        """Answer a request, count it and log it.

        Args:
            request: `Request`.
            what: str. Its kind, for the counters.
            compute: callable. Gets the `Call` in a thread and returns the text, or an iterator of its parts.
            kind: str. Media type of the answer.
            refuse: callable. Gets a `ServingError` and returns `(text, media type)`.
            in_turns: bool. Whether at most `PER_CLIENT` requests of a client are computed at the same time.
            public: bool. Whether no token is required.

        Returns:
            `Response`.
        """
        call = Call(self._client(request), request.state.connection.began)
        if in_turns:
            call.turn = self._turns.setdefault(call.client, asyncio.Semaphore(PER_CLIENT))
        try:
            try:
                if self.tokens is not None and not public:
                    self.tokens.check(request.headers.get("authorization"))
            except ServingError:
                await _body(request, self.max_bytes, keep=False)
                raise
            call.body = await _body(request, self.max_bytes)
            found = await self._in_thread(request, lambda: compute(call), call)
            if not isinstance(found, str):
                lines, first = found, await self._in_thread(request, lambda: next(found, ""), call)
                return StreamingResponse(self._stream(request, what, call, first, lines, refuse), media_type=kind)
            code, http = grpc.StatusCode.OK, 200
        except Exception as raised:
            failure = _failure(raised)
            code, http = failure.code, failure.http
            if not call.counted:
                self.metrics.refused(failure)
            found, kind = refuse(failure)
        self._count(what, code, http, call)
        # What follows an answer to half a request is the rest of its body, not a request.
        headers = {"connection": "close"} if request.state.connection.sending else {}
        if http == 405:
            headers["allow"] = "POST"
        if http == 401:
            headers["www-authenticate"] = "Bearer"
        return Response(found, http, headers, kind)

    async def _stream(
        self,
        request: Request,
        what: str,
        call: Call,
        part: str,
        parts: Iterator[str],
        refuse: Callable[[ServingError], tuple[str, str]],
    ) -> AsyncIterator[str]:
        """The parts of an answer; the last one is an error if it occurs after the first."""
        code = grpc.StatusCode.CANCELLED
        try:
            while part:
                yield part
                part = await self._in_thread(request, lambda: next(parts, ""), call)
            code = grpc.StatusCode.OK
        except Exception as raised:
            failure = _failure(raised)
            code = failure.code
            self.metrics.refused(failure)
            yield refuse(failure)[0] + "\n"
        finally:
            self._count(what, code, 499 if code == grpc.StatusCode.CANCELLED else 200, call)

    async def _in_thread(self, request: Request, compute: Callable[[], Any], call: Call) -> Any:
        """The result of `compute()`, which is given up when the client has gone."""
        async with contextlib.AsyncExitStack() as stack:
            if call.turn is not None:
                await stack.enter_async_context(call.turn)
            work = asyncio.wrap_future(self._pool.submit(compute))
            gone = asyncio.create_task(_disconnect(request))
            either: list[asyncio.Future[Any]] = [work, gone]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    call.give_up()
                return await work
            finally:  # also if the grace of a stop has passed
                gone.cancel()
                if not work.done():
                    call.give_up()
                    work.cancel()

    def _client(self, request: Request) -> str:
        """Name of the client: the value of a header, or the address as gRPC writes it."""
        named = request.headers.get(self.client_header) if self.client_header else None
        if named is not None:
            return named[:200]
        host = request.client.host if request.client else ""
        return f"ipv6:%5B{host}%5D" if ":" in host else f"ipv4:{host}"

    # Counters and log lines: without the path of a request, which may contain users' text.

    def refused(self) -> None:
        """Count and log a connection that was refused."""
        self.metrics.count(":cman:serving:rest_refused_count")
        logs.warning("connection_refused", entrypoint="REST", open=connections.MAX_CONNECTIONS)

    def failed(self, failure: ServingError, began: float) -> None:
        """Count and log a request that did not arrive."""
        self._count("other", failure.code, failure.http, Call("", began))

    def _count(self, what: str, code: grpc.StatusCode, http: int, call: Call) -> None:
        passed = time.monotonic() - call.began
        self.metrics.count(":cman:serving:rest_count", what=what, http=http)
        if call.counted:
            return
        if what in ("predict", "extract"):
            self.metrics.request(call.model, code, passed, "REST")
        rows = {} if call.rows is None else {"rows": call.rows}
        logs.info(
            "request", entrypoint="REST", what=what, status=code.name, http=http, **rows, ms=round(passed * 1e3, 2)
        )


def _failure(raised: Exception) -> ServingError:
    failure = status.of(raised)
    if failure.code == grpc.StatusCode.INTERNAL:
        logs.error("internal", kind=type(raised.__cause__ or raised).__name__)
    return failure


async def _body(request: Request, limit: int, keep: bool = True) -> bytes:
    """Read the body, not decompressed, and return it, or nothing unless `keep`."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise invalid("A body must not be compressed. Received: a Content-Encoding")
    length = int(request.headers.get("content-length", "0"))  # h11 lets only digits through, at most 20
    if length >= 2**63:
        raise invalid(connections.WRONG_LENGTH)
    why = f"A body must have at most {limit} bytes"
    too_large = ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, why, 413, "body_too_large")
    if length > limit and "expect" in request.headers:
        raise too_large
    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > 8 * limit:  # up to there, a client that is still sending would not read the answer
                break
            if keep and size <= limit:
                body += chunk
    except ClientDisconnect:
        gone = ServingError(grpc.StatusCode.CANCELLED, "The client cancelled the request")
        raise request.state.connection.failure or gone from None
    if size > limit:
        raise too_large
    return bytes(body)


async def _disconnect(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
