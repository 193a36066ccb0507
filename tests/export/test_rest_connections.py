"""Connections to the REST interface: slow ones keep nobody out, the end is not held up, and each request is told."""

import contextlib
import json
import logging
import socket
import threading
import time
from concurrent import futures

import pytest

from export.serving import connections
from export.serving.app import Server, ServerOptions
from export.serving.batching_options import BatchingOptions
from export.serving.servable import Servable
from tests.export.serving import Asker, eventually
from tests.export.tiny import Echo

PREDICT = "/v1/models/cman:predict"
HEADERS = b"POST /v1/models/cman:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\nX-Long: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture
def serve(folder):
    with contextlib.ExitStack() as stack:

        def start(**batching):
            server = Server(ServerOptions(folder, port=0, rest_port=0, batching=BatchingOptions(**batching)))
            server.start()
            stack.callback(server.stop, 5)
            return server, Asker(server.port, server.rest_port)

        yield start


@pytest.fixture
def trickle():
    """Begin a connection that sends its beginning, then a byte every twentieth of a second for as long as it can."""
    with contextlib.ExitStack() as stack:
        stop = threading.Event()
        stack.callback(stop.set)

        def start(port, begun):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(begun)

            def send():
                with contextlib.suppress(OSError):
                    while not stop.wait(0.05):
                        client.sendall(b"x")

            threading.Thread(target=send, daemon=True).start()
            return client

        yield start


def test_more_tricklers_than_places_lock_nobody_out(serve, trickle, monkeypatch):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 4)
    _, asker = serve()
    for begun in (HEADERS, HEADERS + b"\r\n\r\n", b"", b"GET /v1/mod") * 2:
        trickle(asker.rest_port, begun)
    started = time.monotonic()
    for _ in range(8):
        assert asker.http(PREDICT, {"instances": ["a"]})[0] == 200
    # Their deadline would be half a minute: they had to make room.
    assert time.monotonic() - started < 10


def test_who_is_being_answered_makes_no_room(serve, monkeypatch):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    gate, run = threading.Event(), Servable.run
    monkeypatch.setattr(Servable, "run", lambda *args: gate.wait(60) and run(*args))
    server, asker = serve()
    with futures.ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(asker.http, PREDICT, {"instances": ["a"]}) for _ in range(2)]
        eventually(lambda: sum(not c.sending for c in server.rest.clients) == 2)
        with pytest.raises(OSError):  # noqa: PT011, refused or reset
            asker.http(PREDICT, {"instances": ["a"]})
        gate.set()
        assert [answer.result(60)[0] for answer in answers] == [200, 200]
    assert ":cman:serving:rest_refused_count{} 1" in server.metrics.page()


@pytest.mark.parametrize("begun", [HEADERS, HEADERS + b"\r\n\r\n"], ids=["headers", "body"])
def test_the_deadline_is_for_the_whole_request(serve, trickle, monkeypatch, begun):
    monkeypatch.setattr(connections, "TIMEOUT", 0.5)
    _, asker = serve()
    client = trickle(asker.rest_port, begun)
    client.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""


def test_a_client_that_does_not_read_keeps_nobody_waiting_and_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(connections, "TIMEOUT", 1.0)
    _, asker = serve(max_padded_bytes=1 << 21)
    body = json.dumps({"instances": ["a" * 8000] * 32}).encode()
    request = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", asker.rest_port))

        def ask():
            with contextlib.suppress(OSError):
                for _ in range(50):  # more than all buffers on the way hold
                    slow.sendall(request)

        sender = threading.Thread(target=ask, daemon=True)
        sender.start()
        assert asker.http(PREDICT, {"instances": ["a"]})[0] == 200
        assert asker.predict(["a"])["length"] == [1]
        sender.join(20)  # the server hung up
        assert not sender.is_alive()


