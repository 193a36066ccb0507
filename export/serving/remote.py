"""Sends documents to a server: requests, retries, and annotated documents from the responses."""

from __future__ import annotations

import concurrent.futures
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import grpc

from cman_tf.data.answers import annotated, left_out
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from export.serving import protos
from export.serving.protos import predict_pb2, prediction_service_pb2_grpc

# Seconds without an answer after which `on_wait` is called.
NOTICE = 2.0


def untokenized(texts: Iterable[str]) -> list[Document]:
    """Documents without tokens: the server tokenizes them."""
    return [Document((), text=text, offsets=()) for text in texts]


class Remote:
    """A model behind a server that speaks TensorFlow Serving's protocol.

    Args:
        address: str, `HOST:PORT`.
        model: str.
        version: int or None. Default: the newest.
        label: str or None. Label of a version, instead of its number.
        timeout: float. Seconds until a request's deadline.
        patience: float. Seconds to retry while the server is unavailable or its queue is full.
        on_wait: callable. Called once, with the status (str), when a request has waited for `NOTICE` seconds.
        tls: bool.
        ca: path or None. PEM of the certificate authority. Default: the system's.
        token: str or None. Bearer token, sent with each request.
        certificate: path or None. PEM of the client's own certificate, for mutual TLS.
        key: path or None. PEM of its private key.

    Raises:
        InputError: if both `version` and `label` are given.

    Example:
    ```python
    with Remote("localhost:8500") as remote:
        remote.extract(untokenized(["Ana lives in Oslo ."]))
    ```
    """

    def __init__(
        self,
        address: str,
        model: str = "cman",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        patience: float = 60.0,
        on_wait: Callable[[str], object] = lambda status: None,
        tls: bool = False,
        ca: str | Path | None = None,
        token: str | None = None,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
    ) -> None:
        if version is not None and label is not None:
            raise InputError("A version must be chosen by number or by label. Received: both")
        if (certificate is None) != (key is None):
            given = "--certificate" if key is None else "--key"
            raise InputError(f"A client's certificate requires --certificate and --key. Received: only {given}")
        self.address = address
        self.model, self.version, self.label = model, version, label
        self.timeout = timeout
        self.patience = patience
        self._on_wait: Callable[[str], object] | None = on_wait
        self.left_out = 0
        self._metadata = [("authorization", f"Bearer {token}")] if token else None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        options = [
            ("grpc.max_receive_message_length", -1),
            # By default, pauses grow to two minutes: a restarted server would be found late.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.lb_policy_name", "round_robin"),  # uses all servers of a name with dns:///NAME:PORT
        ]
        if tls:
            pem = [Path(path).read_bytes() if path else None for path in (ca, key, certificate)]
            credentials = grpc.ssl_channel_credentials(*pem)
            self._channel = grpc.secure_channel(address, credentials, options)
        else:
            self._channel = grpc.insecure_channel(address, options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._channel.close()

    def extract(
        self,
        documents: Sequence[Document],
        concurrency: int = 8,
        progress: Callable[[int], object] = lambda count: None,
    ) -> list[Document]:
        """Find the entities and relations of documents.

        Args:
            documents: list of `Document`; those without tokens are sent as text, the others as tokens.
            concurrency: int. Requests at a time.
            progress: callable, called with the number of newly answered documents.

        Returns:
            list of `Document`, in the order of the input.

        Raises:
            InputError: if the server refuses a sentence, or does not answer in time.
        """
        with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
            tasks = [pool.submit(self._extract, document) for document in documents]
            try:
                for task in concurrent.futures.as_completed(tasks):
                    task.result()
                    progress(1)
            except BaseException:  # also on Ctrl-C: do not wait for the other requests
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [task.result() for task in tasks]

    def _extract(self, document: Document) -> Document:
        response = self._predict(self._request(document))
        try:
            found = {name: protos.array(proto) for name, proto in response.outputs.items()}
            document, count = annotated(document, found), left_out(found)
        except (KeyError, IndexError) as error:
            raise InputError(
                f"The server's model must be an export of cman_tf. Received: an answer without {error}"
            ) from None
        except ValueError as error:
            raise InputError(
                f"The server's model must be an export of cman_tf. Received: an answer with {error}"
            ) from None
        with self._lock:
            self.left_out += count
        return document

    def _request(self, document: Document) -> predict_pb2.PredictRequest:
        # Without output_filter: the warm-up asked for all outputs; for others, a stock server compiles the graph again.
        try:
            document.text.encode()
        except UnicodeEncodeError:  # from bytes on the command line that are not UTF-8
            raise InputError(f"A sentence must be Unicode text. Received: {document.text!r}") from None
        request = predict_pb2.PredictRequest()
        spec = request.model_spec
        spec.name = self.model
        if self.version is not None:
            spec.version.value = self.version
        if self.label is not None:
            spec.version_label = self.label
        if document.tokens:
            spec.signature_name = "tokens"
            # In a batch, a stock server pads a shorter row with the first element of its tensor.
            request.inputs["tokens"].CopyFrom(protos.strings(["", *document.tokens], rows=1))
        else:
            spec.signature_name = "serving_default"
            request.inputs["text"].CopyFrom(protos.strings([document.text]))
        return request

    def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Send a request, and retry it while `patience` allows."""
        began, wait = time.monotonic(), 0.1
        while True:
            try:
                return self._stub.Predict(request, timeout=self.timeout, metadata=self._metadata)
            except grpc.RpcError as error:
                if not _passing(error) or time.monotonic() + wait > began + self.patience:
                    raise InputError(
                        f"The request to {self.address} failed: {error.code().name} ({error.details()})."
                    ) from None
                if time.monotonic() - began > NOTICE:
                    self._notify(error.code().name)
            # Random, so that the threads do not all return at once.
            self._stop.wait(wait * random.uniform(0.5, 1))
            if self._stop.is_set():
                raise InputError("The program ended before the server answered.")
            wait = min(wait * 2, 2.0)

    def _notify(self, status: str) -> None:
        with self._lock:
            on_wait, self._on_wait = self._on_wait, None
        if on_wait:
            on_wait(status)


def _passing(error: grpc.RpcError) -> bool:
    """Whether a retry may help."""
    if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:  # a full queue, but not a message that is too large
        return "larger than max" not in (error.details() or "")
    # CANCELLED, though we never cancel: so gRPC ends requests that a stopping server has not accepted yet.
    return error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
