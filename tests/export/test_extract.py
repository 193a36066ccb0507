"""`POST /v1/extract`: whole documents over HTTP, as a loaded model answers them."""

import contextlib
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent import futures

import grpc
import pytest

from export.serving import calls, connections
from export.serving.app import Server, ServerOptions
from export.serving.backend import Backend
from export.serving.batching_options import BatchingOptions
from export.serving.servable import Servable
from export.serving.status import ServingError
from tests.export.serving import Asker, eventually
from tests.export.tiny import Echo, Extractor

LINES = {"Accept": "application/x-ndjson"}
TEXT = "Ana lives in Oslo. Bo Ek\nof New Lima met Ana!\n\n- Rain\n- Oslo , Norway"


def extract(asker, body, headers=None, method=None):
    """`(status, media type, text)` of a request."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    address = f"http://127.0.0.1:{asker.rest_port}/v1/extract"
    request = urllib.request.Request(address, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.headers["content-type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def found(asker, **body):
    status, kind, text = extract(asker, body)
    assert (status, kind) == (200, "application/json"), text
    return json.loads(text)


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with contextlib.ExitStack() as stack:

        def start(model=None, folder=None, batching=None, **options):
            if folder is None:
                folder = tmp_path_factory.mktemp("models")
                (model or Extractor()).save(folder / "1")
            batching = BatchingOptions(**(batching or {}))
            server = Server(ServerOptions(folder, port=0, rest_port=0, batching=batching, **options))
            server.start()
            stack.callback(server.stop, 10)
            return server, Asker(server.port, server.rest_port)

        yield start


@pytest.fixture(scope="module")
def server(serve):
    return serve()


@pytest.fixture(scope="module")
def asker(server):
    return server[1]


@pytest.fixture(scope="module")
def real(serve, exported):
    return serve(folder=exported.parent)[1]


def test_a_document_is_answered_as_by_a_loaded_model(real, run_predictor):
    texts = [TEXT, "", " \n", "Oslo , Norway", "\N{GRINNING FACE} Ana and Bo live in Lima , Peru ."]
    answers = found(real, texts=texts)["documents"]
    assert sum(len(answer["entities"]) for answer in answers) > 5
    assert sum(len(answer["relations"]) for answer in answers) > 0
    for answer, document in zip(answers, run_predictor(texts)):
        assert [entity["id"] for entity in answer["entities"]] == [*range(len(document.entities))]
        assert [
            (entity["type"], entity["text"], (entity["start"], entity["end"])) for entity in answer["entities"]
        ] == [(entity.type, entity.text, document.char_span(entity)) for entity in document.entities]
        assert [(relation["type"], relation["head"], relation["tail"]) for relation in answer["relations"]] == [
            (relation.type, relation.head, relation.tail) for relation in document.relations
        ]
        for kind in ("entities", "relations"):
            scores = [item.score for item in getattr(document, kind)]
            assert [item["score"] for item in answer[kind]] == pytest.approx(scores, abs=2e-4)


def test_offsets_are_those_of_the_document(asker):
    text = "\N{GRINNING FACE} Ana lives in Oslo.\n\nBo lives in Peru."
    answer = found(asker, text=text)
    assert answer == {
        "entities": [
            {"id": 0, "type": "Peop", "text": "\N{GRINNING FACE}", "start": 0, "end": 1, "score": 0.75},
            {"id": 1, "type": "Loc", "text": "Oslo.", "start": 15, "end": 20, "score": 0.5},
            {"id": 2, "type": "Peop", "text": "Bo", "start": 22, "end": 24, "score": 0.75},
            {"id": 3, "type": "Loc", "text": "Peru.", "start": 34, "end": 39, "score": 0.5},
        ],
        "relations": [
            {"type": "Live_In", "head": 0, "tail": 1, "score": 0.25},
            {"type": "Live_In", "head": 2, "tail": 3, "score": 0.25},
        ],
    }
    assert found(asker, texts=[text]) == {"documents": [answer]}


def test_what_the_export_has_no_room_for_is_counted(asker):
    assert "left_out" not in found(asker, text="a b c")
    assert found(asker, text="a b c d e f g\n\na b c d e f\n\na")["left_out"] == 2


def test_uncertain_items_are_left_out(asker):
    assert found(asker, text="Ana Oslo", min_score=0.3)["relations"] == []
    assert [entity["type"] for entity in found(asker, text="Ana Oslo", min_score=0.6)["entities"]] == ["Peop"]
    assert found(asker, text="Ana Oslo", min_score=1) == {"entities": [], "relations": []}


@pytest.mark.parametrize(
    ("types", "entities", "relations"),
    [
        (["Peop"], ["Peop"], []),
        (["Live_In"], ["Peop", "Loc"], [("Live_In", 0, 1)]),
        (["Loc", "Live_In"], ["Peop", "Loc"], [("Live_In", 0, 1)]),
        (["Loc"], ["Loc"], []),
        ([], [], []),
    ],
)
def test_types_that_are_wanted(asker, types, entities, relations):
    answer = found(asker, text="Ana Oslo", types=types)
    assert [entity["type"] for entity in answer["entities"]] == entities
    assert [entity["id"] for entity in answer["entities"]] == [*range(len(entities))]
    assert [(relation["type"], relation["head"], relation["tail"]) for relation in answer["relations"]] == relations


def test_documents_are_lines_if_asked(asker):
    texts = ["Ana Oslo", "", "Bo Lima. " * 100, "Bo"]
    status, kind, text = extract(asker, {"texts": texts}, LINES)
    assert (status, kind) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in text.splitlines()] == found(asker, texts=texts)["documents"]
    assert extract(asker, {"texts": []}, LINES)[2] == ""
    assert json.loads(extract(asker, {"text": "Ana Oslo"}, LINES)[2]) == found(asker, text="Ana Oslo")


WRONG = [
    (b"{", 400, "The body must be JSON"),
    (b"[]", 400, "The body must be a JSON object"),
    (b'{"text": "caf\xe9"}', 400, "must be UTF-8. Received: 0xe9 at byte 13"),
    (b'{"text": "\\ud800"}', 400, "lone surrogate at byte 10"),
    ({}, 400, "Exactly one of text and texts is required"),
    ({"text": "a", "texts": ["a"]}, 400, "Exactly one of text and texts is required"),
    ({"text": 1}, 400, "text: Input should be a valid string"),
    ({"text": None}, 400, "text: Input should be a valid string"),
    ({"texts": "a"}, 400, "texts: Input should be a valid list"),
    ({"texts": ["a", 1]}, 400, "texts/1: Input should be a valid string"),
    ({"texts": [""] * 10_001}, 400, "at most 10000 items"),
    ({"text": "a" * 1_000_001}, 400, "at most 1000000 characters"),
    ({"text": "é" * 5000}, 400, "A sentence must have at most 5000 bytes. Received: 6000, from character 0"),
    ({"text": "a", "min_score": 1.5}, 400, "min_score: Input should be less than or equal to 1"),
    ({"text": "a", "min_score": "1"}, 400, "min_score: Input should be a valid number"),
    (b'{"text": "a", "min_score": NaN}', 400, "min_score: "),
    ({"text": "a", "types": "Peop"}, 400, "types: Input should be a valid list"),
    ({"text": "a", "more": 1}, 400, "more: Extra inputs are not permitted"),
    ({"text": "a", "model": "other"}, 404, "Servable not found"),
    (b" " * (5 << 20), 413, "A body must have at most 4194304 bytes"),
]


@pytest.fixture(scope="module")
def narrow(serve):
    return serve(max_row_bytes=5000)[1]


@pytest.mark.parametrize(("body", "expected", "told"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("headers", [{}, LINES], ids=["json", "lines"])
def test_errors_are_problem_details(narrow, body, expected, told, headers):
    status, kind, text = extract(narrow, body, headers)
    problem = json.loads(text)
    assert (status, kind) == (expected, "application/problem+json")
    assert problem.keys() == {"title", "status", "detail", "code"}
    assert problem["status"] == expected
    assert told in problem["detail"]


def test_types_of_an_export_are_known(real):
    status, _, text = extract(real, {"text": "a", "types": ["Peop", "Prop"]})
    assert status == 400
    assert json.loads(text)["detail"].endswith("Loc, Peop, Live_In, Located_In. Received: Prop")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(asker, method):
    address = f"http://127.0.0.1:{asker.rest_port}/v1/extract"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=20)
    assert (caught.value.code, caught.value.headers["allow"]) == (405, "POST")
    assert json.load(caught.value)["status"] == 405


def test_another_model_than_an_export_is_told_so(serve):
    _, asker = serve(Echo(1))
    status, _, text = extract(asker, {"text": "a"})
    assert status == 501
    assert "not an export of cman_tf" in json.loads(text)["detail"]


def test_without_a_version_it_is_unavailable(tmp_path):
    server = Server(ServerOptions(tmp_path, port=0, rest_port=0))
    server.start()
    try:
        assert extract(Asker(server.port, server.rest_port), {"text": "a"})[0] == 503
    finally:
        server.stop(5)


def test_each_request_is_one_line_and_one_count_and_no_text(serve, caplog):
    server, asker = serve()
    caplog.set_level(logging.INFO, "export.serving")
    extract(asker, {"texts": ["Secret Oslo. Secret Lima.", "Secret"]})
    extract(asker, {"texts": ["Secret Oslo. Secret Lima."]}, LINES)
    extract(asker, {"text": "Secret", "Secret": 1})
    lines = [record.fields for record in caplog.records if record.getMessage() == "request"]
    assert [(line["what"], line["status"], line["http"], line.get("rows")) for line in lines] == [
        ("extract", "OK", 200, 3),
        ("extract", "OK", 200, 2),
        ("extract", "INVALID_ARGUMENT", 400, None),
    ]
    page = server.metrics.page()
    assert ':tensorflow:serving:request_count{model_name="cman",status="OK"} 2' in page
    assert ':cman:serving:rest_count{what="extract",http="200"} 2' in page
    assert "Secret" not in page + str([record.__dict__ for record in caplog.records])


def test_an_error_in_the_middle_is_the_last_line(serve, monkeypatch):
    _, asker = serve(batching={"max_batch_size": 1})
    answer, count = Backend.answer, []

    def fail(self, *arguments):
        count.append(1)
        if len(count) == 3:
            raise ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, "too late")
        return answer(self, *arguments)

    monkeypatch.setattr(Backend, "answer", fail)
    status, _, text = extract(asker, {"texts": ["Ana Oslo"] * 5}, LINES)
    lines = [json.loads(line) for line in text.splitlines()]
    assert status == 200
    assert [line.get("status") for line in lines] == [None, 504]


def test_a_full_queue_refuses_a_request_at_its_beginning_only(serve, monkeypatch):
    _, asker = serve(batching={"max_batch_size": 1})
    answer, count = Backend.answer, []

    def full(self, *arguments):
        count.append(1)
        if len(count) in (1, 3, 4):
            raise ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        return answer(self, *arguments)

    monkeypatch.setattr(Backend, "answer", full)
    assert extract(asker, {"text": "Ana Oslo"})[0] == 429
    assert len(found(asker, texts=["Ana Oslo"] * 3)["documents"]) == 3
    assert len(count) == 6


def test_a_client_has_some_requests_computed_at_a_time_and_others_are_answered_beside(serve, monkeypatch):
    server, asker = serve(client_header="X-Client", batching={"num_batch_threads": 8, "enabled": False})
    run, gate, running = Servable.run, threading.Event(), []

    def held(self, signature, feeds):
        if b"held" in feeds["text"][0]:
            running.append(1)
            gate.wait(20)
        return run(self, signature, feeds)

    monkeypatch.setattr(Servable, "run", held)
    with futures.ThreadPoolExecutor(7) as pool:
        greedy = [pool.submit(extract, asker, {"text": "held held"}, {"X-Client": "greedy"}) for _ in range(7)]
        eventually(lambda: len(running) == calls.PER_CLIENT)
        assert extract(asker, {"text": "Ana Oslo"}, {"X-Client": "other"})[0] == 200
        time.sleep(0.2)
        assert len(running) == calls.PER_CLIENT
        gate.set()
        assert [future.result(20)[0] for future in greedy] == [200] * 7


def test_the_work_for_a_client_that_has_gone_is_given_up(serve, monkeypatch):
    _, asker = serve(batching={"max_batch_size": 1})
    run, computed = Servable.run, []
    monkeypatch.setattr(Servable, "run", lambda *a: computed.append(1) or time.sleep(0.05) or run(*a))
    body = json.dumps({"texts": ["Ana Oslo"] * 500}).encode()
    for accept in ("*/*", LINES["Accept"]):
        computed.clear()
        with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
            head = f"POST /v1/extract HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            eventually(lambda: len(computed) > 3)
        time.sleep(0.5)
        count = len(computed)
        time.sleep(0.3)
        assert len(computed) == count < 100


def test_a_document_that_takes_too_long_ends_with_its_deadline(serve, monkeypatch):
    _, asker = serve(batching={"max_batch_size": 1})
    run = Servable.run
    monkeypatch.setattr(Servable, "run", lambda *a: time.sleep(0.1) or run(*a))
    monkeypatch.setattr(connections, "TIMEOUT", 0.5)
    status, _, text = extract(asker, {"text": "Ana Oslo.\n\n" * 20})
    assert (status, json.loads(text)["code"]) == (504, "DEADLINE_EXCEEDED")
    # As lines, each has its own.
    assert len(extract(asker, {"texts": ["Ana Oslo"] * 20}, LINES)[2].splitlines()) == 20


def test_a_stop_finishes_what_has_arrived(serve, monkeypatch):
    server, asker = serve(batching={"max_batch_size": 1})
    run = Servable.run
    monkeypatch.setattr(Servable, "run", lambda *a: time.sleep(0.2) or run(*a))
    with futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(extract, asker, {"texts": ["Ana Oslo"] * 5}, LINES)
        time.sleep(0.5)
        server.stop(10)
        assert len(answer.result(10)[2].splitlines()) == 5
