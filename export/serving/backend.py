"""Answers requests, the same way for gRPC and for REST."""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2

from export.serving import costs, logs, status, tensors
from export.serving.status import ServingError, invalid
from export.serving.tasks import Task

if TYPE_CHECKING:
    import numpy as np

    from export.serving.batching import Batcher
    from export.serving.metrics import Metrics
    from export.serving.servable import Servable
    from export.serving.watcher import Watcher

_DAY = 86400.0


class Backend:
    """Answers the requests that gRPC and REST have in common.

    Args:
        watcher: `Watcher`.
        batcher: `Batcher`.
        metrics: `Metrics`.
        max_row_bytes: int. Longest text, or sum of tokens, of a row: memory grows with its square.
    """

    def __init__(self, watcher: Watcher, batcher: Batcher, metrics: Metrics, max_row_bytes: int) -> None:
        self.watcher = watcher
        self.batcher = batcher
        self.metrics = metrics
        self.max_row_bytes = max_row_bytes
        self.stopping = False
        self.max_elements = batcher.options.max_padded_bytes  # a string has a byte at least, see `longest_row`

    def predict(
        self,
        request: predict_pb2.PredictRequest,
        seconds: float | None = None,
        entrypoint: str = "GRPC",
        on_cancel: Callable[[Callable[[], object]], object] = lambda callback: None,
        client: str = "",
    ) -> predict_pb2.PredictResponse:
        """Answer a `PredictRequest`, count it and log it.

        Args:
            request: `PredictRequest`.
            seconds: float or None. Time left until its deadline.
            entrypoint: str. `"GRPC"` or `"REST"`, for the counters.
            on_cancel: callable that takes a callback for when the client disconnects.
            client: str. Name of the client; clients take turns.

        Returns:
            `PredictResponse`.

        Raises:
            ServingError: if the request cannot be answered.
        """
        started, code, rows = time.monotonic(), grpc.StatusCode.OK, 0
        # Without a deadline of the client, gRPC says centuries: more than a lock can wait.
        deadline = started + seconds if seconds is not None and seconds < _DAY else None
        try:
            response, rows = self._predict(request, deadline, on_cancel, client)
            return response
        except Exception as error:
            failure = status.of(error)
            code = failure.code
            self.metrics.refused(failure)
            raise failure from error
        finally:
            passed = time.monotonic() - started
            # An unknown name is the client's: as a label, it would let anyone fill the memory.
            model = self.watcher.model if request.model_spec.name == self.watcher.model else ""
            self.metrics.request(model, code, passed, entrypoint)
            logs.info("request", entrypoint=entrypoint, status=code.name, rows=rows, ms=round(passed * 1e3, 2))

    def rehearse(self) -> None:
        """Answer one recorded request without counting it.

        Else the first client would wait for everything that Python loads on first use.
        """
        if not self.watcher.available():
            return
        spec = model_pb2.ModelSpec(name=self.watcher.model)
        with self.watcher.use(spec) as (_, servable):
            request = next(servable.recorded(), None)
        if request is not None:
            request.model_spec.name = spec.name
            with contextlib.suppress(ServingError):  # for example if it exceeds this server's limits
                self._predict(request, time.monotonic() + _DAY, lambda callback: None)

    def ready(self) -> dict[str, Any]:
        """Which versions answer, and why others do not.

        Returns:
            dict of JSON values: `model`, `versions` (list of int) and, if there are any, `failed` (dict of number to
            reason).

        Raises:
            ServingError: UNAVAILABLE if none answers, with the reasons.
        """
        spec = model_pb2.ModelSpec(name=self.watcher.model)
        failed = {}
        with contextlib.suppress(ServingError):  # no version has been seen
            failed = {
                str(one.version): one.status.error_message
                for one in self.watcher.status(spec)
                if one.status.error_code and one.status.error_message
            }
        versions = self.watcher.available()
        if self.stopping or not versions:
            why = "The server is stopping" if self.stopping else "No version of the model is loaded"
            told = "".join(f"; version {number}: {text}" for number, text in failed.items())
            raise ServingError(grpc.StatusCode.UNAVAILABLE, why + told)
        return {"model": self.watcher.model, "versions": versions, **({"failed": failed} if failed else {})}

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answer a `GetModelMetadataRequest` with the signatures of a version."""
        spec = _spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != "signature_def":
                raise invalid(f"Metadata field {name} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        definitions = get_model_metadata_pb2.SignatureDefMap()
        with self.watcher.use(spec) as (number, servable):
            for name, definition in servable.signatures.items():
                definitions.signature_def[name].CopyFrom(definition)
        response.model_spec.name = spec.name
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(definitions)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Answer a `GetModelStatusRequest` with the states of the versions, and why one is not available."""
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=self.watcher.status(_spec(request)))

    def answer(
        self,
        request: predict_pb2.PredictRequest,
        deadline: float | None,
        on_cancel: Callable[[Callable[[], object]], object] = lambda callback: None,
        client: str = "",
    ) -> tuple[int, tuple[str, ...], dict[str, np.ndarray], int]:
        """Answer a `PredictRequest` in arrays, without counting it.

        Args:
            request, on_cancel, client: those of `predict`.
            deadline: float or None. In the clock of `time.monotonic`.

        Returns:
            `(version, outputs, found, rows)`: int, the names asked for, dict of name to array, int.

        Raises:
            ServingError: if the request cannot be answered.
        """
        with self.watcher.use(_spec(request)) as (number, servable):
            signature, outputs, feeds = servable.read(request, self.max_elements)
            rows, answer = _rows(servable, signature, feeds), servable.costs[signature]
            longest = min(costs.tokens(feeds), servable.max_tokens or sys.maxsize)
            task = Task((servable, signature), feeds, rows, deadline, client, answer.pairs, longest)
            if task.width > self.max_row_bytes:
                raise invalid(
                    f"A row must have at most {self.max_row_bytes} bytes. Received: {task.width}", "row_too_long"
                )
            if task.rows and task.rows * task.width > self.batcher.options.max_padded_bytes:
                raise invalid(
                    f"Rows times the longest row must be at most {self.batcher.options.max_padded_bytes} bytes. "
                    f"Received: {task.rows} rows, the longest of {task.width}",
                    "rows_too_long",
                )
            size = answer.bytes(task.size, longest)
            if size > self.batcher.options.max_answer_bytes:
                raise invalid(
                    f"An answer must have at most {self.batcher.options.max_answer_bytes} bytes. Received: {task.size} "
                    f"rows of {longest} tokens, whose answer has about {size}",
                    "answer_too_large",
                )
            self.metrics.cost(costs.REQUEST + task.cost)
            self.batcher.submit(task)
            on_cancel(task.future.cancel)
            return number, outputs, _wait(task.future, deadline), task.rows or 1

    def _predict(
        self,
        request: predict_pb2.PredictRequest,
        deadline: float | None,
        on_cancel: Callable[[Callable[[], object]], object],
        client: str = "",
    ) -> tuple[predict_pb2.PredictResponse, int]:
        number, outputs, found, rows = self.answer(request, deadline, on_cancel, client)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.signature_name = request.model_spec.signature_name or "serving_default"
        response.model_spec.version.value = number
        for name in outputs:
            response.outputs[name].CopyFrom(tensors.write(found[name]))
        return response, rows


def _spec(request: Any) -> model_pb2.ModelSpec:
    """The `ModelSpec` of any request; INVALID_ARGUMENT if it has none."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _rows(servable: Servable, signature: str, feeds: Mapping[str, np.ndarray]) -> int | None:
    """Size of dimension 0, or None if the inputs do not share a variable one."""
    infos = servable.signatures[signature].inputs
    shapes = [infos[name].tensor_shape for name in feeds]
    if not feeds or any(shape.unknown_rank or not shape.dim or shape.dim[0].size != -1 for shape in shapes):
        return None
    sizes = {len(array) for array in feeds.values()}
    if len(sizes) > 1:
        raise invalid(f"Inputs must have the same size of dimension 0. Received: {sorted(sizes)}")
    return sizes.pop()


def _wait(future: concurrent.futures.Future[dict[str, np.ndarray]], deadline: float | None) -> dict[str, np.ndarray]:
    try:
        return future.result(None if deadline is None else max(deadline - time.monotonic(), 0))
    except concurrent.futures.TimeoutError:
        future.cancel()
        raise status.expired() from None
    except concurrent.futures.CancelledError:
        raise ServingError(grpc.StatusCode.CANCELLED, "The client cancelled the request") from None
