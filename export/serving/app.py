"""The server: creates its parts, starts and stops them in order."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from cman_tf.errors import InputError
from export.serving import logs
from export.serving.access import TokenInterceptor, Tokens
from export.serving.backend import Backend
from export.serving.batching import Batcher
from export.serving.batching_options import BatchingOptions
from export.serving.grpc_services import ModelService, PredictionService
from export.serving.metrics import Metrics
from export.serving.rest import RestServer
from export.serving.servable import Servable
from export.serving.watcher import Watcher

_HEALTH_NAMES = "", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"


@dataclass(frozen=True)
class ServerOptions:
    """Options of a server.

    Args:
        folder: path. Contains the numbered versions.
        model: str. Name of the model in requests.
        host: str. Address to listen on.
        port: int. gRPC port; 0 is any free port.
        rest_port: int or None. HTTP port; 0 is any free port, None disables HTTP.
        labels: dict of str to int. Version numbers by label.
        batching: `BatchingOptions`.
        poll_seconds: float. Seconds between two looks at the folder.
        max_message_bytes: int. Largest request.
        max_row_bytes: int. Longest text of a row.
        threads: int or None. Threads within one TensorFlow operation. Default: TensorFlow's choice.
        certificate: path or None. PEM chain. With `key`, both interfaces use TLS.
        key: path or None. PEM private key.
        client_header: str or None. Header that names the client, of requests that come through a proxy. Default: the
            address is its name.
        token_file: path or None. Bearer tokens, one per line. Both interfaces require one of them.
        client_ca: path or None. PEM of the certificate authority of clients, which then require a
            certificate.
        cors_origins: tuple of str. Origins whose pages may send HTTP requests.

    Raises:
        InputError: if only one of `certificate` and `key` is given, or `client_ca` without them.
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
    client_header: str | None = None
    token_file: Path | None = None
    client_ca: Path | None = None
    cors_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            given = "--certificate" if self.key is None else "--key"
            raise InputError(f"TLS requires both --certificate and --key. Received: only {given}")
        if self.client_ca is not None and self.certificate is None:
            raise InputError("`--client-ca` requires `--certificate` and `--key`.")
        for origin in self.cors_origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise InputError(f"An origin must have the form https://HOST or https://HOST:PORT. Received: {origin}")


