"""`cman_tf.Client`: a server's answers in Python, without TensorFlow, and one exception for whatever fails."""

import http.server
import json
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

from cman_tf import Client
from cman_tf.errors import InputError
from cman_tf.interop import client as module
from cman_tf.interop.client import ClientError, Extraction, FoundEntity, FoundRelation
from export.serving import connections
from export.serving.servable import Servable
from tests.export.serving import running, self_signed
from tests.export.tiny import Extractor

TEXT = "\N{GRINNING FACE} Ana lives in Oslo.\n\nBo lives in Peru."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Extractor().save(folder / "1")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with running("embedded", folder) as asker:
        yield f"http://127.0.0.1:{asker.rest_port}"


def test_a_text_and_several(address):
    client = Client(address + "/")
    found = client.extract(TEXT)
    ana, bo = FoundEntity("Peop", "\N{GRINNING FACE}", 0, 1, 0.75, 0), FoundEntity("Peop", "Bo", 22, 24, 0.75, 1)
    oslo, peru = FoundEntity("Loc", "Oslo.", 15, 20, 0.5, 0), FoundEntity("Loc", "Peru.", 34, 39, 0.5, 1)
    relations = [FoundRelation("Live_In", ana, oslo, 0.25), FoundRelation("Live_In", bo, peru, 0.25)]
    assert found == Extraction([ana, oslo, bo, peru], relations, [(0, 20), (22, 39)])
    assert all(TEXT[entity.start : entity.end] == entity.text for entity in found.entities)
    assert client.extract([TEXT, ""]) == [found, Extraction([], [], [])]
    assert client.extract([]) == []
    assert client.extract("a b c d e f g").left_out == 1


def test_what_is_wanted_is_asked_for(address):
    client = Client(address)
    assert client.extract(TEXT, min_score=0.6).relations == []
    assert {entity.type for entity in client.extract(TEXT, types=["Loc"]).entities} == {"Loc"}
    assert client.extract("", model="cman") == Extraction([], [], [])
    assert len(client.extract("Ana kam am 3. Mai nach Oslo. Bo auch.", language="de").sentences) == 2


def test_many_texts_are_streamed_in_requests_of_some(address, monkeypatch):
    monkeypatch.setattr(module, "_CHARACTERS", 40)
    texts = [f"Ana{number} Oslo" for number in range(20)] + ["x" * 100]
    read = []
    found = Client(address).pipe(read.append(text) or text for text in texts)
    assert next(found).entities[0].text == "Ana0"
    assert len(read) < 8
    assert [one.entities[0].text for one in found if one.entities] == [f"Ana{number}" for number in range(1, 20)]


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ({"min_score": 2}, 400, "refused the request (400): `min_score` must be less than or equal to 1"),
        ({"model": "other"}, 404, "refused the request (404): Servable not found"),
    ],
)
def test_a_refusal_has_its_reason(address, options, status, told):
    with pytest.raises(ClientError) as caught:
        Client(address).extract("a", **options)
    assert caught.value.status == status
    assert told in str(caught.value)


def test_an_error_in_the_middle_of_a_stream_is_raised(address, monkeypatch):
    run, count = Servable.run, []

    def fail(*arguments):
        count.append(1)
        if len(count) > 1:
            raise ValueError("broken")
        return run(*arguments)

    monkeypatch.setattr(Servable, "run", fail)
    found = Client(address).pipe(["Ana Oslo"] * 100)
    assert next(found).entities
    with pytest.raises(ClientError) as caught:
        list(found)
    assert caught.value.status == 500


@pytest.mark.parametrize("url", ["localhost:8501", "ftp://a", "file:///etc/passwd", "", "http://", "http://[::1"])
def test_an_address_must_be_of_http(url):
    with pytest.raises(InputError, match="`url` must be like http"):
        Client(url)


@pytest.mark.parametrize("token", ["", " \n", "two\nlines", "caf\u00e9"])
def test_a_token_must_fit_into_a_header_and_is_not_shown(token):
    with pytest.raises(InputError, match=r"^`token` must consist of printable ASCII characters\.$"):
        Client(token=token)


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("http://a", {"ca": "ca.pem"}, "`ca`, `certificate` and `key` require https://. Received: http://a"),
        ("https://a", {"key": "key.pem"}, "`key` requires `certificate`."),
        ("https://a", {"certificate": "no.pem"}, "Cannot read no.pem: no such file or directory."),
        ("https://a", {"certificate": "no.pem", "key": "key.pem"}, "Cannot read no.pem or key.pem: no such file"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused(url, options, told):
    with pytest.raises(InputError) as caught:
        Client(url, **options)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("texts", [[1], ["a", None], [["a"]], ["\ud800"]])
def test_texts_must_be_text(address, texts):
    with pytest.raises(InputError, match="A text must be"):
        Client(address).extract(texts)


def test_nobody_there():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{found.getsockname()[1]}"
        with pytest.raises(ClientError, match="Cannot reach http://127.0.0.1:.*refused") as caught:
            Client(address).extract("a")
        assert caught.value.status is None


def test_no_answer_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with pytest.raises(ClientError, match="no answer within 0.3 s"):
            Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3).extract("a")
        assert time.monotonic() - begin < 3


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>", "is not a server of cman serve"),
        (200, b"3\n", "is not a server of cman serve"),
        (200, b"", "ended its answer after 0 of 1 texts"),
        (404, b"<html>", r"\(404\): Not Found"),
        (502, b'{"error": 1}', r"\(502\): Bad Gateway"),
        (200, b'{"entities": [], "relations": [{}]}\n', "is not a server of cman serve"),
    ],
)
def test_another_server(status, body, told):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ClientError, match=told):
            Client(f"http://127.0.0.1:{server.server_port}").extract("a")


def test_tls(folder, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed(key, certificate)
    with running("embedded", folder, certificate=certificate, key=key) as asker:
        address = f"https://localhost:{asker.rest_port}"
        assert Client(address, ca=certificate).extract("Ana Oslo").entities
        with pytest.raises(ClientError, match="certificate verify failed"):
            Client(address).extract("a")
    with pytest.raises(InputError, match="Cannot read .*nowhere.pem"):
        Client("https://localhost", ca=tmp_path / "nowhere.pem")


def test_a_process_gets_an_answer_within_half_a_second_and_without_tensorflow(address):
    code = f"from cman_tf import Client\nprint(len(Client({address!r}).extract('Ana lives in Oslo.').entities))\n"
    code += "import sys\nassert not {'tensorflow', 'numpy', 'grpc'} & set(sys.modules)"
    times = []
    for _ in range(3):
        begin = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
        assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
    # Of the processor: the clock would also count what else runs here.
    assert min(times) < 0.5


def test_the_time_of_the_server_covers_the_time_of_the_client():
    assert Client().timeout > connections.TIMEOUT


def test_answers_are_json_of_plain_values(address):
    assert json.loads(json.dumps(Client(address).extract("Ana Oslo").entities[0]._asdict()))["type"] == "Peop"
