"""`ModelService`: which versions there are, and why one does not answer."""

from __future__ import annotations

from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from export.serving.predict_service import answer
from export.serving.status import invalid


def model_status(versions, request):
    """`GetModelStatusResponse` for a `GetModelStatusRequest`."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return get_model_status_pb2.GetModelStatusResponse(model_version_status=versions.status(request.model_spec))


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """gRPC `ModelService`: `GetModelStatus`; `HandleReloadConfigRequest` answers UNIMPLEMENTED.

    Args:
        versions: `Versions`.
    """

    def __init__(self, versions):
        self.versions = versions

    def GetModelStatus(self, request, context):
        """`GetModelStatusResponse`, or the RPC ends with the status of what is wrong."""
        return answer(context, lambda: model_status(self.versions, request))
