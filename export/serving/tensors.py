"""Converts `TensorProto` to numpy and back, with checks of all that clients send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from export.serving.status import invalid

if TYPE_CHECKING:
    from tensorflow.core.protobuf import meta_graph_pb2

MAX_ELEMENTS = 1 << 24  # for requests that no client sent: the warm-up's
MAX_RANK = 254  # TensorFlow's

_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
}


def read(
    name: str, proto: tensor_pb2.TensorProto, info: meta_graph_pb2.TensorInfo, max_elements: int = MAX_ELEMENTS
) -> np.ndarray:
    """Convert an input to an array. Nothing of the size that a client claims is made before the size is checked.

    Args:
        name: str. The input's name, for errors.
        proto: `TensorProto` from a client.
        info: `TensorInfo` of the signature.
        max_elements: int. Most values of a tensor.

    Returns:
        array, of objects (bytes) for strings.

    Raises:
        ServingError: INVALID_ARGUMENT if type, shape or values are not those of the signature.
    """
    if proto.dtype != info.dtype:
        raise invalid(f"Input {name} must be {_type(info.dtype)}. Received: {_type(proto.dtype)}")
    if proto.tensor_shape.unknown_rank:
        raise invalid(f"Input {name} must have a known shape. Received: one of unknown rank")
    check_rank(name, len(proto.tensor_shape.dim), info)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    check_shape(name, shape, info, max_elements)
    return _values(name, proto, shape)


def check_rank(name: str, rank: int, info: meta_graph_pb2.TensorInfo) -> None:
    """Raise INVALID_ARGUMENT unless a signature takes tensors of this rank: before their sizes are looked at."""
    expected = MAX_RANK if info.tensor_shape.unknown_rank else len(info.tensor_shape.dim)
    if rank > MAX_RANK or (rank != expected and not info.tensor_shape.unknown_rank):
        raise invalid(f"Input {name} must have {expected} dimensions. Received: {rank}")


def check_shape(
    name: str, shape: Sequence[int], info: meta_graph_pb2.TensorInfo, max_elements: int = MAX_ELEMENTS
) -> None:
    """Raise INVALID_ARGUMENT unless a shape of the right rank is one of a signature, and small enough.

    Args:
        name: str. The input's name, for errors.
        shape: sequence of int, from a client.
        info: `TensorInfo` of the signature.
        max_elements: int. Largest product of the sizes. A size of 0 counts as 1: an input without rows is padded with
            those of other clients, to its other sizes.
    """
    if any(size < 0 for size in shape) or math.prod(max(size, 1) for size in shape) > max_elements:
        raise invalid(f"Input {name} must have a known shape of at most {max_elements} elements. Received: {shape}")
    expected = [dim.size for dim in info.tensor_shape.dim]
    if not info.tensor_shape.unknown_rank and any(size not in (-1, got) for size, got in zip(expected, shape)):
        raise invalid(f"Input {name} must have shape {expected}, where -1 is any size. Received: {shape}")


def _values(name: str, proto: tensor_pb2.TensorProto, shape: Sequence[int]) -> np.ndarray:
    field = _FIELDS.get(proto.dtype)
    values: Any = getattr(proto, field) if field else ()
    elements = math.prod(shape)
    # One value may be repeated for all, as in TensorFlow; any other number is an error of the client.
    if field and not proto.tensor_content and len(values) not in (elements, 1):
        raise invalid(f"Input {name} must have {elements} values for shape {shape}. Received: {len(values)}")
    if proto.dtype == types_pb2.DT_STRING:
        if proto.tensor_content:
            raise invalid(f"Input {name} must have its strings in string_val. Received: tensor_content")
        array = np.empty(elements, object)
        array[:] = values if len(values) == elements else values[0]
        return array.reshape(shape)
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError) as error:
        raise invalid(f"Input {name} must have values that fit its shape. Received: {error}") from None


def write(array: np.ndarray) -> tensor_pb2.TensorProto:
    """Convert an array to a `TensorProto` with typed fields, as TensorFlow Serving sends."""
    dtype = types_pb2.DT_STRING if array.dtype == object else tf.as_dtype(array.dtype).as_datatype_enum
    if dtype not in _FIELDS:
        return tf.make_tensor_proto(array)
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == types_pb2.DT_FLOAT:
        # The bytes of the field as protobuf packs it: a list of millions of floats would hold up all other threads.
        data = np.ascontiguousarray(array, "<f4").tobytes()
        proto.MergeFromString(b"\x2a" + _varint(len(data)) + data)
        return proto
    getattr(proto, _FIELDS[dtype]).extend(array.ravel().tolist())
    return proto


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate along dimension 0; pad the other dimensions with zeros or empty strings."""
    shape = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays)))
    if all(array.shape[1:] == shape for array in arrays):
        return np.concatenate(arrays)
    fill = b"" if arrays[0].dtype == object else 0
    result = np.full((sum(len(array) for array in arrays), *shape), fill, arrays[0].dtype)
    row = 0
    for array in arrays:
        result[(slice(row, row + len(array)), *(slice(size) for size in array.shape[1:]))] = array
        row += len(array)
    return result


def longest_row(array: np.ndarray) -> int:
    """Bytes of the longest row of strings, plus one for each string; 0 for numbers."""
    if array.dtype != object:
        return 0
    if not array.size:
        return math.prod(array.shape[1:])  # without a row, those that others are padded to
    rows = array.reshape(array.shape[0] if array.ndim else 1, -1)
    return max(sum(len(value) + 1 for value in row) for row in rows)


def _type(dtype: int) -> str:
    return tf.as_dtype(dtype).name if dtype in types_pb2.DataType.values() and dtype else "no type"
