"""`python -m export.serving.protoset FILE`: the server's protos in one file, for grpcurl and other languages.

TensorFlow Serving has no reflection service, and its `.proto` files are spread over two repositories.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

from cman_tf.commands import cli

_APIS = "tensorflow_serving/apis"
# The modules of the services themselves cannot be imported with protobuf 4; those of their messages can.
_SERVICES = {
    "PredictionService": {
        "Classify": ("classification", "ClassificationRequest", "ClassificationResponse"),
        "Regress": ("regression", "RegressionRequest", "RegressionResponse"),
        "Predict": ("predict", "PredictRequest", "PredictResponse"),
        "MultiInference": ("inference", "MultiInferenceRequest", "MultiInferenceResponse"),
        "GetModelMetadata": ("get_model_metadata", "GetModelMetadataRequest", "GetModelMetadataResponse"),
    },
    "ModelService": {
        "GetModelStatus": ("get_model_status", "GetModelStatusRequest", "GetModelStatusResponse"),
        "HandleReloadConfigRequest": ("model_management", "ReloadConfigRequest", "ReloadConfigResponse"),
    },
}


def protoset() -> descriptor_pb2.FileDescriptorSet:
    """`FileDescriptorSet` of `PredictionService`, `ModelService` and the health service, dependencies first."""
    from grpc_health.v1 import health_pb2

    result, seen = descriptor_pb2.FileDescriptorSet(), set()

    def add(file: Any) -> None:
        if file.name not in seen:
            seen.add(file.name)
            for dependency in file.dependencies:
                add(dependency)
            file.CopyToProto(result.file.add())

    add(health_pb2.DESCRIPTOR)
    for name, methods in _SERVICES.items():
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{_APIS}/{name}.proto", package="tensorflow.serving", syntax="proto3"
        )
        service = file.service.add(name=name)
        for method, (module, *types) in methods.items():
            messages = importlib.import_module(f"tensorflow_serving.apis.{module}_pb2").DESCRIPTOR
            add(messages)
            file.dependency.append(messages.name)
            request, response = (f".tensorflow.serving.{type}" for type in types)
            service.method.add(name=method, input_type=request, output_type=response)
        result.file.append(file)
    return result


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman-protoset",
        "Write the server's protos to one file, for grpcurl and other languages.",
        "python -m export.serving.protoset serving.protoset",
        usage="FILE",
    )
    parser.add_argument("file", metavar="FILE", help="file to write, a FileDescriptorSet")
    args = cli.parse(parser, argv)
    Path(args.file).write_bytes(protoset().SerializeToString())


if __name__ == "__main__":
    sys.exit(cli.run("cman-protoset", command))
