"""The protocol: what a client sees of the embedded server and, where there is one, of TensorFlow Serving."""

import json

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from tests.export.serving import SERVERS, code, eventually, running
from tests.export.tiny import Echo

Code = grpc.StatusCode


@pytest.fixture(scope="module", params=SERVERS)
def asker(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    with running(request.param, folder, labels={"stable": 1, "next": 2}, poll_seconds=0.1) as asker:
        yield asker


def test_predict_answers_every_row_with_the_model_spec(asker):
    response = asker.predictions.Predict(asker.request(["a", "Ünï"]))
    assert tf.make_ndarray(response.outputs["length"]).tolist() == [1, 5]
    assert response.outputs["upper"].string_val[0] == b"A"
    assert list(response.outputs["version"].int64_val) == [1, 1]  # typed fields: what other languages read
    assert response.model_spec.name == "cman"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"


@pytest.mark.parametrize("spec", [{"version": 1}, {"label": "stable"}])
def test_a_version_is_chosen_by_number_or_label(asker, spec):
    assert asker.predict(["a"], **spec)["version"] == [1]


def test_output_filter_limits_the_outputs(asker):
    request = asker.request(["abc"])
    request.output_filter.append("length")
    assert set(asker.predictions.Predict(request).outputs) == {"length"}


def test_tokens_are_a_signature_of_their_own(asker):
    assert asker.predict([["a", "b", ""], ["a", "", ""]], "tokens", name="tokens")["count"] == [2, 1]


def test_bytes_that_are_no_utf8_are_the_models_business(asker):
    assert asker.predict([b"\xff\xfe"])["length"] == [2]


def _wrong(asker, change):
    request = asker.request(["a"])
    change(request)
    return code(asker.predictions.Predict, request, timeout=60)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r.ClearField("model_spec"), Code.INVALID_ARGUMENT),
        (lambda r: setattr(r.model_spec, "name", ""), Code.INVALID_ARGUMENT),
        (lambda r: setattr(r.model_spec, "name", "other"), Code.NOT_FOUND),
        (lambda r: setattr(r.model_spec.version, "value", 9), Code.NOT_FOUND),
        (lambda r: setattr(r.model_spec, "version_label", "other"), Code.INVALID_ARGUMENT),
        (lambda r: setattr(r.model_spec, "signature_name", "other"), Code.FAILED_PRECONDITION),
        (lambda r: r.output_filter.append("other"), Code.INVALID_ARGUMENT),
        (lambda r: r.output_filter.extend(["length", "length"]), Code.INVALID_ARGUMENT),
        (lambda r: r.inputs.clear(), Code.INVALID_ARGUMENT),
        (lambda r: r.inputs["more"].CopyFrom(tf.make_tensor_proto(["a"])), Code.INVALID_ARGUMENT),
        (lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([1.0])), Code.INVALID_ARGUMENT),
    ],
)
def test_a_wrong_request_gets_its_code(asker, change, expected):
    assert _wrong(asker, change) == expected
    assert asker.predict(["a"])["length"] == [1]


def test_model_status(asker):
    (status,) = asker.status()
    assert (status.version, status.state, status.status.error_code) == (1, status.AVAILABLE, 0)
    assert len(asker.status(version=1)) == 1
    # A label is ignored here, whether there is one of that name or not.
    assert [status.version for status in asker.status(label="stable")] == [1]
    assert [status.version for status in asker.status(label="other")] == [1]
    assert code(asker.status, version=9) == Code.NOT_FOUND
    assert code(asker.status, model="other") == Code.NOT_FOUND
    assert code(asker.models.GetModelStatus, get_model_status_pb2.GetModelStatusRequest()) == Code.INVALID_ARGUMENT


def test_model_metadata(asker):
    response = asker.metadata()
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["tokens"].inputs["tokens"].dtype == tf.string.as_datatype_enum
    assert response.model_spec.version.value == 1
    assert code(asker.metadata, []) == Code.INVALID_ARGUMENT
    assert code(asker.metadata, ["other"]) == Code.INVALID_ARGUMENT
    assert code(asker.metadata, model="other") == Code.NOT_FOUND


