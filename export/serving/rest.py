"""The REST interface: `:predict`, status, metadata and the monitoring page, on the paths of TensorFlow Serving."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from export.serving import metrics, rest_json, status
from export.serving.model_service import model_status
from export.serving.predict_service import metadata
from export.serving.status import invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2

    from export.serving.predict_service import Predictor

_SPEC = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(rf"/v1/models/(?P<name>[^/:]+){_SPEC}:predict", re.IGNORECASE)
_STATUS = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_SPEC}(?P<metadata>/metadata)?", re.IGNORECASE)

MAX_CONNECTIONS = 256  # a thread each
TIMEOUT = 30  # seconds: for an answer as TensorFlow Serving's default, and for a client to send or to read


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

    daemon_threads = False  # so that closing waits for the answers being given
    block_on_close = True
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
        self._open: set[Any] = set()
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, key)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread; hang up at once if `MAX_CONNECTIONS` have one."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Shake hands where TLS is spoken, and answer until the connection ends."""
        try:
            if self._tls is not None:
                # Here and not where connections are accepted, or a client that says nothing would stop them all.
                request.settimeout(TIMEOUT)
                request = self._tls.wrap_socket(request, server_side=True)
            self._open.add(request)
            super().process_request_thread(request, client_address)
        except OSError:
            self.shutdown_request(request)
        finally:
            self._open.discard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is told of a client that went away; the standard library would print a traceback."""

    def start(self) -> None:
        """Answer from now on, on a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="rest", daemon=True).start()

    def stop(self) -> None:
        """Take no new connection, finish the answers being given."""
        self.stopping = True
        self.shutdown()
        for connection in list(self._open):
            # An idle connection ends here, one whose answer is being computed can still be written to. Not the
            # method of a TLS socket, which would end both directions.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RD)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"
    server_version = "cman"
    sys_version = ""
    timeout = TIMEOUT

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path == metrics.PATH:
            return self._reply(200, self.server.predictor.metrics.page(), "text/plain")
        return self._answer(_STATUS.fullmatch(path), self._status)

    def do_POST(self) -> None:
        return self._answer(_PREDICT.fullmatch(urllib.parse.urlsplit(self.path).path), self._predict)

    def _answer(self, match: re.Match[str] | None, compute: Callable[[re.Match[str], bytes], str]) -> None:
        body = self._body()
        if body is None:
            return self._error(413, f"A body must have at most {self.server.max_bytes} bytes and say its length")
        if not self.path.lower().startswith("/v1/"):
            return self._error(404, "Not Found")
        try:
            if match is None:
                raise invalid(f"Malformed request: {self.command} {self.path}")
            text = compute(match, body)
        except Exception as error:
            failure = status.of(error)
            return self._error(status.http(failure.code), failure.message)
        return self._reply(200, text)

    def _body(self) -> bytes | None:
        """The body, or None if it is too large or of unknown length."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > self.server.max_bytes or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # what follows is not the next request
            # A client that still sends would not read our answer.
            left = min(int(length), 8 * self.server.max_bytes) if length.isdigit() else 0
            while left > 0 and (chunk := self.rfile.read(min(left, 1 << 16))):
                left -= len(chunk)
            return None
        return self.rfile.read(int(length))

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
        response = predictor.predict(request, TIMEOUT, "REST")
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

    def _error(self, code: int, message: str) -> None:
        self._reply(code, json.dumps({"error": message}))

    def _reply(self, code: int, text: str, kind: str = "application/json") -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.server.stopping:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass  # requests are counted and logged where they are answered


def _fill_spec(match: re.Match[str], spec: model_pb2.ModelSpec) -> None:
    spec.name = urllib.parse.unquote(match["name"])
    if match["version"] is not None:
        if int(match["version"]) >= 2**63:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    elif match["label"] is not None:
        spec.version_label = urllib.parse.unquote(match["label"])
