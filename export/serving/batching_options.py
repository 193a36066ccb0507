"""Options of batching, and TensorFlow Serving's file of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cman_tf.errors import InputError

SIZES = "max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"
LIMITS = "max_padded_bytes", "max_batch_cost", "max_answer_bytes"


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are batched; the names are those of TensorFlow Serving's batching file.

    Args:
        enabled: bool. False computes each request alone.
        max_batch_size: int. Rows of a batch, and of a request.
        batch_timeout_micros: int. Longest wait of a request for others to join it. Only a request that follows a
            batch of several waits: the request of a lone client never does.
        max_enqueued_batches: int. The queue has room for the rows of this many batches; more are refused.
        num_batch_threads: int. Batches computed at the same time.
        max_padded_bytes: int. Largest product of the rows of a batch and its longest row, in bytes: limits padding.
        max_batch_cost: float. Most that a batch costs, in tokens, see `costs`: other clients wait that long at most. A
            request that costs more is computed in parts of some rows.
        max_answer_bytes: int. Largest answer, estimated before it is computed.
    """

    enabled: bool = True
    max_batch_size: int = 32
    batch_timeout_micros: int = 1000
    max_enqueued_batches: int = 8
    num_batch_threads: int = 1
    max_padded_bytes: int = 65536
    max_batch_cost: float = 4096.0
    max_answer_bytes: int = 16 << 20

    @property
    def capacity(self) -> int:
        """Rows that fit into the queue, int."""
        return self.max_batch_size * self.max_enqueued_batches


def read_batching_file(path: str | Path) -> tuple[dict[str, int], list[str]]:
    """Read a file for `tensorflow_model_server --batching_parameters_file`.

    Args:
        path: str or path. `BatchingParameters` in protobuf's text format.

    Returns:
        `(given, ignored)`: dict of names in `SIZES` to int, and the names of fields without effect here.

    Raises:
        InputError: if the file is not of this format, or a size is not positive.
    """
    from google.protobuf import text_format

    try:
        parameters = text_format.Parse(Path(path).read_text(encoding="utf-8"), _batching_parameters())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"A batching file must be BatchingParameters in protobuf's text format. Received: {path} ({reason})"
        ) from None
    given = {name: getattr(parameters, name).value for name in SIZES if parameters.HasField(name)}
    if any(value < 1 for name, value in given.items() if name != "batch_timeout_micros"):
        raise InputError(f"Batching sizes must be 1 or more. Received: {given} in {path}")
    used = {*SIZES, "pad_variable_length_inputs"}  # rows of different width are always padded here
    return given, [field.name for field, _ in parameters.ListFields() if field.name not in used]


def _batching_parameters() -> Any:
    """An empty `BatchingParameters`, which `tensorflow-serving-api` does not ship.

    Text format needs only the names and types of its fields: the field numbers are not TensorFlow Serving's.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    message = file.message_type.add(name="BatchingParameters")
    wrapped = {
        **dict.fromkeys(SIZES, "Int64Value"),
        "thread_pool_name": "StringValue",
        "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value",
    }
    kind = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="allowed_batch_sizes", number=1, type=kind.TYPE_INT64, label=kind.LABEL_REPEATED)
    message.field.add(name="pad_variable_length_inputs", number=2, type=kind.TYPE_BOOL)
    for number, (name, wrapper) in enumerate(wrapped.items(), 3):
        type_name = f".google.protobuf.{wrapper}"
        message.field.add(name=name, number=number, type=kind.TYPE_MESSAGE, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()  # its own: the default one may have TensorFlow Serving's definition
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("BatchingParameters"))()