def test_what_an_extraction_model_cannot_do_is_unimplemented_or_refused(asker):
    from tensorflow_serving.apis import classification_pb2

    assert code(asker.predictions.Classify, classification_pb2.ClassificationRequest()) != Code.OK


def test_proto_garbage_is_refused_and_the_next_request_answered(asker):
    raw = asker.channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict", request_serializer=lambda data: data
    )
    assert code(raw, b"\xff" * 40, timeout=60) == Code.INTERNAL
    assert asker.predict(["a"])["length"] == [1]


@pytest.mark.parametrize("body", [{"instances": ["a", "bc"]}, {"instances": [{"text": "a"}, {"text": "bc"}]}])
def test_rest_rows(asker, body):
    status, text = asker.http("/v1/models/cman:predict", body)
    first, second = json.loads(text)["predictions"]
    assert status == 200
    assert first.keys() == {"length", "upper", "version", "rows", "score"}
    assert second["upper"] == "BC"
    assert second["score"] == [0.2, 0.2]  # the shortest decimals


@pytest.mark.parametrize("path", ["cman", "cman/versions/1", "cman/labels/stable"])
def test_rest_columns(asker, path):
    _, text = asker.http(f"/v1/models/{path}:predict", {"inputs": {"text": ["a", "bc"]}})
    assert json.loads(text)["outputs"]["length"] == [1, 2]


def test_rest_takes_base64_and_a_signature_and_leaves_a_lone_output_unnamed(asker):
    _, text = asker.http("/v1/models/cman:predict", {"signature_name": "picky", "instances": [{"b64": "YWI="}]})
    assert json.loads(text) == {"predictions": ["AB"]}
    _, text = asker.http("/v1/models/cman:predict", {"signature_name": "picky", "inputs": ["ab"]})
    assert json.loads(text) == {"outputs": ["AB"]}


@pytest.mark.parametrize(
    ("text", "upper"),
    [("YWI", "AB"), ("YWI=", "AB"), ("YQ", "A"), ("YQ==", "A"), ("YW Jj\n", "ABC"), ("", "")]
    + [(bad, None) for bad in ("Y", "YQ=", "YWJj=", "YWI==", "Y=WI", "YW*j", "é")],
)
def test_base64_may_lack_its_padding_but_not_be_wrong(asker, text, upper):
    status, body = asker.http("/v1/models/cman:predict", {"signature_name": "picky", "instances": [{"b64": text}]})
    assert status == (400 if upper is None else 200)
    assert upper is None or json.loads(body) == {"predictions": [upper]}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("cman:predict", b"", 400),
        ("cman:predict", b"{", 400),
        ("cman:predict", b"[]", 400),
        ("cman:predict", {}, 400),
        ("cman:predict", {"instances": []}, 400),
        ("cman:predict", {"instances": "a"}, 400),
        ("cman:predict", {"instances": ["a"], "inputs": ["a"]}, 400),
        ("cman:predict", {"instances": [1]}, 400),
        ("cman:predict", {"instances": ["a", ["b"]]}, 400),
        ("cman:predict", {"instances": [{"other": "a"}]}, 400),
        ("cman:predict", {"inputs": {"other": ["a"]}}, 400),
        ("cman:predict", {"instances": ["a"], "signature_name": "other"}, 400),
        ("cman:predict", {"instances": ["a"], "signature_name": 1}, 400),
        ("cman/versions/9:predict", {"instances": ["a"]}, 404),
        ("cman/labels/other:predict", {"instances": ["a"]}, 400),
        ("other:predict", {"instances": ["a"]}, 404),
        ("cman:other", {"instances": ["a"]}, 400),
        ("cman/versions/9", None, 404),
        ("other", None, 404),
        ("other/metadata", None, 404),
    ],
)
def test_a_wrong_rest_request_gets_its_code(asker, path, body, expected):
    status, text = asker.http(f"/v1/models/{path}", body)
    assert status == expected
    assert json.loads(text)["error"]


