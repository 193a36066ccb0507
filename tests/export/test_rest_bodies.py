"""REST bodies that are wrong: 400, what is wrong and at which byte, and good clients are answered."""

import json
import socket

import pytest

from tests.export.serving import running
from tests.export.tiny import Echo

PREDICT = "/v1/models/cman:predict"


@pytest.fixture(scope="module")
def asker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    with running("embedded", folder) as asker:
        yield asker


def raw(asker, data):
    """`(status, text)` of what a client sends byte by byte as it likes."""
    with socket.create_connection(("127.0.0.1", asker.rest_port), 20) as connection:
        connection.sendall(data)
        reply = b""
        while chunk := connection.recv(1 << 16):
            reply += chunk
    head, _, text = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), text.decode()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"instances": ["caf\xe9"]}', "must be UTF-8. Received: 0xe9 at byte 19"),
        (b'{"instances": ["\xc3\xa9", "\xff"]}', "must be UTF-8. Received: 0xff at byte 22"),
        (b'\xef\xbb\xbf{"instances": ["\xff"]}', "must be UTF-8. Received: 0xff at byte 19"),
        (b'{"instances": ["a\nb"]}', r"\n for 0x0a. Received: a raw one at byte 17"),
        (b'{"instances": ["\xc3\xa9\rb"]}', r"\r for 0x0d. Received: a raw one at byte 18"),
        (b'{"instances": ["a\x00b"]}', r"\u0000 for 0x00. Received: a raw one at byte 17"),
        (b'{"instances": ["\\ud800"]}', "lone surrogate at byte 16"),
        (b'{"instances": ["\xc3\xa9\\\\\\udc00"]}', "lone surrogate at byte 20"),
        (b'{"instances": ["\\ud83d", "\\ude00"]}', "lone surrogate at byte 16"),
        (b'{"instances": ["\\ud83da\\ude00"]}', "lone surrogate at byte 16"),
        (b'{"instances": ["\\ud83d\\n"]}', "lone surrogate at byte 16"),
        (b'{"signature_name": "\\ud800", "instances": ["a"]}', "lone surrogate at byte 20"),
        (b'{"\\ud800": 1, "instances": ["a"]}', "lone surrogate at byte 2"),
        (b'{"instances": ["a"', "Expecting ',' delimiter. Received: something else at byte 18"),
        (b'{"instances": ["\xc3\xa9" "b"]}', "delimiter. Received: something else at byte 2"),
        (b"", "Expecting value. Received: something else at byte 0"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "at most 20 digits. Received: 5000"),
        (b'{"instances": [-' + b"9" * 21 + b"]}", "at most 20 digits. Received: 21"),
        (b'{"instances": [1]}', "JSON value 0 is not of expected type: string"),
        (
            b'{"instances": ["a", {"b64": "YW-j"}]}',
            "JSON value 1 base64 has no '-' (at byte 2 of it), which is web-safe",
        ),
        (b'{"instances": [{"b64": "Y W\\n_j"}]}', "base64 has no '_' (at byte 4 of it), which is web-safe"),
        (b'{"instances": [{"b64": "YW*j"}]}', "base64 has no '*' (at byte 2 of it)"),
        (b'{"instances": [{"b64": "YWJjZ"}]}', "base64 of 5 characters and 0 of padding is incomplete"),
        (b'{"instances": [{"b64": "YQ="}]}', "base64 of 2 characters and 1 of padding is incomplete"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_wrong_is_said(asker, body, told):
    status, text = asker.http(PREDICT, body)
    assert status == 400
    assert told in json.loads(text)["error"]
    assert asker.predict(["a"])["length"] == [1]


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b'\xef\xbb\xbf{"instances": ["\xc3\xa9"]}', 2),
        (b'{"instances": ["\\ud83d\\ude00"]}', 4),
        (b'{"instances": ["\\\\ud800"]}', 6),
        (b'{"instances": ["\\n\\u0000"]}', 2),
        (b'{"instances": [{"b64": "//+Y"}]}', 3),
    ],
)
def test_what_is_right_is_answered(asker, body, length):
    status, text = asker.http(PREDICT, body)
    assert status == 200
    assert json.loads(text)["predictions"][0]["length"] == length


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 20, "-1", "1.5", "+1", "\xb2", "1_0", "", " ", "0x1"])
def test_a_content_length_must_be_a_number(asker, number):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {number}\r\n\r\n"
    status, text = raw(asker, head.encode("latin-1"))
    assert status == 400
    assert "Content-Length must be one whole number" in json.loads(text)["error"]


def test_two_content_lengths_are_refused(asker):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}"
    assert raw(asker, head.encode())[0] == 400


@pytest.mark.parametrize("digits", [20, 5000])
@pytest.mark.parametrize("path", ["/v1/models/cman/versions/{}", "/v1/models/cman/versions/{}/metadata"])
def test_a_version_must_be_a_number(asker, path, digits):
    for body, end in ((None, ""), ({"instances": ["a"]}, ":predict")):
        if body and "metadata" in path:
            continue
        status, text = asker.http(path.format("9" * digits) + end, body)
        assert status == 400
        assert "to numeric" in json.loads(text)["error"] or digits > 600


def test_leading_zeros_are_no_digits(asker):
    assert asker.http("/v1/models/cman/versions/" + "0" * 5000 + "1")[0] == 200
