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

MAX_ELEMENTS = 1 << 24  # a shape of a few bytes may ask for any amount of memory

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


def read(name: str, proto: tensor_pb2.TensorProto, info: meta_graph_pb2.TensorInfo) -> np.ndarray:
    """Convert an input to an array.

    Args:
        name: str. The input's name, for errors.
        proto: `TensorProto` from a client.
        info: `TensorInfo` of the signature.

    Returns:
        array, of objects (bytes) for strings.

    Raises:
        ServingError: INVALID_ARGUMENT if type, shape or values are not those of the signature.
    """
    if proto.dtype != info.dtype:
        raise invalid(f"Input {name} must be {_type(info.dtype)}. Received: {_type(proto.dtype)}")
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise invalid(f"Input {name} must have a known shape of at most {MAX_ELEMENTS} elements. Received: {shape}")
    expected = [dim.size for dim in info.tensor_shape.dim]
    fits = len(expected) == len(shape) and all(size in (-1, got) for size, got in zip(expected, shape))
    if not info.tensor_shape.unknown_rank and not fits:
        raise invalid(f"Input {name} must have shape {expected}, where -1 is any size. Received: {shape}")
    return _values(name, proto, shape)


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
    getattr(proto, _FIELDS[dtype]).extend(array.ravel().tolist())
    return proto


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
    if array.dtype != object or not array.size:
        return 0
    rows = array.reshape(array.shape[0] if array.ndim else 1, -1)
    return max(sum(len(value) + 1 for value in row) for row in rows)


def _type(dtype: int) -> str:
    return tf.as_dtype(dtype).name if dtype in types_pb2.DataType.values() and dtype else "no type"
