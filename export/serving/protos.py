"""The messages of TensorFlow Serving and their tensors, for clients: without importing TensorFlow.

The generated modules are `tensorflow_serving.apis` and, below it, `tensorflow.core`. Importing the latter would run
TensorFlow's own `__init__`, which takes seconds; a stand-in for that package takes its place while they are imported.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    spec = None if "tensorflow" in sys.modules else importlib.util.find_spec("tensorflow")
    if spec is None:  # imported already, or not installed, which the import below reports
        yield
        return
    stand_in = types.ModuleType("tensorflow")
    stand_in.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["tensorflow"] = stand_in
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


with _without_tensorflow():
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

__all__ = ["array", "predict_pb2", "prediction_service_pb2_grpc", "strings"]

_VALUES = {
    types_pb2.DT_FLOAT: ("float_val", np.float32),
    types_pb2.DT_INT32: ("int_val", np.int32),
    types_pb2.DT_INT64: ("int64_val", np.int64),
    types_pb2.DT_BOOL: ("bool_val", np.bool_),
    types_pb2.DT_STRING: ("string_val", np.object_),
}


def strings(values: Sequence[str], rows: int | None = None) -> tensor_pb2.TensorProto:
    """A tensor of strings: `(values,)`, or `(rows, values / rows)` if `rows` is given."""
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING)
    for size in (len(values),) if rows is None else (rows, len(values) // rows):
        proto.tensor_shape.dim.add(size=size)
    proto.string_val.extend(value.encode() for value in values)
    return proto


def array(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """The array of a tensor from a server; strings are objects (bytes).

    Raises:
        ValueError: if the type is not one that an export answers with, or the values do not fill the shape.
    """
    if proto.dtype not in _VALUES:
        raise ValueError(f"a tensor of type {types_pb2.DataType.Name(proto.dtype)}")
    field, dtype = _VALUES[proto.dtype]
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    values: np.ndarray = np.array(list(getattr(proto, field)), dtype)
    # One value stands for all, as in TensorFlow.
    return np.broadcast_to(values, shape) if len(values) == 1 != math.prod(shape) else values.reshape(shape)
