"""Converts JSON of the REST interface to protos and back: rows (`instances`) or columns (`inputs`)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from cman_tf.stack import with_default_fields
from export.serving import tensors
from export.serving.json_bodies import read_json
from export.serving.status import invalid

CHUNK = 4096  # values that are converted without a pause for other threads

if TYPE_CHECKING:
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import get_model_status_pb2, predict_pb2


def parse(body: bytes) -> dict[str, Any]:
    """Parse a request body.

    Raises:
        ServingError: if it is not a JSON object in UTF-8; the message says what is wrong, and at which byte.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        raise invalid("JSON Value Is not object")
    if not isinstance(value.get("signature_name", ""), str):
        raise invalid("JSON Value not formatted correctly. 'signature_name' key must be a string value.")
    return value


def fill(
    value: Mapping[str, Any],
    infos: Mapping[str, meta_graph_pb2.TensorInfo],
    request: predict_pb2.PredictRequest,
    max_elements: int = tensors.MAX_ELEMENTS,
) -> bool:
    """Put the tensors of a parsed body into a `PredictRequest`.

    Args:
        value: dict from `parse`.
        infos: dict of input name to `TensorInfo`.
        request: `PredictRequest`.
        max_elements: int. Most values of an input.

    Returns:
        bool, whether the answer is to be written as rows.
    """
    if ("instances" in value) == ("inputs" in value):
        if "inputs" not in value:
            raise invalid("Missing 'inputs' or 'instances' key")
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    rows = "instances" in value
    columns = _columns_of_rows(value["instances"], infos, max_elements) if rows else _columns(value["inputs"], infos)
    for name, column in columns.items():
        request.inputs[name].CopyFrom(_tensor(name, column, infos[name], max_elements))
    return rows


def _columns(inputs: Any, infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, Any]:
    if not _named(inputs):
        if len(infos) > 1:
            raise invalid("inputs is a plain value/list, but expecting an object as multiple input tensors required")
        return dict.fromkeys(infos, inputs)
    for name in infos:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: inputs[name] for name in infos}


