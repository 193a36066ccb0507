"""The REST interface: `:predict`, status, metadata and the monitoring page, on the paths of TensorFlow Serving."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from export.serving import connections, logs, metrics, rest_json, status
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2

    from export.serving.backend import Backend

_SPEC = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_SPEC}:predict", re.IGNORECASE)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_SPEC}(?P<metadata>/metadata)?", re.IGNORECASE)


class RestServer:
    """The HTTP server: a Starlette application on uvicorn, in a thread with an event loop of its own.

    Args:
        address: `(host, port)`.
        backend: `Backend`.
        max_bytes: int. Largest body.
        certificate: path or None. PEM chain; with `key`, the server uses TLS.
        key: path or None. PEM private key.
        client_header: str or None. Header that names the client. Default: its address is its name.

    Raises:
        OSError: if a file cannot be read, or certificate and key do not match.
    """

    def __init__(
        self,
        address: tuple[str, int],
        backend: Backend,
        max_bytes: int,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
        client_header: str | None = None,
    ) -> None:
        self.address, self.backend, self.max_bytes, self.client_header = address, backend, max_bytes, client_header
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
        # Requests are read, waited for and written there: the event loop only sends and receives.
        self._pool = concurrent.futures.ThreadPoolExecutor(connections.MAX_CONNECTIONS, "rest")
        routes = [
            Route(metrics.PATH, self._metrics),
            Route("/{path:path}", self._tensorflow, methods=["GET", "POST"]),
        ]
        self.app = Starlette(routes=routes, exception_handlers={405: self._not_allowed})
        self.clients: connections.Connections | None = None

    def start(self) -> None:
        """Listen, and answer on a new thread.

        Raises:
            OSError: if the address is in use or not of this machine.
        """
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        listener = socket.create_server(self.address, family=family, backlog=128)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self.clients = connections.Connections(self.app, listener, self._tls, self._failed, self._refused)
        self._thread = threading.Thread(target=asyncio.run, args=(self.clients.serve(),), name="rest", daemon=True)
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Refuse new connections and finish requests in progress within `grace` seconds."""
        if self.clients is not None:
            self.clients.stop(grace)
            self._thread.join(grace + 2)
            self.clients = None
        self._pool.shutdown(wait=False)

    # What is told of each request.

    def _refused(self) -> None:
        self.backend.metrics.count(":cman:serving:rest_refused_count")
        logs.warning("connection_refused", entrypoint="REST", open=connections.MAX_CONNECTIONS)

    def _failed(self, failure: ServingError, seconds: float, what: str = "other") -> None:
        self._count(what, failure.code, failure.http, seconds)

    def _count(self, what: str, code: grpc.StatusCode, http: int, seconds: float, logged: bool = False) -> None:
        """Log and count a request once, here or in `Backend`. Without its path, which may contain users' text."""
        self.backend.metrics.count(":cman:serving:rest_count", what=what, http=http)
        if not logged:
            logs.info("request", entrypoint="REST", what=what, status=code.name, http=http, ms=round(seconds * 1e3, 2))

    # Answers.

    async def _metrics(self, request: Request) -> Response:
        return await self._answer(request, "metrics", lambda *_: self.backend.metrics.page(), "text/plain")

    async def _tensorflow(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        match = (_PREDICT if request.method == "POST" else _STATUS).fullmatch(path)
        if match is None:
            return await self._answer(request, "other", lambda *_: _unknown(request.method, path))
        if request.method == "POST":
            return await self._answer(request, "predict", lambda call: self._predict(match, call))
        return await self._answer(request, "metadata" if match["metadata"] else "status", lambda _: self._status(match))

    async def _not_allowed(self, request: Request, error: Exception) -> Response:
        def refuse(_: _Call) -> str:
            raise ServingError(grpc.StatusCode.UNIMPLEMENTED, "Method Not Implemented")

        return await self._answer(request, "other", refuse)

    async def _answer(
        self, request: Request, what: str, compute: Callable[[_Call], str], kind: str = "application/json"
    ) -> Response:
        call = _Call(self._client(request))
        code, http = grpc.StatusCode.OK, 200
        try:
            call.body = await _body(request, self.max_bytes)
            text = await self._in_thread(request, lambda: compute(call), call)
        except Exception as error:
            failure = status.of(error)
            if failure.code == grpc.StatusCode.INTERNAL:
                logs.error("internal", kind=type(error.__cause__ or error).__name__)
            code, http, kind = failure.code, failure.http, "application/json"
            text = json.dumps({"error": failure.message})
        passed = time.monotonic() - request.state.connection.began
        if what == "predict" and not call.counted:
            self.backend.metrics.request(call.model, code, passed, "REST")
        self._count(what, code, http, passed, call.counted)
        # What follows an answer to half a request is the rest of its body, not a request.
        headers = {"connection": "close"} if request.state.connection.sending else None
        return Response(text, http, headers, kind)

    async def _in_thread(self, request: Request, compute: Callable[[], str], call: _Call) -> str:
        """The result of `compute()`, which is given up when the client has gone."""
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
            work.cancel()
            call.give_up()

    def _client(self, request: Request) -> str:
        """Who asks: the value of a header, or the address, written as gRPC does."""
        named = request.headers.get(self.client_header) if self.client_header else None
        if named is not None:
            return named[:200]
        host = request.client.host if request.client else ""
        return f"ipv6:%5B{host}%5D" if ":" in host else f"ipv4:{host}"

    def _predict(self, match: re.Match[str], call: _Call) -> str:
        backend = self.backend
        # As in `Backend`: an unknown name would be a label of the client's choice.
        call.model = backend.watcher.model if urllib.parse.unquote(match["name"]) == backend.watcher.model else ""
        value = rest_json.parse(call.body)
        request = predict_pb2.PredictRequest()
        _fill_spec(match, request.model_spec)
        name = request.model_spec.signature_name = value.get("signature_name") or "serving_default"
        with backend.watcher.use(request.model_spec) as (_, servable):
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            infos = servable.signatures[name].inputs
        rows = rest_json.fill(value, infos, request, backend.max_elements)
        call.counted = True  # by the backend, from here on
        response = backend.predict(request, connections.TIMEOUT, "REST", call.on_cancel, call.client)
        return rest_json.predictions(response.outputs, rows)

    def _status(self, match: re.Match[str]) -> str:
        if match["name"] is None:
            raise invalid("Missing model name in request.")
        if match["metadata"]:
            request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
            _fill_spec(match, request.model_spec)
            return rest_json.metadata(self.backend.metadata(request))
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill_spec(match, request.model_spec)
        return rest_json.status(self.backend.status(request))


class _Call:
    """A request that a thread answers.

    Args:
        client: str. Who asks.
    """

    def __init__(self, client: str) -> None:
        self.client, self.body, self.model, self.counted = client, b"", "", False
        self._given_up = False
        self._cancel: Callable[[], object] = lambda: None

    def on_cancel(self, cancel: Callable[[], object]) -> None:
        """Call `cancel()` when nobody waits for the answer any more, now or later."""
        self._cancel = cancel
        if self._given_up:
            cancel()

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        self._given_up = True
        self._cancel()


async def _body(request: Request, limit: int) -> bytes:
    """The body, not decompressed."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise invalid("A body must not be compressed. Received: a Content-Encoding")
    length = request.headers.get("content-length", "0")
    if int(length) >= 2**63:  # h11 lets 20 digits through
        raise invalid("Content-Length must be one whole number below 2^63. Received: none or another")
    chunks, size = [], 0
    too_large = ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"A body must have at most {limit} bytes", 413)
    if int(length) > limit and "expect" in request.headers:
        raise too_large
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            elif size > 8 * limit:  # up to there, a client that is still sending would not read the answer
                break
    except ClientDisconnect:
        gone = ServingError(grpc.StatusCode.CANCELLED, "The client cancelled the request")
        raise request.state.connection.failure or gone from None
    if size > limit:
        raise too_large
    return b"".join(chunks)


async def _disconnect(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _unknown(method: str, path: str) -> str:
    if path.lower().startswith("/v1/"):
        raise invalid(f"Malformed request: {method} {path}")
    raise ServingError(grpc.StatusCode.NOT_FOUND, "Not Found")


def _fill_spec(match: re.Match[str], spec: model_pb2.ModelSpec) -> None:
    spec.name = urllib.parse.unquote(match["name"])
    if match["version"] is not None:
        # `int` refuses thousands of digits.
        digits = match["version"].lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= 2**63:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(digits)
    elif match["label"] is not None:
        spec.version_label = urllib.parse.unquote(match["label"])
