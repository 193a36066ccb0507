"""Two of TensorFlow Serving's configuration messages that `tensorflow-serving-api` does not ship."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "cman.serving.config"  # not theirs: their own definition may be loaded beside it


def _build() -> list[Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="cman/serving_config.proto", package=_PACKAGE, syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    batching = file.message_type.add(name="BatchingParameters")
    wrapped = ["max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"]
    for number, name in enumerate(wrapped, 1):
        _add(batching, name, number, _FIELD.TYPE_MESSAGE, ".google.protobuf.Int64Value")
    _add(batching, "thread_pool_name", 5, _FIELD.TYPE_MESSAGE, ".google.protobuf.StringValue")
    _add(batching, "allowed_batch_sizes", 6, _FIELD.TYPE_INT64, label=_FIELD.LABEL_REPEATED)
    _add(batching, "pad_variable_length_inputs", 7, _FIELD.TYPE_BOOL)
    # By these names in text form; their numbers are not ours to know.
    _add(batching, "enable_large_batch_splitting", 101, _FIELD.TYPE_MESSAGE, ".google.protobuf.BoolValue")
    _add(batching, "max_execution_batch_size", 102, _FIELD.TYPE_MESSAGE, ".google.protobuf.Int64Value")
    prometheus = file.message_type.add(name="PrometheusConfig")
    _add(prometheus, "enable", 1, _FIELD.TYPE_BOOL)
    _add(prometheus, "path", 2, _FIELD.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    _add(monitoring, "prometheus_config", 1, _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.PrometheusConfig")
    pool = descriptor_pool.Default()
    pool.Add(file)
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("BatchingParameters", "MonitoringConfig")
    ]


def _add(
    message: descriptor_pb2.DescriptorProto,
    name: str,
    number: int,
    kind: Any,
    type_name: str | None = None,
    label: Any = _FIELD.LABEL_OPTIONAL,
) -> None:
    message.field.add(name=name, number=number, type=kind, type_name=type_name, label=label)


BatchingParameters, MonitoringConfig = _build()