def test_rest_status_and_metadata_have_the_shape_of_tensorflow_serving(asker):
    expected = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("", "/versions/1", "/labels/stable", "/labels/other"):
        status, text = asker.http(f"/v1/models/cman{path}")
        assert (status, json.loads(text)) == (200, {"model_version_status": [expected]})
    _, text = asker.http("/v1/models/cman/metadata")
    value = json.loads(text)
    assert value["model_spec"] == {"name": "cman", "signature_name": "", "version": "1"}
    assert (
        value["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["text"]["dtype"] == "DT_STRING"
    )


# From here on: what only the embedded server promises.


@pytest.fixture
def embedded(asker, request):
    if "stock" in request.node.name:
        pytest.skip("of the embedded server alone")
    return asker


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([["a"]])),
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto("a")),
        lambda r: setattr(r.inputs["text"].tensor_shape.dim[0], "size", 2**40),
        lambda r: setattr(r.inputs["text"].tensor_shape.dim[0], "size", -1),
        lambda r: setattr(r.inputs["text"].tensor_shape, "unknown_rank", True),
        lambda r: r.inputs["text"].string_val.extend([b"b"] * 2),
        lambda r: setattr(r.inputs["text"], "tensor_content", b"abc"),
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto(["a"] * 33)),
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto(["a" * 9000])),
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto(["a" * 8000] * 9)),
    ],
)
def test_a_tensor_that_lies_or_is_too_large_is_refused(embedded, change):
    assert _wrong(embedded, change) == Code.INVALID_ARGUMENT


def test_an_empty_batch_gets_an_empty_answer(embedded):
    assert embedded.predict([])["length"] == []


def test_a_message_beyond_the_limit_is_refused(embedded):
    assert code(embedded.predict, ["a" * (5 << 20)]) == Code.RESOURCE_EXHAUSTED
    assert embedded.http("/v1/models/cman:predict", b" " * (5 << 20))[0] == 413


def test_health(embedded):
    stub = health_pb2_grpc.HealthStub(embedded.channel)
    for name in ("", "tensorflow.serving.PredictionService"):
        reply = stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    assert code(stub.Check, health_pb2.HealthCheckRequest(service="other")) == Code.NOT_FOUND


def test_counters_have_the_names_of_tensorflow_serving(embedded):
    def count(status):
        _, text = embedded.http("/monitoring/prometheus/metrics")
        line = f':tensorflow:serving:request_count{{model_name="cman",status="{status}"}} '
        return next((int(row[len(line) :]) for row in text.splitlines() if row.startswith(line)), 0)

    before = count("OK"), count("INVALID_ARGUMENT")
    embedded.predict(["a"])
    _wrong(embedded, lambda r: r.inputs.clear())
    eventually(lambda: (count("OK"), count("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1))


def test_rest_bodies_must_be_utf8(embedded):
    # The JSON library of TensorFlow Serving lets such a byte through to the model.
    assert embedded.http("/v1/models/cman:predict", b'{"instances": ["\xff"]}')[0] == 400


def test_a_path_that_is_not_served(embedded):
    assert embedded.http("/other")[0] == 404


@pytest.mark.parametrize("seed", range(4))
def test_malformed_requests_of_all_kinds_never_stop_the_server(embedded, seed):
    """1,000 in all: a good request with some of its bytes changed, cut or doubled, over four runs."""
    import random

    generator = random.Random(seed)
    good = embedded.request(["Ana lives in Oslo ."], "serving_default").SerializeToString()
    raw = embedded.channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        request_serializer=lambda data: data,
        response_deserializer=predict_pb2.PredictResponse.FromString,
    )
    seen = set()
    for _ in range(250):
        data = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            position = generator.randrange(len(data))
            kind = generator.randrange(3)
            if kind == 0:
                data[position] = generator.randrange(256)
            elif kind == 1:
                del data[position : position + generator.randint(1, 9)]
            else:
                data[position:position] = data[: generator.randint(1, 9)]
            data = data or bytearray(b"\0")
        seen.add(code(raw, bytes(data), timeout=60))
    allowed = {Code.OK, Code.INTERNAL, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION}
    assert seen <= allowed
    assert len(seen) > 2
    assert embedded.predict(["a"])["length"] == [1]
