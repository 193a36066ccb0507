"""The parts of the server put together, in the order in which they start and stop."""

from __future__ import annotations

from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from cman_tf.errors import InputError
from export.serving import logs
from export.serving.batching import Batcher, BatchingOptions
from export.serving.metrics import Metrics
from export.serving.model_service import ModelService
from export.serving.predict_service import Predictor, PredictService
from export.serving.rest import RestServer
from export.serving.servable import Servable
from export.serving.versions import Versions

_HEALTH_NAMES = "", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"


@dataclass(frozen=True)
class ServerOptions:
    """What a server is told.

    Args:
        folder: path. Holds the numbered versions.
        model: str. Name that requests give.
        host: str. Address to listen on.
        port: int. For gRPC; 0 is any free one.
        rest_port: int or None. For HTTP; 0 is any free one, None is no HTTP.
        labels: dict of str to int.
        batching: `BatchingOptions`.
        poll_seconds: float. How often the folder is looked at.
        max_message_bytes: int. Largest request.
        max_row_bytes: int. Longest text of one row.
        threads: int or None. Threads within one TensorFlow operation.
        certificate: path or None. PEM chain; with `key`, both interfaces speak TLS.
        key: path or None.

    Raises:
        InputError: only one of `certificate` and `key` is given.
    """

    folder: Path
    model: str = "cman"
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    labels: dict = field(default_factory=dict)
    batching: BatchingOptions = BatchingOptions()
    poll_seconds: float = 1.0
    max_message_bytes: int = 4 << 20
    max_row_bytes: int = 8192
    threads: int | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InputError("TLS needs both --certificate and --key. Received: one of them")


class Server:
    """A model served over gRPC and HTTP.

    Args:
        options: `ServerOptions`.

    Raises:
        InputError: an address is taken, or the certificate cannot be used.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self.health = health.HealthServicer()
        self.batcher = Batcher(
            options.batching, self.metrics.batch, lambda: self.metrics.count(":cman:serving:expired_count")
        )
        self.metrics.gauge(":cman:serving:queued_rows", lambda: self.batcher.size)
        self.versions = Versions(
            options.model,
            options.folder,
            options.labels,
            options.poll_seconds,
            load=lambda path: Servable(path, options.threads),
            changed=self._tell_health,
        )
        self.predictor = Predictor(self.versions, self.batcher, self.metrics, options.max_row_bytes)
        self._stopping = False
        self._tell_health()
        self.grpc, self.port = self._make_grpc()
        self.rest = self._make_rest()
        self.rest_port = self.rest.server_address[1] if self.rest else None

    def _make_grpc(self) -> tuple[grpc.Server, int]:
        batching = self.options.batching
        # Enough that a request beyond the queue is told so, and does not wait for a thread instead.
        threads = batching.capacity + 2 * batching.max_batch_size * batching.num_batch_threads + 16
        server = grpc.server(
            futures.ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
            options=[
                ("grpc.so_reuseport", 0),  # two servers on one port would share the requests in silence
                ("grpc.max_receive_message_length", self.options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                # Two minutes otherwise: who connects and says nothing would keep a stopping server for all its grace.
                ("grpc.server_handshake_timeout_ms", 10_000),
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictService(self.predictor), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.versions), server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        address = f"{_bracketed(self.options.host)}:{self.options.port}"
        try:
            if self.options.certificate:
                pair = Path(self.options.key).read_bytes(), Path(self.options.certificate).read_bytes()  # type: ignore[arg-type]
                port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
            else:
                port = server.add_insecure_port(address)
        except (RuntimeError, ValueError):
            port = 0
        if not port:
            raise InputError(
                "The gRPC address must be free, on this machine, and its certificate and key must match. Received: "
                + address
            )
        return server, port

    def _make_rest(self) -> RestServer | None:
        options = self.options
        if options.rest_port is None:
            return None
        address = options.host, options.rest_port
        try:
            return RestServer(address, self.predictor, options.max_message_bytes, options.certificate, options.key)
        except (OSError, OverflowError) as error:
            raise InputError(
                "The REST address must be free, on this machine, and its certificate and key must match. Received: "
                f"{_bracketed(options.host)}:{options.rest_port} ({error})"
            ) from None

    def start(self) -> None:
        """Load the model, then answer: who came too early would be told NOT_FOUND, which no client tries again."""
        self.versions.start()
        if not self.versions.available():
            logs.warning("no_version", folder=str(self.options.folder))
        self.predictor.rehearse()
        self.grpc.start()
        if self.rest:
            self.rest.start()
        logs.info("listening", host=self.options.host, port=self.port, rest_port=self.rest_port)

    def stop(self, grace: float) -> None:
        """Refuse what is new, finish what was taken (for at most `grace` seconds), and close."""
        self._stopping = True
        self._tell_health()
        logs.info("stopping", queued_rows=self.batcher.size)
        finished = self.grpc.stop(grace)
        if self.rest:
            self.rest.stop(grace)
        finished.wait()
        self.batcher.stop()
        self.versions.stop()
        logs.info("stopped")

    def _tell_health(self) -> None:
        ready = not self._stopping and bool(self.versions.available())
        kind = health_pb2.HealthCheckResponse
        for name in _HEALTH_NAMES:
            self.health.set(name, kind.SERVING if ready else kind.NOT_SERVING)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
