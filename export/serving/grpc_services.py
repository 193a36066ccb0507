"""The gRPC services of the server: requests go to the `Backend`, errors become the status of the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from export.serving import logs, status

if TYPE_CHECKING:
    from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

    from export.serving.backend import Backend


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """gRPC `PredictionService`: `Predict` and `GetModelMetadata`; the other methods answer UNIMPLEMENTED.

    Args:
        backend: `Backend`.
        client_header: str or None. Metadata that names the client. Default: its address is its name.
    """

    def __init__(self, backend: Backend, client_header: str | None = None) -> None:
        self.backend = backend
        self.client_header = client_header

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """`PredictResponse`, or the call ends with the status of the error."""

        def compute() -> predict_pb2.PredictResponse:
            client = _client(context, self.client_header)
            return self.backend.predict(request, context.time_remaining(), "GRPC", context.add_callback, client)

        return _answer(context, compute)

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """`GetModelMetadataResponse` with the signatures of a version, or a status likewise."""
        return _answer(context, lambda: self.backend.metadata(request))


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """gRPC `ModelService`: `GetModelStatus`; `HandleReloadConfigRequest` answers UNIMPLEMENTED.

    Args:
        backend: `Backend`.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """`GetModelStatusResponse`, or the call ends with the status of the error."""
        return _answer(context, lambda: self.backend.status(request))


def _client(context: grpc.ServicerContext, header: str | None) -> str:
    """Who asks: the value of a header, or the address without its port."""
    if header is not None:
        for name, value in context.invocation_metadata():
            if name == header.lower():
                return str(value)[:200]
    return context.peer().rpartition(":")[0]


def _answer(context: grpc.ServicerContext, compute: Callable[[], Any]) -> Any:
    """The result of `compute()`; if it raises, the call ends with the status of the error."""
    try:
        return compute()
    except Exception as error:
        failure = status.of(error)
        if failure.code == grpc.StatusCode.INTERNAL:
            logs.error("internal", kind=type(error.__cause__ or error).__name__)
        return context.abort(failure.code, failure.message)