def test_the_end_waits_for_answers_no_longer_than_its_grace(folder, monkeypatch):
    run = Servable.run
    monkeypatch.setattr(Servable, "run", lambda *args: time.sleep(0.4) or run(*args))
    server = Server(ServerOptions(folder, port=0, rest_port=0, batching=BatchingOptions(enabled=False)))
    server.start()
    asker = Asker(server.port, server.rest_port)
    with futures.ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(asker.http, PREDICT, {"instances": ["a"]}) for _ in range(16)]
        eventually(lambda: server.batcher.size > 10)
        started = time.monotonic()
        server.stop(1.2)
        assert time.monotonic() - started < 4  # all of them would have taken six seconds
        done = [answer.exception(60) for answer in answers]
    server.batcher.stop()  # what was being computed is counted before the next test
    assert any(done)
    # What was computed within the grace was answered.
    assert not all(done)


# What is told of each.


def count(page, name, **labels):
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    rows = [row for row in page.splitlines() if row.startswith(f"{name}{{") and all(text in row for text in wanted)]
    return sum(int(row.split()[-1]) for row in rows)


def test_every_request_is_one_line_and_one_count_and_no_text(serve, caplog):
    server, asker = serve()
    secret = "Ana-Lima-of-Oslo"
    caplog.set_level(logging.INFO, "export.serving")
    asked = [
        (PREDICT, {"instances": ["a"]}, "OK", 200),
        (PREDICT, {"instances": [secret], "signature_name": secret}, "INVALID_ARGUMENT", 400),
        (PREDICT, {secret: 1}, "INVALID_ARGUMENT", 400),
        (PREDICT, secret.encode(), "INVALID_ARGUMENT", 400),
        (PREDICT, {"instances": [secret * 1000]}, "INVALID_ARGUMENT", 400),
        (PREDICT, {"instances": ["bad" + secret], "signature_name": "picky"}, "OK", 200),
        (PREDICT, b" " * (5 << 20), "RESOURCE_EXHAUSTED", 413),
        (f"/v1/models/{secret}:predict", {"instances": ["a"]}, "NOT_FOUND", 404),
        (f"/v1/models/cman:{secret}", {"instances": ["a"]}, "INVALID_ARGUMENT", 400),
        (f"/{secret}", None, "NOT_FOUND", 404),
        ("/v1/models/cman", None, "OK", 200),
        ("/v1/models/cman/metadata", None, "OK", 200),
        ("/v1/models/cman/versions/9", None, "NOT_FOUND", 404),
    ]
    for path, body, _, code in asked:
        assert asker.http(path, body)[0] == code
    with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
        client.sendall(f"{secret}\r\n\r\n".encode())
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
        client.sendall(f"PUT {PREDICT} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 501 ")
    lines = [record.fields for record in caplog.records if record.getMessage() == "request"]
    expected = [status for *_, status, _ in asked] + ["INVALID_ARGUMENT", "UNIMPLEMENTED"]
    assert [line["status"] for line in lines] == expected
    assert {line["entrypoint"] for line in lines} == {"REST"}
    assert secret not in str([record.__dict__ for record in caplog.records])
    page = server.metrics.page()
    assert secret not in page
    assert count(page, ":cman:serving:rest_count") == len(expected)
    assert count(page, ":cman:serving:rest_count", http=413) == 1
    predicts = [status for path, *_, status, _ in asked if path.endswith(":predict")]
    for status in set(predicts):
        assert count(page, ":tensorflow:serving:request_count", status=status) == predicts.count(status)


def test_a_request_that_is_not_sent_to_its_end_is_told_too(serve, trickle, monkeypatch, caplog):
    monkeypatch.setattr(connections, "TIMEOUT", 0.3)
    caplog.set_level(logging.INFO, "export.serving")
    server, asker = serve()
    trickle(asker.rest_port, HEADERS + b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
        client.sendall(HEADERS + b"\r\n\r\nabc")
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 499 ")
    eventually(lambda: count(server.metrics.page(), ":cman:serving:rest_count", http=408) == 1)
    lines = [record.fields["status"] for record in caplog.records if record.getMessage() == "request"]
    assert sorted(lines) == ["CANCELLED", "DEADLINE_EXCEEDED"]
    assert count(server.metrics.page(), ":cman:serving:rest_count", http=499) == 1
