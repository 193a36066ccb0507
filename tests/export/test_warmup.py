"""Warm-up requests are what the server expects, of the sizes that clients send."""

import pytest
from tensorflow_serving.apis import prediction_log_pb2

from cman_tf.errors import InputError
from export.warmup import BATCH_SIZES, LENGTHS, RECORDS, read_warmup, write_warmup


def test_requests_of_every_signature_length_and_batch_size(exported, run_predictor):
    requests = read_warmup(exported)
    asked = {"serving_default": [], "tokens": [], "scores": []}
    for name, inputs in requests:
        (batch,) = inputs.values()
        row = batch[0] if isinstance(batch[0], list) else run_predictor.tokenize(batch[:1])[0].tokens
        asked[name].append((len(row), len(batch)))
    every = [(length, size) for length in LENGTHS for size in BATCH_SIZES]
    assert asked == {"serving_default": every, "tokens": every, "scores": [(LENGTHS[0], 1)]}


def test_requests_are_answered(exported, served):
    for name, inputs in read_warmup(exported):
        assert served.replay(name, inputs) == len(next(iter(inputs.values())))


def test_the_file_is_a_record_file_of_prediction_logs(tmp_path):
    write_warmup(tmp_path, "tiny", lengths=[3], batch_sizes=[2])
    data = (tmp_path / RECORDS).read_bytes()
    # TFRecord: length, its checksum, the record, its checksum.
    log = prediction_log_pb2.PredictionLog.FromString(data[12 : 12 + int.from_bytes(data[:8], "little")])
    request = log.predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("tiny", "serving_default")
    assert list(request.inputs["text"].string_val) == [b"Ana Lima of"] * 2


@pytest.mark.parametrize("data", [None, b"these are no records", b"\x00" * 40])
def test_a_broken_file_is_refused(tmp_path, data):
    if data:
        (tmp_path / "assets.extra").mkdir()
        (tmp_path / RECORDS).write_bytes(data)
    with pytest.raises(InputError, match="A warm-up file must be a TFRecord"):
        read_warmup(tmp_path)