def _columns_of_rows(
    rows: Any, infos: Mapping[str, meta_graph_pb2.TensorInfo], max_elements: int
) -> dict[str, list[Any]]:
    if not isinstance(rows, list):
        raise invalid("Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    if len(rows) > max_elements:
        raise invalid(f"'instances' must have at most {max_elements} values. Received: {len(rows)}")
    named = _named(rows[0])
    if not named and len(infos) > 1:
        raise invalid("instances is a plain list, but expecting list of objects as multiple input tensors required")
    for position, row in enumerate(rows):
        if _named(row) != named:
            wanted, got = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {wanted} but got {got} at item {position} of input list")
        if named and set(row) != set(infos):
            raise invalid(
                f"Failed to process element: {position} of 'instances' list. "
                f"JSON object: keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: [row[name] if named else row for row in rows] for name in infos}


def _named(value: object) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _tensor(name: str, value: Any, info: meta_graph_pb2.TensorInfo, max_elements: int) -> tensor_pb2.TensorProto:
    dtype = info.dtype
    shape, level = [], value
    while isinstance(level, list):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    tensors.check_rank(name, len(shape), info)
    tensors.check_shape(name, shape, info, max_elements)
    flat = [value]
    for size in shape:
        if any(not isinstance(item, list) or len(item) != size for item in flat):
            raise invalid(f"Input {name}: lists of one level must have the same size {size}")
        flat = [item for items in flat for item in items]
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    add, accepts = _KINDS.get(dtype, (None, None))
    if add is None or accepts is None:
        raise invalid(f"Input {name}: JSON cannot express {tf.as_dtype(dtype).name}")
    for number, item in enumerate(flat):
        try:
            if not accepts(item):
                raise TypeError(f"is not of expected type: {tf.as_dtype(dtype).name}")
            getattr(proto, add).append(_bytes(item) if add == "string_val" else item)
        except (TypeError, ValueError) as error:
            # protobuf's own message quotes the value
            why = error if add == "string_val" or isinstance(error, TypeError) else f"is no {tf.as_dtype(dtype).name}"
            raise invalid(f"Input {name}: JSON value {number} {why}") from None
    return proto


_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_WEB_SAFE = dict.fromkeys("-_", ", which is web-safe base64; standard base64 has + and /")


def _bytes(item: Any) -> bytes:
    if not isinstance(item, dict):
        return item.encode()
    # As in TensorFlow Serving: padding may be missing but not wrong, and blanks are skipped.
    given = item["b64"]
    text = "".join(given.split())
    data = text.rstrip("=")
    wrong = _NOT_BASE64.search(data)
    if wrong:
        place = [place for place, character in enumerate(given) if not character.isspace()][wrong.start()]
        raise ValueError(f"base64 has no {wrong[0]!r} (at byte {place} of it){_WEB_SAFE.get(wrong[0], '')}")
    missing = "=" * (-len(data) % 4)
    if len(data) % 4 == 1 or text not in (data, data + missing):
        raise ValueError(f"base64 of {len(data)} characters and {len(text) - len(data)} of padding is incomplete")
    return base64.b64decode(data + missing)


def _integer(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _number(item: object) -> bool:
    return _integer(item) or isinstance(item, float)


_KINDS: dict[int, tuple[str, Callable[[Any], bool]]] = {
    types_pb2.DT_STRING: ("string_val", lambda item: isinstance(item, str) or _is_base64(item)),
    types_pb2.DT_BOOL: ("bool_val", lambda item: isinstance(item, bool)),
    types_pb2.DT_FLOAT: ("float_val", _number),
    types_pb2.DT_DOUBLE: ("double_val", _number),
    types_pb2.DT_INT64: ("int64_val", _integer),
    types_pb2.DT_UINT64: ("uint64_val", _integer),
    types_pb2.DT_UINT32: ("uint32_val", _integer),
    types_pb2.DT_INT32: ("int_val", _integer),
    types_pb2.DT_INT16: ("int_val", _integer),
    types_pb2.DT_INT8: ("int_val", _integer),
    types_pb2.DT_UINT8: ("int_val", _integer),
}


def predictions(outputs: Mapping[str, tensor_pb2.TensorProto], rows: bool) -> str:
    """Body of an answer: `predictions` for rows, `outputs` for columns. A single output is written without its name."""
    columns = {name: _lists(name, proto) for name, proto in sorted(outputs.items())}
    if not rows:
        return _dump({"outputs": columns if len(columns) > 1 else next(iter(columns.values()))})
    sizes = {len(column) if isinstance(column, list) else None for column in columns.values()}
    if len(sizes) > 1 or None in sizes:
        raise invalid("Every output must have the same batch size to be given as rows; ask with 'inputs' instead")
    if len(columns) == 1:
        return _dump({"predictions": next(iter(columns.values()))})
    items = [dict(zip(columns, row)) for row in zip(*columns.values())]
    return _dump({"predictions": items})


def _dump(value: Any) -> str:
    """JSON of nested lists and dicts, each list of lists of lists by itself: other threads run between them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_dump(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list) and _depth(value) > 2:
        return "[" + ", ".join(map(_dump, value)) + "]"
    return json.dumps(value)


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth, value = depth + 1, value[0] if value else None
    return depth + isinstance(value, dict)


def _lists(name: str, proto: tensor_pb2.TensorProto) -> Any:
    array = tf.make_ndarray(proto)
    if proto.dtype == types_pb2.DT_STRING:
        if name.endswith("_bytes"):
            return _map(array.tolist(), lambda value: {"b64": base64.b64encode(value).decode()})
        return _map(array.tolist(), lambda value: value.decode(errors="replace"))
    if proto.dtype == types_pb2.DT_FLOAT:
        # 0.2, not 0.20000000298: the shortest decimal that is this float32.
        parts = [
            part.astype(str).astype("float64") for part in np.split(array.ravel(), range(CHUNK, array.size, CHUNK))
        ]
        return np.concatenate(parts).reshape(array.shape).tolist()
    return array.tolist()


def _map(value: Any, change: Callable[[Any], Any]) -> Any:
    return [_map(item, change) for item in value] if isinstance(value, list) else change(value)


def status(response: get_model_status_pb2.GetModelStatusResponse) -> str:
    """Body of a `GetModelStatusResponse`."""
    return json_format.MessageToJson(response, **with_default_fields())


def metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> str:
    """Body of a `GetModelMetadataResponse`."""
    definitions = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(definitions)
    options = {**with_default_fields(), "preserving_proto_field_name": True}
    return json.dumps(
        {
            "model_spec": json_format.MessageToDict(response.model_spec, **options),
            "metadata": {"signature_def": json_format.MessageToDict(definitions, **options)},
        },
        indent=1,
    )
