"""HTTP of the REST interface: what clients may send, what they may not, and that good ones are answered beside it."""

import contextlib
import gzip
import json
import logging
import socket
import ssl
import time

import pytest

from export.serving import connections
from tests.export.serving import running, self_signed
from tests.export.tiny import Echo

PREDICT = "/v1/models/cman:predict"
BODY = b'{"instances": ["abc"]}'
HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\n".encode()
WHOLE = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture(scope="module")
def asker(folder):
    with running("embedded", folder) as asker:
        yield asker


def send(asker, *parts):
    """Everything that the server answers to some bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", asker.rest_port), 20) as client:
        with contextlib.suppress(OSError):
            for part in parts:
                client.sendall(part)
        client.settimeout(5)
        reply = b""
        with contextlib.suppress(OSError):
            while chunk := client.recv(1 << 16):
                reply += chunk
    return reply


def closing(request):
    return request.replace(b"Host: a", b"Host: a\r\nConnection: close", 1)


def statuses(reply):
    return [int(part.split()[0]) for part in reply.split(b"HTTP/1.1 ")[1:]]


def chunked(*chunks, head=HEAD):
    parts = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return closing(head) + b"Transfer-Encoding: chunked\r\n\r\n" + parts


def test_pipelined_requests_are_answered_in_order(asker):
    bodies = [json.dumps({"instances": ["a" * size]}).encode() for size in range(1, 20)]
    requests = [HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    reply = send(asker, b"".join(requests[:-1]) + closing(requests[-1]))
    assert statuses(reply) == [200] * 19
    assert [
        json.loads(part.split(b"\r\n\r\n")[1])["predictions"][0]["length"] for part in reply.split(b"HTTP/")[1:]
    ] == [*range(1, 20)]


def test_a_body_in_chunks_is_a_body(asker):
    assert statuses(send(asker, chunked(*(bytes([byte]) for byte in BODY), b""))) == [200]


@pytest.mark.parametrize("count", [5, 50])
def test_chunks_have_the_limit_of_a_body(asker, count):
    reply = send(asker, chunked(), *[b"100000\r\n" + b" " * (1 << 20) + b"\r\n"] * count, b"0\r\n\r\n")
    assert statuses(reply) in ([413], [])  # to one who sends more than eight times the limit, the answer may be lost
    assert reply or count == 50
    assert asker.predict(["a"])["length"] == [1]


def test_a_giant_body_that_is_announced_is_refused_before_it_is_sent(asker):
    reply = send(asker, HEAD + b"Expect: 100-continue\r\nContent-Length: 9000000000\r\n\r\n")
    assert statuses(reply) == [413]
    expected = closing(HEAD) + f"Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    assert statuses(send(asker, expected)) == [100, 200]


def test_nothing_is_decompressed(asker):
    bomb = gzip.compress(b" " * (64 << 20))
    head = closing(HEAD) + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    begin = time.monotonic()
    reply = send(asker, head + bomb)
    assert statuses(reply) == [400]
    assert b"must not be compressed" in reply
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS to a plain port
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
        (b"GET /" + b"a" * (80 << 10) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * (80 << 10), 431),
        (chunked() + b"zz\r\n", 400),
        (chunked() + b"f" * 100_000, 431),
        (closing(HEAD) + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_http_is_refused_and_others_are_answered(asker, request_, status):
    reply = send(asker, request_)
    assert statuses(reply) == [status]
    assert json.loads(reply.split(b"\r\n\r\n")[1])["error"]
    assert statuses(send(asker, closing(WHOLE))) == [200]


@pytest.mark.parametrize("path", ["http://a/docs", "*", "/docs%0a", "/%0a", "/v1/extract%0a", "/page/page.css%00"])
def test_a_path_of_another_form_is_answered_counted_and_logged(asker, path, caplog):
    caplog.set_level(logging.INFO, "export.serving")
    reply = send(asker, closing(HEAD.replace(b"POST", b"GET").replace(PREDICT.encode(), path.encode())) + b"\r\n")
    lines = [record.fields["http"] for record in caplog.records if record.getMessage() == "request"]
    assert statuses(reply) == lines
    assert lines[0] < 500
    assert lines[0] == 200 or json.loads(reply.split(b"\r\n\r\n")[1])["error"]


def test_a_proxys_header_does_not_change_the_address(asker, monkeypatch):
    from export.serving.batching import Batcher

    seen, submit = [], Batcher.submit
    monkeypatch.setattr(Batcher, "submit", lambda self, task: seen.append(task.client) or submit(self, task))
    forged = closing(WHOLE).replace(b"Host: a", b"Host: a\r\nX-Forwarded-For: 10.9.8.7\r\nForwarded: for=10.9.8.7")
    assert statuses(send(asker, forged)) == [200]
    assert seen == ["ipv4:127.0.0.1"]


def test_clients_that_do_not_finish_a_tls_handshake_lock_nobody_out(folder, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed(key, certificate)
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    context = ssl.create_default_context(cafile=str(certificate))
    with running("embedded", folder, certificate=certificate, key=key) as asker, contextlib.ExitStack() as stack:
        for begun in (b"", b"\x16\x03\x01") * 4:
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", asker.rest_port)))
            with contextlib.suppress(OSError):
                silent.sendall(begun)
        for _ in range(4):
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", asker.rest_port), 10))
            client = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            client.sendall(closing(WHOLE))
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
