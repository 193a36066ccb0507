"""How `POST /v1/extract` works while other requests do: queue, turns, deadlines, clients that go, stops."""

import json
import socket
import threading
import time
from concurrent import futures

import grpc
import pytest

from export.serving import calls, connections
from export.serving.backend import Backend
from export.serving.servable import Servable
from export.serving.status import ServingError
from tests.export.extracting import LINES, extract, found, servers
from tests.export.serving import eventually


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with servers(tmp_path_factory) as start:
        yield start


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
            gate.wait(60)
        return run(self, signature, feeds)

    monkeypatch.setattr(Servable, "run", held)
    with futures.ThreadPoolExecutor(7) as pool:
        greedy = [pool.submit(extract, asker, {"text": "held held"}, {"X-Client": "greedy"}) for _ in range(7)]
        eventually(lambda: len(running) == calls.PER_CLIENT)
        assert extract(asker, {"text": "Ana Oslo"}, {"X-Client": "other"})[0] == 200
        time.sleep(0.2)
        assert len(running) == calls.PER_CLIENT
        gate.set()
        assert [future.result(60)[0] for future in greedy] == [200] * 7


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
    assert len(extract(asker, {"texts": ["Ana Oslo"] * 9}, LINES)[2].splitlines()) == 9


def test_a_stop_finishes_what_has_arrived(serve, monkeypatch):
    server, asker = serve(batching={"max_batch_size": 1})
    run = Servable.run
    monkeypatch.setattr(Servable, "run", lambda *a: time.sleep(0.2) or run(*a))
    with futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(extract, asker, {"texts": ["Ana Oslo"] * 5}, LINES)
        time.sleep(0.5)
        server.stop(10)
        assert len(answer.result(60)[2].splitlines()) == 5
