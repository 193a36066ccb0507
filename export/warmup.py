"""Warm-up requests: a server runs them before it reports ready, so that no client waits for the first calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cman_tf.errors import InputError

# TensorFlow Serving reads this file of a version's folder.
RECORDS = Path("assets.extra") / "tf_serving_warmup_requests"

LENGTHS = (1, 8, 16, 32, 64, 128, 256, 512)

# Most rows by length: large batches of long sentences are rare, take seconds, and exceed a server's limits.
BATCH_SIZES = {64: (1, 8, 32), 128: (1, 8), 512: (1,)}

_WORDS = "Ana Lima of Oslo met Bo Ek in Peru".split()


def sentence(length: int) -> str:
    """A text of `length` tokens with names, so that the relation network has work too."""
    return " ".join(_WORDS[position % len(_WORDS)] for position in range(length))


def sizes(max_tokens: int) -> list[tuple[int, int]]:
    """`(length, batch size)` of each request: powers of two up to the longest sentence, large batches of short ones."""
    lengths = sorted({min(length, max_tokens) for length in LENGTHS})
    return [
        (length, size)
        for length in lengths
        for size in next(s for longest, s in BATCH_SIZES.items() if length <= longest)
    ]


def write_warmup(path: str | Path, model_name: str, sizes: Sequence[tuple[int, int]]) -> None:
    """Write requests of several lengths and batch sizes for `serving_default` and `tokens`, and one for `scores`.

    A server compiles the graph of a signature at its first request, which takes seconds; new sizes take less time.

    Args:
        path: str or path. A version's folder.
        model_name: str. Name of the model on the server.
        sizes: sequence of `(int, int)`: tokens per sentence, sentences.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path = Path(path) / RECORDS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, name, rows in _questions(sizes):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature
            request.inputs[name].CopyFrom(tf.make_tensor_proto(rows, tf.string))
            log = prediction_log_pb2.PredictLog(request=request)
            file.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def _questions(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield `(signature, input, rows)`."""
    for length, size in sizes:
        yield "serving_default", "text", [sentence(length)] * size
    for length, size in sizes:
        yield "tokens", "tokens", [sentence(length).split()] * size
    # Few clients need scores; as many requests for them would double the start-up time.
    yield "scores", "tokens", [sentence(sizes[0][0]).split()]


def read_warmup(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the requests of a version's warm-up file.

    Args:
        path: str or path. A version's folder.

    Returns:
        list of `(signature name, {input name: list})`, texts as str, rows of tokens as lists of them.

    Raises:
        InputError: if the file is missing or not a TFRecord of prediction logs.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    path = Path(path) / RECORDS
    requests = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: _texts(value) for name, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name, inputs))
    except (tf.errors.OpError, DecodeError, TypeError, ValueError) as error:
        reason = " ".join(str(getattr(error, "message", error)).split())
        raise InputError(f"A warm-up file must be a TFRecord of prediction logs. Received: {path} ({reason})") from None
    return requests


def _texts(proto: Any) -> Any:
    return np.char.decode(tf.make_ndarray(proto).astype(bytes), "utf-8").tolist()
