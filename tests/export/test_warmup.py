"""Warm-up requests are what the server expects, of the sizes that clients send."""

import pytest
from tensorflow_serving.apis import prediction_log_pb2

from cman_tf.errors import InputError
from export.manifest import read_manifest
from export.serving.batching_options import BatchingOptions
from export.warmup import RECORDS, read_warmup, sizes, write_warmup


@pytest.fixture(scope="module")
def asked(exported, run_predictor):
    """`(tokens of a row, rows)` of each request, by signature."""
    asked = {"serving_default": [], "tokens": [], "scores": []}
    for name, inputs in read_warmup(exported):
        (batch,) = inputs.values()
        row = batch[0] if isinstance(batch[0], list) else run_predictor.tokenize(batch[:1])[0].tokens
        asked[name].append((len(row), len(batch)))
    return asked


@pytest.mark.parametrize("name", ["serving_default", "tokens"])
def test_requests_cover_what_a_server_meets(exported, asked, name):
    longest, most = read_manifest(exported)["limits"]["max_tokens"], BatchingOptions().max_batch_size
    lengths = sorted({length for length, _ in asked[name]})
    assert (lengths[0], lengths[-1]) == (1, longest)
    # Nobody is far from a size that was asked for.
    assert all(later <= max(2 * earlier, 8) for earlier, later in zip(lengths, lengths[1:]))
    assert {(length, most) for length in lengths if length <= 64} <= set(asked[name])
    assert {(length, 1) for length in lengths} <= set(asked[name])


def test_they_are_few(asked):
    assert asked["scores"]
    assert sum(map(len, asked.values())) < 100
    assert max(length * rows for rows_of in asked.values() for length, rows in rows_of) <= 64 * 32


@pytest.mark.parametrize(("max_tokens", "longest"), [(1, 1), (9, 9), (128, 128), (300, 300), (5000, 512)])
def test_no_sentence_is_longer_than_what_is_read(max_tokens, longest):
    lengths = [length for length, _ in sizes(max_tokens)]
    assert max(lengths) == lengths[-1] == longest
    assert lengths == sorted(lengths)
    assert len(set(sizes(max_tokens))) == len(lengths)


def test_requests_are_answered(exported, served):
    for name, inputs in read_warmup(exported):
        assert served.replay(name, inputs) == len(next(iter(inputs.values())))


def test_the_file_is_a_record_file_of_prediction_logs(tmp_path):
    write_warmup(tmp_path, "tiny", [(3, 2)])
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