class Server:
    """Serves a model over gRPC and HTTP.

    Args:
        options: `ServerOptions`.

    Raises:
        InputError: if an address is in use or not of this machine, or the certificate cannot be used.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self.health = health.HealthServicer()
        self.batcher = Batcher(
            options.batching, self.metrics.batch, lambda: self.metrics.count(":cman:serving:expired_count")
        )
        self.metrics.gauge(":cman:serving:queued_rows", lambda: self.batcher.size)
        self.watcher = Watcher(
            options.model,
            options.folder,
            options.labels,
            options.poll_seconds,
            load=lambda path: Servable(path, options.threads),
            changed=self._update_health,
        )
        self.tokens = Tokens(options.token_file) if options.token_file else None
        self.backend = Backend(self.watcher, self.batcher, self.metrics, options.max_row_bytes)
        self._stopping = False
        self._update_health()
        self._check_addresses()
        self.grpc = self._make_grpc()
        self.rest = self._make_rest()
        # Known once the server listens: 0 is any free port.
        self.port, self.rest_port = options.port, options.rest_port

    def _check_addresses(self) -> None:
        """Fail before a model is loaded. Nothing listens yet: a client would wait for the model, without knowing."""
        options = self.options
        ports = {"gRPC": options.port, "REST": options.rest_port}
        for interface, port in ports.items():
            address = f"{_bracketed(options.host)}:{port}"
            if port is None:
                continue
            if port and list(ports.values()).count(port) > 1:
                raise _unusable(interface, f"{address} for both interfaces")
            try:
                for family, kind, protocol, _, place in socket.getaddrinfo(
                    options.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
                ):
                    with socket.socket(family, kind, protocol) as probe:
                        if os.name == "posix":  # elsewhere the option would take the port of another process
                            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        probe.bind(place)
            except (OSError, OverflowError) as error:
                raise _unusable(interface, f"{address} ({error})") from None

    def _make_grpc(self) -> grpc.Server:
        batching = self.options.batching
        # Enough that a request beyond the queue is refused, instead of waiting for a thread.
        threads = batching.capacity + 2 * batching.max_batch_size * batching.num_batch_threads + 16
        server = grpc.server(
            futures.ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
            interceptors=[TokenInterceptor(self.tokens)] if self.tokens else [],
            options=[
                ("grpc.so_reuseport", 0),  # else two servers could share a port, and its requests, unnoticed
                ("grpc.max_receive_message_length", self.options.max_message_bytes),
                ("grpc.max_send_message_length", -1),
                # Default: two minutes. A client that connects and sends nothing would delay a stop by all its grace.
                ("grpc.server_handshake_timeout_ms", 10_000),
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(self.backend, self.options.client_header), server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self.backend), server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        return server

    def _listen(self) -> None:
        """Open the ports."""
        server = self.grpc
        address = f"{_bracketed(self.options.host)}:{self.options.port}"
        try:
            if self.options.certificate:
                pair = Path(self.options.key).read_bytes(), Path(self.options.certificate).read_bytes()  # type: ignore[arg-type]
                root = Path(self.options.client_ca).read_bytes() if self.options.client_ca else None
                credentials = grpc.ssl_server_credentials([pair], root, require_client_auth=root is not None)
                port = server.add_secure_port(address, credentials)
            else:
                port = server.add_insecure_port(address)
        except (RuntimeError, ValueError):
            port = 0
        if not port:
            raise _unusable("gRPC", address)
        self.port = port
        server.start()
        if self.rest:
            try:
                self.rest.start()
            except OSError as error:
                raise _unusable("REST", f"{_bracketed(self.options.host)}:{self.rest_port} ({error})") from None
            self.rest_port = self.rest.port

    def _make_rest(self) -> RestServer | None:
        options = self.options
        if options.rest_port is None:
            return None
        address = options.host, options.rest_port
        try:
            return RestServer(
                address,
                self.backend,
                options.max_message_bytes,
                options.certificate,
                options.key,
                options.client_header,
                self.tokens,
                options.client_ca,
                options.cors_origins,
            )
        except OSError as error:
            raise _unusable("REST", f"{_bracketed(options.host)}:{options.rest_port} ({error})") from None

    def start(self, stop: threading.Event | None = None) -> None:
        """Load the model, then listen: an earlier request would get NOT_FOUND, which clients do not retry.

        Args:
            stop: `threading.Event` or None. If it is set while the model loads, the server does not start.

        Raises:
            InputError: if an address has been taken meanwhile, or certificate and key cannot be used.
        """
        self.watcher.start()
        while not self.watcher.looked.wait(0.05):
            if stop is not None and stop.is_set():
                return
        if not self.watcher.available():
            logs.warning("no_version", folder=str(self.options.folder))
        self.backend.rehearse()
        self._listen()
        logs.info("listening", host=self.options.host, port=self.port, rest_port=self.rest_port)

    def stop(self, grace: float) -> bool:
        """Refuse new requests, finish accepted ones within `grace` seconds, and close.

        Returns:
            bool, whether all has ended. If not, a version is still being loaded or a batch computed, which cannot be
            interrupted: the process has to end with `os._exit`.
        """
        end = time.monotonic() + grace
        self._stopping = self.backend.stopping = True
        self._update_health()
        logs.info("stopping", queued_rows=self.batcher.size)
        finished = self.grpc.stop(grace)
        if self.rest:
            self.rest.stop(grace)
        finished.wait()
        ended = [stop(max(end - time.monotonic(), 0.1)) for stop in (self.batcher.stop, self.watcher.stop)]
        logs.info("stopped", unfinished=not all(ended))
        return all(ended)

    def _update_health(self) -> None:
        ready = not self._stopping and bool(self.watcher.available())
        kind = health_pb2.HealthCheckResponse
        for name in _HEALTH_NAMES:
            self.health.set(name, kind.SERVING if ready else kind.NOT_SERVING)


def _unusable(interface: str, address: str) -> InputError:
    return InputError(
        f"The {interface} address must be free and of this machine, and its certificate and key must match. "
        f"Received: {address}"
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
