"""`python -m export.serving.protoset FILE`: write the server's protos to one file, for grpcurl and other languages.

TensorFlow Serving has no reflection service, and its `.proto` files are spread over two repositories.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool

from cman_tf.commands import cli


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
    for name in ("prediction_service", "model_service"):
        # These two modules were generated for an older protobuf: with protobuf 4 they register their descriptors, then
        # fail to set an attribute.
        with contextlib.suppress(AttributeError):
            importlib.import_module(f"tensorflow_serving.apis.{name}_pb2")
        add(descriptor_pool.Default().FindFileByName(f"tensorflow_serving/apis/{name}.proto"))
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
