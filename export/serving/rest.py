"""The REST interface: `:predict`, status, metadata and the monitoring page, on the paths of TensorFlow Serving."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from export.serving import connections, logs, metrics, rest_json, status
from export.serving.model_service import model_status
from export.serving.predict_service import metadata
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2

    from export.serving.predict_service import Predictor

_SPEC = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_SPEC}:predict", re.IGNORECASE)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_SPEC}(?P<metadata>/metadata)?", re.IGNORECASE)


class RestServer(ThreadingHTTPServer):
    """Answers HTTP on its own threads.

    Args:
        address: `(host, port)`.
        predictor: `Predictor`.
        max_bytes: int. Largest body.
        certificate: path or None. With `key`, speak TLS.
        key: path or None.

    Raises:
        OSError: the address is taken, or the files cannot be read.
    """

    # `Clients` waits for them, and not for ever.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        predictor: Predictor,
        max_bytes: int,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
    ) -> None:
        self.predictor = predictor
        self.max_bytes = max_bytes
        self.stopping = False
        self.clients = connections.Clients()
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread; hang up if there is no room, see `Clients.make_room`."""
        if self.clients.make_room():
            super().process_request(request, client_address)
            return
        self.predictor.metrics.count(":cman:serving:rest_refused_count")
        logs.warning("connection_refused", entrypoint="REST", open=connections.MAX_CONNECTIONS)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands where TLS is spoken, and answer until the connection ends."""
        try:
            if self._tls is not None:
                request = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            self.clients.add(request)
            if self._tls is not None:
                # Here and not where connections are accepted, or a client that says nothing would stop them all.
                request.settimeout(connections.TIMEOUT)
                request.do_handshake()
            super().process_request_thread(request, client_address)
        except OSError:
            self.shutdown_request(request)
        finally:
            self.clients.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is told of a client that went away; the standard library would print a traceback."""

    def start(self) -> None:
        """Answer from now on, on a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="rest", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Take no new connection, finish the answers being given, for at most `grace` seconds."""
        end = time.monotonic() + grace
        self.stopping = True
        self.shutdown()
        self.server_close()
        self.clients.finish(max(end - time.monotonic(), 0))


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"
    server_version = "cman"
    sys_version = ""

    def setup(self) -> None:
        """Read through the connection's `Client`, which knows a deadline."""
        super().setup()
        self.client = self.server.clients[self.request]
        self.rfile = io.BufferedReader(self.client)

    def handle_one_request(self) -> None:
        """One request and its answer; a client that took too long is told of."""
        self._what, self._model, self._told = "other", "", False
        self.client.await_request()
        super().handle_one_request()
        if self.client.expired and self.client.begun:
            self._tell(grpc.StatusCode.DEADLINE_EXCEEDED, 408)

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path == metrics.PATH:
            self._what = "metrics"
            return self._reply(grpc.StatusCode.OK, 200, self.server.predictor.metrics.page(), "text/plain")
        match = _STATUS.fullmatch(path)
        if match:
            self._what = "metadata" if match["metadata"] else "status"
        return self._answer(match, self._status)

    def do_POST(self) -> None:
        match = _PREDICT.fullmatch(urllib.parse.urlsplit(self.path).path)
        if match:
            self._what = "predict"
            # As in `Predictor`: a name that is unknown would be a label of the client's choice.
            model = self.server.predictor.versions.model
            self._model = model if urllib.parse.unquote(match["name"]) == model else ""
        return self._answer(match, self._predict)

    def _answer(self, match: re.Match[str] | None, compute: Callable[[re.Match[str], bytes], str]) -> None:
        try:
            body = self._body()
            self.client.begin_answer()
            if match is None and not self.path.lower().startswith("/v1/"):
                raise ServingError(grpc.StatusCode.NOT_FOUND, "Not Found")
            if match is None:
                raise invalid(f"Malformed request: {self.command} {self.path}")
            text = compute(match, body)
        except socket.timeout:
            raise
        except Exception as error:
            failure = status.of(error)
            http = 413 if isinstance(error, _TooLarge) else status.http(failure.code)
            return self._reply(failure.code, http, json.dumps({"error": failure.message}))
        return self._reply(grpc.StatusCode.OK, 200, text)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > self.server.max_bytes or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows is not the next request
            # A client that still sends would not read our answer.
            left = min(int(length), 8 * self.server.max_bytes) if length.isdigit() else 0
            while left > 0 and (chunk := self.rfile.read(min(left, 1 << 16))):
                left -= len(chunk)
            raise _TooLarge(self.server.max_bytes)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            code = grpc.StatusCode.UNAVAILABLE if self.server.stopping else grpc.StatusCode.CANCELLED
            raise ServingError(code, "The body must be as long as its length says")
        return body

    def _predict(self, match: re.Match[str], body: bytes) -> str:
        predictor = self.server.predictor
        value = rest_json.parse(body)
        request = predict_pb2.PredictRequest()
        _fill_spec(match, request.model_spec)
        name = request.model_spec.signature_name = value.get("signature_name") or "serving_default"
        with predictor.versions.use(request.model_spec) as (_, servable):
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            infos = servable.signatures[name].inputs
        rows = rest_json.fill(value, infos, request)
        self._told = True  # by the predictor, from here on
        response = predictor.predict(request, connections.TIMEOUT, "REST", self._on_cancel)
        return rest_json.predictions(response.outputs, rows)

    def _status(self, match: re.Match[str], _: bytes) -> str:
        versions = self.server.predictor.versions
        if match["name"] is None:
            raise invalid("Missing model name in request.")
        if match["metadata"]:
            request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
            _fill_spec(match, request.model_spec)
            return rest_json.metadata(metadata(versions, request))
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill_spec(match, request.model_spec)
        return rest_json.status(model_status(versions, request))

    def _on_cancel(self, cancel: Callable[[], object]) -> None:
        self.client.cancel = cancel

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses: a request that is no HTTP, or of a method that we have not."""
        self.close_connection = True
        # Else of version 0.9, without headers, as long as none was read.
        self.request_version = self.protocol_version
        unknown = code == 501
        self._reply(
            grpc.StatusCode.UNIMPLEMENTED if unknown else grpc.StatusCode.INVALID_ARGUMENT,
            int(code),
            json.dumps({"error": "Method Not Implemented" if unknown else "Malformed request"}),
        )

    def _reply(self, code: grpc.StatusCode, http: int, text: str, kind: str = "application/json") -> None:
        self.client.begin_answer()
        self._tell(code, http)
        data = text.encode()
        self.send_response(http)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.server.stopping:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _tell(self, code: grpc.StatusCode, http: int) -> None:
        """One log line and one count for each request, here or in `Predictor`. Not the path, which may hold text."""
        predictor = self.server.predictor
        predictor.metrics.count(":cman:serving:rest_count", what=self._what, http=http)
        if self._told:
            return
        self._told, passed = True, time.monotonic() - self.client.began
        if self._what == "predict":
            predictor.metrics.request(self._model, code, passed, "REST")
        logs.info("request", entrypoint="REST", what=self._what, status=code.name, http=http, ms=round(passed * 1e3, 2))

    def log_message(self, *_: object) -> None:
        pass  # told by `_tell`, which writes no path


class _TooLarge(ServingError):
    def __init__(self, limit: int) -> None:
        message = f"A body must have at most {limit} bytes and say its length"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def _fill_spec(match: re.Match[str], spec: model_pb2.ModelSpec) -> None:
    spec.name = urllib.parse.unquote(match["name"])
    if match["version"] is not None:
        if int(match["version"]) >= 2**63:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    elif match["label"] is not None:
        spec.version_label = urllib.parse.unquote(match["label"])
