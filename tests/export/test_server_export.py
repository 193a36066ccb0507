"""A real export behind the server: the same answers as the run it came from, and a quick first one."""

import time

import pytest

from cman_tf.data.document import Document
from export.serving.app import Server, ServerOptions
from export.serving.remote import Remote, untokenized
from tests.export.serving import Asker

TEXTS = ["Ana lives in Oslo .", "", "Bo Ek of New Lima met Ana", "Ünï 😀 lives in Lima , Peru .", "Rain ."]


@pytest.fixture(scope="module")
def server(exported):
    server = Server(ServerOptions(exported.parent, port=0, rest_port=0))
    server.start()
    yield server
    server.stop(5)


def test_no_signature_waits_for_its_first_answer(server):
    """The first test of this server. A session compiles the graph of a signature when it is first asked, so the
    warm-up has to ask each."""
    asker = Asker(server.port)
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
def test_the_server_answers_what_predict_answers(server, run_predictor, as_tokens):
    documents = run_predictor.tokenize(TEXTS)
    if as_tokens:
        documents = [Document(document.tokens, text=document.text, offsets=document.offsets) for document in documents]
    expected = run_predictor.extract(documents)
    with Remote(f"127.0.0.1:{server.port}") as remote:
        # Together: batched with rows of other lengths.
        found = remote.extract(documents if as_tokens else untokenized(TEXTS), concurrency=5)
    assert found == expected
    assert any(document.relations for document in found)
    for one, other in zip(found, expected):
        assert [entity.score for entity in one.entities] == pytest.approx([e.score for e in other.entities], abs=1e-4)
        assert [relation.score for relation in one.relations] == pytest.approx(
            [relation.score for relation in other.relations], abs=1e-4
        )


def test_malformed_text_does_not_stop_it(server):
    asker = Asker(server.port, server.rest_port)
    for texts in ([b"\xff\xfe"], [b"\0" * 50], ["a " * 3000], []):
        assert len(asker.predict(texts)["entity_mask"]) == len(texts)
    assert asker.predict(["Ana"])["tokens"][0][0] == b"Ana"


def test_an_output_filter_costs_no_new_compilation(server):
    asker = Asker(server.port, server.rest_port)
    asker.predict(["Ana lives in Oslo ."])
    request = asker.request(["Ana lives in Oslo ."])
    request.output_filter.extend(["entity_type", "tags"])
    started = time.monotonic()
    assert set(asker.predictions.Predict(request, timeout=20).outputs) == {"entity_type", "tags"}
    assert time.monotonic() - started < 0.5
