"""`ModelService`: which versions there are, and why one does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from export.serving.predict_service import answer
from export.serving.status import invalid

if TYPE_CHECKING:
    import grpc

    from export.serving.versions import Versions


def model_status(
    versions: Versions, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """`GetModelStatusResponse` for a `GetModelStatusRequest`."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return get_model_status_pb2.GetModelStatusResponse(model_version_status=versions.status(request.model_spec))


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """gRPC `ModelService`: `GetModelStatus`; `HandleReloadConfigRequest` answers UNIMPLEMENTED.

    Args:
        versions: `Versions`.
    """

    def __init__(self, versions: Versions) -> None:
        self.versions = versions

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """`GetModelStatusResponse`, or the RPC ends with the status of what is wrong."""
        return answer(context, lambda: model_status(self.versions, request))
