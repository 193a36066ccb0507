"""The REST interface: TensorFlow Serving's `:predict`, status, metadata and monitoring page, and `/v1/extract`."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from export.serving import connections, extract, metrics, rest_json
from export.serving.calls import Call, Calls
from export.serving.pages import Pages
from export.serving.problems import problem
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2

    from export.serving.access import Tokens
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
        tokens: `Tokens` or None. Default: no token is required.
        client_ca: path or None. PEM of the certificate authority of clients, which then require a certificate.
        cors_origins: sequence of str. Origins whose pages may send requests. Default: none.

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
        tokens: Tokens | None = None,
        client_ca: str | Path | None = None,
        cors_origins: Sequence[str] = (),
    ) -> None:
        self.address, self.backend = address, backend
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
            if client_ca:
                self._tls.load_verify_locations(client_ca)
                self._tls.verify_mode = ssl.CERT_REQUIRED
        self._calls = Calls(backend.metrics, max_bytes, client_header, tokens)
        routes = [
            Route(metrics.PATH, self._metrics),
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route(extract.PATH, extract.Extract(backend, self._calls).answer, methods=["POST"]),
            *Pages(self._calls, backend.watcher.model).routes(),
            Route("/{path:path}", self._tensorflow, methods=["GET", "POST"]),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
        self.app = Starlette(
            routes=routes,
            middleware=[cors] if cors_origins else [],
            exception_handlers={404: self._not_found, 405: self._not_allowed},
        )
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
        self.clients = connections.Connections(self.app, listener, self._tls, self._calls.failed, self._calls.refused)
        self._thread = threading.Thread(target=asyncio.run, args=(self.clients.serve(),), name="rest", daemon=True)
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Refuse new connections and finish requests in progress within `grace` seconds."""
        if self.clients is not None:
            self.clients.stop(grace)
            self._thread.join(grace + 2)
            self.clients = None
        self._calls.stop()

    # Answers.

    async def _metrics(self, request: Request) -> Response:
        return await self._calls.answer(request, "metrics", lambda *_: self.backend.metrics.page(), "text/plain")

    async def _alive(self, request: Request) -> Response:
        return await self._calls.answer(request, "health", lambda _: '{"status": "ok"}', public=True)

    async def _ready(self, request: Request) -> Response:
        def ready(_: Call) -> str:
            return json.dumps(self.backend.ready())

        return await self._calls.answer(request, "health", ready, refuse=problem, public=True)

    async def _tensorflow(self, request: Request) -> Response:
        if request.scope["path"] == extract.PATH:  # with another method
            return await self._not_allowed(request)
        path = request.scope["raw_path"].decode("ascii")
        match = (_PREDICT if request.method == "POST" else _STATUS).fullmatch(path)
        if match is None:
            return await self._not_found(request)
        if request.method == "POST":
            return await self._calls.answer(request, "predict", lambda call: self._predict(match, call))
        what = "metadata" if match["metadata"] else "status"
        return await self._calls.answer(request, what, lambda _: self._status(match))

    async def _not_found(self, request: Request, error: Exception | None = None) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        return await self._calls.answer(request, "other", lambda _: _unknown(request.method, path))

    async def _not_allowed(self, request: Request, error: Exception | None = None) -> Response:
        if request.scope["path"] == extract.PATH:
            return await self._calls.answer(request, "other", _only_post, refuse=problem)
        return await self._calls.answer(request, "other", _not_implemented)

    def _predict(self, match: re.Match[str], call: Call) -> str:
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


def _not_implemented(_: Call) -> str:
    raise ServingError(grpc.StatusCode.UNIMPLEMENTED, "Method Not Implemented")


def _only_post(_: Call) -> str:
    raise ServingError(grpc.StatusCode.UNIMPLEMENTED, f"{extract.PATH} accepts only POST", 405)


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
