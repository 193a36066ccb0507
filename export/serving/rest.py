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
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2

    from export.serving.backend import Backend

_SPEC = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_SPEC}:predict", re.IGNORECASE)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_SPEC}(?P<metadata>/metadata)?", re.IGNORECASE)


class RestServer(ThreadingHTTPServer):
    """The HTTP server, a thread for each connection.

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

    # `Clients` waits for the threads, for a limited time.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        backend: Backend,
        max_bytes: int,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
        client_header: str | None = None,
    ) -> None:
        self.backend = backend
        self.max_bytes = max_bytes
        self.client_header = client_header
        self.stopping = False
        self.clients = connections.Clients()
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
        super().__init__(address, _Handler, bind_and_activate=False)
        self._begun = False

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread, or close it if there is no room: see `Clients.make_room`."""
        if self.clients.make_room():
            super().process_request(request, client_address)
            return
        self.backend.metrics.count(":cman:serving:rest_refused_count")
        logs.warning("connection_refused", entrypoint="REST", open=connections.MAX_CONNECTIONS)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake, if any, and answer requests until the connection ends."""
        try:
            if self._tls is not None:
                request = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            self.clients.add(request)
            if self._tls is not None:
                # Not where connections are accepted: there, a client that sends nothing would block all others.
                request.settimeout(connections.TIMEOUT)
                request.do_handshake()
            super().process_request_thread(request, client_address)
        except OSError:
            self.shutdown_request(request)
        finally:
            self.clients.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore disconnected clients; the standard library would print a traceback."""

    def start(self) -> None:
        """Listen, and answer on a new thread.

        Raises:
            OSError: if the address is in use or not of this machine.
        """
        self.server_bind()
        self.server_activate()
        self._begun = True
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="rest", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Refuse new connections and finish requests in progress within `grace` seconds."""
        end = time.monotonic() + grace
        self.stopping = True
        if self._begun:
            self.shutdown()
        self.server_close()
        self.clients.finish(max(end - time.monotonic(), 0))


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"
    server_version = "cman"
    sys_version = ""

    def setup(self) -> None:
        """Read through the connection's `Client`, which has a deadline."""
        super().setup()
        self.client = self.server.clients[self.request]
        self.rfile = io.BufferedReader(self.client)

    def handle_one_request(self) -> None:
        """Answer one request; count and log one that was not sent in time."""
        self._what, self._model, self._counted = "other", "", False
        self.client.await_request()
        super().handle_one_request()
        if self.client.expired and self.client.begun:
            self._count(grpc.StatusCode.DEADLINE_EXCEEDED, 408)

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path == metrics.PATH:
            self._what = "metrics"
            return self._reply(grpc.StatusCode.OK, 200, self.server.backend.metrics.page(), "text/plain")
        match = _STATUS.fullmatch(path)
        if match:
            self._what = "metadata" if match["metadata"] else "status"
        return self._answer(match, self._status)

    def do_POST(self) -> None:
        match = _PREDICT.fullmatch(urllib.parse.urlsplit(self.path).path)
        if match:
            self._what = "predict"
            # As in `Backend`: an unknown name would be a label of the client's choice.
            model = self.server.backend.watcher.model
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
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = _whole(lengths.pop())
        if lengths or length is None:
            self.close_connection = True  # the next bytes are the body, not a request
            raise invalid("Content-Length must be one whole number below 2^63. Received: none or another")
        if length > self.server.max_bytes or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            # A client that is still sending would not read the answer.
            left = min(length, 8 * self.server.max_bytes)
            while left > 0 and (chunk := self.rfile.read(min(left, 1 << 16))):
                left -= len(chunk)
            raise _TooLarge(self.server.max_bytes)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            code = grpc.StatusCode.UNAVAILABLE if self.server.stopping else grpc.StatusCode.CANCELLED
            raise ServingError(code, "The body is shorter than its Content-Length")
        return body

    def _predict(self, match: re.Match[str], body: bytes) -> str:
        backend = self.server.backend
        value = rest_json.parse(body)
        request = predict_pb2.PredictRequest()
        _fill_spec(match, request.model_spec)
        name = request.model_spec.signature_name = value.get("signature_name") or "serving_default"
        with backend.watcher.use(request.model_spec) as (_, servable):
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            infos = servable.signatures[name].inputs
        rows = rest_json.fill(value, infos, request, backend.max_elements)
        self._counted = True  # by the backend, from here on
        response = backend.predict(
            request, connections.TIMEOUT, "REST", self._on_cancel, self._client(), self.client.gone
        )
        return rest_json.predictions(response.outputs, rows)

    def _client(self) -> str:
        """Who asks: the value of a header, or the address, written as gRPC does."""
        header, host = self.server.client_header, self.client_address[0]
        named = self.headers.get(header) if header else None
        if named is not None:
            return named[:200]
        return f"ipv6:%5B{host}%5D" if ":" in host else f"ipv4:{host}"

    def _status(self, match: re.Match[str], _: bytes) -> str:
        backend = self.server.backend
        if match["name"] is None:
            raise invalid("Missing model name in request.")
        if match["metadata"]:
            request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
            _fill_spec(match, request.model_spec)
            return rest_json.metadata(backend.metadata(request))
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill_spec(match, request.model_spec)
        return rest_json.status(backend.status(request))

    def _on_cancel(self, cancel: Callable[[], object]) -> None:
        self.client.cancel = cancel

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library refuses: a request that is not HTTP, or has an unsupported method."""
        self.close_connection = True
        # Before a version is read, the standard library assumes HTTP 0.9 and sends no headers.
        self.request_version = self.protocol_version
        unknown = code == 501
        self._reply(
            grpc.StatusCode.UNIMPLEMENTED if unknown else grpc.StatusCode.INVALID_ARGUMENT,
            int(code),
            json.dumps({"error": "Method Not Implemented" if unknown else "Malformed request"}),
        )

    def _reply(self, code: grpc.StatusCode, http: int, text: str, kind: str = "application/json") -> None:
        self.client.begin_answer()
        self._count(code, http)
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

    def _count(self, code: grpc.StatusCode, http: int) -> None:
        """Log and count a request once, here or in `Backend`. Without its path, which may contain users' text."""
        counters = self.server.backend.metrics
        counters.count(":cman:serving:rest_count", what=self._what, http=http)
        if self._counted:
            return
        self._counted, passed = True, time.monotonic() - self.client.began
        if self._what == "predict":
            counters.request(self._model, code, passed, "REST")
        logs.info("request", entrypoint="REST", what=self._what, status=code.name, http=http, ms=round(passed * 1e3, 2))

    def log_message(self, *_: object) -> None:
        pass  # `_count` logs, without the path


class _TooLarge(ServingError):
    def __init__(self, limit: int) -> None:
        message = f"A body must have a Content-Length of at most {limit} bytes"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def _whole(text: str) -> int | None:
    """A whole number below 2^63, or None. `int` refuses thousands of digits, and takes digits of other scripts."""
    digits = text.strip().lstrip("0") or "0"
    plain = text.strip().isascii() and text.strip().isdigit() and len(digits) < 20
    return int(digits) if plain and int(digits) < 2**63 else None


def _fill_spec(match: re.Match[str], spec: model_pb2.ModelSpec) -> None:
    spec.name = urllib.parse.unquote(match["name"])
    if match["version"] is not None:
        number = _whole(match["version"])
        if number is None:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = number
    elif match["label"] is not None:
        spec.version_label = urllib.parse.unquote(match["label"])
