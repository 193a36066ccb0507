"""A real export behind the server: the same answers as the run it came from, and a quick first one."""

import time

import grpc
import pytest
import tensorflow as tf

from cman_tf.data.document import Document
from export.serving.remote import Remote, untokenized
from tests.export.serving import SERVERS, code, running

Code = grpc.StatusCode
TEXTS = ["Ana lives in Oslo .", "", "Bo Ek of New Lima met Ana", "Ünï 😀 lives in Lima , Peru .", "Rain ."]


@pytest.fixture(scope="module", params=SERVERS)
def asker(request, exported):
    with running(request.param, exported.parent, batching=True) as asker:
        yield asker


def test_no_signature_waits_for_its_first_answer(asker):
    """The first test of this server. A session compiles the graph of a signature when it is first asked, so the
    warm-up has to ask each."""
    row = [["Ana", "lives"]]
    for signature, name, value in (("", "text", ["Ana lives"]), ("tokens", "tokens", row), ("scores", "tokens", row)):
        times = []
        for _ in range(6):
            started = time.monotonic()
            asker.predict(value, signature, name=name)
            times.append(time.monotonic() - started)
        # A compilation takes a hundred times as long as an answer.
        assert times[0] < 20 * max(times[1:]), signature


@pytest.mark.parametrize("as_tokens", [False, True])
def test_the_server_answers_what_predict_answers(asker, run_predictor, as_tokens):
    documents = run_predictor.tokenize(TEXTS)
    if as_tokens:
        documents = [Document(document.tokens, text=document.text, offsets=document.offsets) for document in documents]
    expected = run_predictor.extract(documents)
    with Remote(f"127.0.0.1:{asker.port}") as remote:
        # Together: batched with rows of other lengths.
        found = remote.extract(documents if as_tokens else untokenized(TEXTS), concurrency=5)
    assert found == expected
    assert any(document.relations for document in found)
    for one, other in zip(found, expected):
        assert [entity.score for entity in one.entities] == pytest.approx([e.score for e in other.entities], abs=1e-4)
        assert [relation.score for relation in one.relations] == pytest.approx(
            [relation.score for relation in other.relations], abs=1e-4
        )


def test_malformed_text_does_not_stop_it(asker):
    for texts in ([b"\xff\xfe"], [b"\0" * 50], ["a " * 3000]):
        assert len(asker.predict(texts)["entity_mask"]) == len(texts)
    assert asker.predict(["Ana"])["tokens"][0][0] == b"Ana"


# From here on: what only the embedded server promises.


@pytest.fixture
def embedded(asker, request):
    if "stock" in request.node.name:
        pytest.skip("of the embedded server alone")
    return asker


# What a thousand malformed requests are made of, in turn: the issue's own list.
MALFORMED = {
    "wrong type": (lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([1.0])), Code.INVALID_ARGUMENT),
    "wrong rank": (lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([["Ana"]])), Code.INVALID_ARGUMENT),
    "missing input": (lambda r: r.inputs.clear(), Code.INVALID_ARGUMENT),
    "unknown signature": (lambda r: setattr(r.model_spec, "signature_name", "no"), Code.FAILED_PRECONDITION),
    # Bytes that are no text are replaced in the graph, and no sentence is an answer without rows.
    "not UTF-8": (lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([b"Ana \xff\xfe"])), Code.OK),
    "10 MB": (lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto(["a" * 10_000_000])), Code.RESOURCE_EXHAUSTED),
    "no rows": (
        lambda r: r.inputs["text"].CopyFrom(tf.make_tensor_proto([], tf.string, shape=[0])),
        Code.OK,
    ),
    "garbage": (None, Code.INTERNAL),
}


@pytest.mark.slow
def test_a_thousand_malformed_requests_get_their_codes_and_good_ones_their_answers(embedded):
    raw = embedded.channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict", request_serializer=lambda data: data
    )
    requests = {}
    for kind, (change, _) in MALFORMED.items():
        request = embedded.request(["Ana lives in Oslo ."])
        if change is not None:
            change(request)
        requests[kind] = b"\xff\x07" * 20 if change is None else request.SerializeToString()
    good = embedded.predict(["Ana lives in Oslo ."])
    seen = {kind: set() for kind in MALFORMED}
    for number in range(1000):
        kind = list(MALFORMED)[number % len(MALFORMED)]
        seen[kind].add(code(raw, requests[kind], timeout=60))
        if number % len(MALFORMED) == len(MALFORMED) - 1:
            assert embedded.predict(["Ana lives in Oslo ."])["entity_start"] == good["entity_start"]
    assert seen == {kind: {expected} for kind, (_, expected) in MALFORMED.items()}
    assert embedded.predict([])["tokens"] == []


def test_an_output_filter_costs_no_new_compilation(embedded):
    embedded.predict(["Ana lives in Oslo ."])
    request = embedded.request(["Ana lives in Oslo ."])
    request.output_filter.extend(["entity_type", "tags"])
    started = time.monotonic()
    assert set(embedded.predictions.Predict(request, timeout=60).outputs) == {"entity_type", "tags"}
    assert time.monotonic() - started < 0.5
