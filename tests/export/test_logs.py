"""What users send is never in the log, nor on the page of counters, whatever becomes of it."""

import logging

import grpc
import pytest
import tensorflow as tf

from export.serving import tensors
from export.serving.app import Server, ServerOptions
from tests.export.serving import Asker, code
from tests.export.tiny import Echo

Code = grpc.StatusCode
SECRET = "Ana-Lima-of-Oslo"


def _proto(value):
    return tf.make_tensor_proto(value)


# Wherever in a request a text may stand by mistake.
REQUESTS = {
    "model": (lambda r: setattr(r.model_spec, "name", SECRET), Code.NOT_FOUND),
    "label": (lambda r: setattr(r.model_spec, "version_label", SECRET), Code.INVALID_ARGUMENT),
    "signature": (lambda r: setattr(r.model_spec, "signature_name", SECRET), Code.FAILED_PRECONDITION),
    "input": (lambda r: r.inputs[SECRET].CopyFrom(_proto([SECRET])), Code.INVALID_ARGUMENT),
    "output": (lambda r: r.output_filter.append(SECRET), Code.INVALID_ARGUMENT),
    "rank": (lambda r: r.inputs["text"].CopyFrom(_proto([[SECRET]])), Code.INVALID_ARGUMENT),
    "long": (lambda r: r.inputs["text"].CopyFrom(_proto([SECRET * 1000])), Code.INVALID_ARGUMENT),
    "many": (lambda r: r.inputs["text"].CopyFrom(_proto([SECRET] * 33)), Code.INVALID_ARGUMENT),
    "large": (lambda r: r.inputs["text"].CopyFrom(_proto([SECRET * 300_000])), Code.RESOURCE_EXHAUSTED),
    "good": (lambda r: r.inputs["text"].CopyFrom(_proto([SECRET])), Code.OK),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    server = Server(ServerOptions(folder, port=0, rest_port=0))
    server.start()
    yield server
    server.stop(5)


def test_nothing_of_a_failing_request_is_in_the_log(server, caplog, monkeypatch):
    asker = Asker(server.port, server.rest_port)
    caplog.set_level(logging.DEBUG)
    for change, expected in REQUESTS.values():
        request = asker.request([SECRET])
        change(request)
        assert code(asker.predictions.Predict, request, timeout=60) == expected
    # The model itself refuses, and a defect of ours quotes: both with the text in their message.
    assert code(asker.predict, ["bad"], "picky") == Code.INVALID_ARGUMENT

    def fail(array):
        raise ValueError(f"cannot write {SECRET}")

    monkeypatch.setattr(tensors, "write", fail)
    assert code(asker.predict, [SECRET]) == Code.INTERNAL
    told = [record for record in caplog.records if record.name == "export.serving"]
    # A message that is too large is refused by gRPC, before any code of ours.
    assert sum(record.getMessage() == "request" for record in told) == len(REQUESTS) + 1
    assert [record.fields for record in told if record.getMessage() == "internal"] == [{"kind": "ValueError"}]
    assert SECRET not in str([record.__dict__ for record in told])
    assert "bad text" not in str([record.__dict__ for record in told])
    assert SECRET not in server.metrics.page()
