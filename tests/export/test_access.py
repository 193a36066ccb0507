"""Who may ask: tokens, certificates of clients, origins of web pages; and what the server says of its health."""

import contextlib
import http.client
import json
import logging
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cman_tf import Client
from cman_tf.errors import InputError
from cman_tf.interop.client import ClientError
from export import client as ask
from export.serving import calls
from export.serving.access import Tokens
from export.serving.app import Server, ServerOptions
from export.serving.remote import Remote, untokenized
from tests.export.serving import Asker, code, eventually, self_signed
from tests.export.tiny import Extractor

Code = grpc.StatusCode
GUARDED = ["/v1/extract", "/v1/models/cman:predict", "/v1/models/cman", "/v1/models/cman/metadata"]
GUARDED += ["/monitoring/prometheus/metrics", "/other"]
PUBLIC = ["/", "/docs", "/openapi.json", "/page/page.css", "/healthz", "/readyz"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Extractor().save(folder / "1")
    return folder


@pytest.fixture
def serve(folder):
    with contextlib.ExitStack() as stack:

        def start(folder=folder, **options):
            server = Server(ServerOptions(folder, port=0, rest_port=0, poll_seconds=0.05, **options))
            server.start()
            stack.callback(server.stop, 5)
            return server, Asker(server.port, server.rest_port)

        yield start


def get(asker, path, body=None, **headers):
    """`(status, headers, text)`; underscores of the names of headers are hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{asker.rest_port}{path}", data, names)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# of the tests\n\nfirst-token\nsecond-token \n")
    return path


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic first-token", "first-token"])
def test_without_a_token_nothing_is_answered(serve, tokens, header, caplog):
    _, asker = serve(token_file=tokens)
    caplog.set_level(logging.INFO, "export.serving")
    headers = {} if header is None else {"Authorization": header}
    for path in GUARDED:
        body = {"text": "a"} if path.endswith(("extract", "predict")) else None
        status, answered, text = get(asker, path, body, **headers)
        assert (status, answered["www-authenticate"]) == (401, "Bearer"), path
        assert "bearer token" in text
    metadata = [] if header is None else [("authorization", header)]
    with pytest.raises(grpc.RpcError) as caught:
        asker.predictions.Predict(asker.request(["a"]), metadata=metadata, timeout=60)
    assert caught.value.code() == Code.UNAUTHENTICATED
    assert code(asker.status) == code(asker.metadata) == Code.UNAUTHENTICATED
    assert "wrong" not in str([record.__dict__ for record in caplog.records])


def test_the_body_of_a_refused_request_is_read_and_not_kept(serve, tokens, monkeypatch):
    kept, read = [], calls._body

    async def body(*arguments, **options):
        kept.append(len(await read(*arguments, **options)))
        return b""

    monkeypatch.setattr(calls, "_body", body)
    _, asker = serve(token_file=tokens)
    # Larger than what sockets buffer: the client reads the answer only if its whole body is read.
    assert get(asker, "/v1/extract", {"text": "a" * 4_000_000})[0] == 401
    assert kept == [0]


def test_with_a_token_everything_is_answered(serve, tokens):
    server, asker = serve(token_file=tokens)
    for token in ("first-token", "second-token"):
        assert get(asker, "/v1/extract", {"text": "a b"}, Authorization=f"bearer {token}")[0] == 200
        metadata = [("authorization", f"Bearer {token}")]
        assert asker.predictions.Predict(asker.request(["a b"]), metadata=metadata, timeout=60).outputs
    for path in PUBLIC:
        assert get(asker, path)[0] == 200
    stub = health_pb2_grpc.HealthStub(asker.channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    address = f"http://127.0.0.1:{asker.rest_port}"
    assert Client(address, token="first-token\n").extract("Ana Oslo").entities  # as a file of one line has it
    with pytest.raises(ClientError) as caught:
        Client(address).extract("Ana Oslo")
    assert caught.value.status == 401
    with Remote(f"127.0.0.1:{server.port}", token="first-token") as remote:
        assert remote.extract(untokenized(["Ana Oslo"]))[0].entities
    with Remote(f"127.0.0.1:{server.port}") as remote, pytest.raises(InputError, match="UNAUTHENTICATED"):
        remote.extract(untokenized(["Ana Oslo"]))


def test_the_file_of_tokens_is_read_again(tokens, caplog):
    caplog.set_level(logging.INFO, "export.serving")
    found = Tokens(tokens)
    found.check("Bearer first-token")
    tokens.write_text("third-token\n")
    found.check("Bearer third-token")
    with pytest.raises(Exception, match="bearer token"):
        found.check("Bearer first-token")
    tokens.unlink()
    found.check("Bearer third-token")  # as long as it cannot be read
    tokens.write_bytes(b"\xff")
    found.check("Bearer third-token")
    tokens.write_text("")
    with pytest.raises(Exception, match="bearer token"):
        found.check("Bearer third-token")
    with pytest.raises(Exception, match="bearer token"):
        found.check("Bearer ")
    tokens.write_text("fourth\u00e9\n")
    found.check("Bearer fourth\u00e9")
    assert "third-token" not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "Cannot read "), (b"\xff", "Cannot read "), (b" # none\n\n", "contains no token")],
)
def test_a_file_without_a_token_is_refused(folder, tmp_path, content, told):
    if content is not None:
        (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(InputError, match=told):
        Server(ServerOptions(folder, port=0, rest_port=0, token_file=tmp_path / "tokens"))
    with pytest.raises(InputError, match=told):
        ask.command(["a", "--token-file", str(tmp_path / "tokens")])


def test_a_client_takes_the_first_token_of_a_file(serve, tokens, capsys):
    server, _ = serve(token_file=tokens)
    ask.command(["Ana Oslo", "--token-file", str(tokens), "--address", f"127.0.0.1:{server.port}"])
    assert "Peop" in capsys.readouterr().out


def signed(folder, name, authority=None):
    """`(key, certificate)` for a name, signed by an authority, `(key, certificate)`, or by itself."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    if authority is None:
        self_signed(key, certificate)
        return key, certificate
    request = folder / f"{name}.csr"
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out"]
    subprocess.run([*new, str(request)], check=True, capture_output=True)
    sign = ["openssl", "x509", "-req", "-in", str(request), "-days", "2", "-CAcreateserial", "-out", str(certificate)]
    subprocess.run([*sign, "-CAkey", str(authority[0]), "-CA", str(authority[1])], check=True, capture_output=True)
    return key, certificate


def test_clients_must_have_a_certificate_of_the_authority(serve, tmp_path):
    key, certificate = signed(tmp_path, "server")
    authority = signed(tmp_path, "authority")
    own, stranger = signed(tmp_path, "me", authority), signed(tmp_path, "stranger")
    server, asker = serve(certificate=certificate, key=key, client_ca=authority[1])
    address, target = f"https://localhost:{asker.rest_port}", f"localhost:{server.port}"
    assert Client(address, ca=certificate, certificate=own[1], key=own[0]).extract("Ana Oslo").entities
    with Remote(target, tls=True, ca=certificate, certificate=own[1], key=own[0]) as remote:
        assert remote.extract(untokenized(["Ana Oslo"]))[0].entities
    for pair in ((None, None), stranger):
        with pytest.raises(ClientError):
            Client(address, ca=certificate, certificate=pair[1], key=pair[0]).extract("a")
        options = {"ca": certificate, "certificate": pair[1], "key": pair[0]}
        with Remote(target, tls=True, patience=0.1, **options) as remote, pytest.raises(InputError):
            remote.extract(untokenized(["a"]))
    context = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(OSError), urllib.request.urlopen(f"{address}/healthz", context=context):  # noqa: PT011
        pass


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"client_ca": "ca.pem"}, "`--client-ca` requires"),
        ({"cors_origins": ("*",)}, r"must have the form https://HOST.* Received: \*"),
        ({"cors_origins": ("https://a.org/",)}, "Received: https://a.org/"),
    ],
)
def test_wrong_options_are_refused(folder, options, told):
    with pytest.raises(InputError, match=told):
        ServerOptions(folder, **options)


def preflight(asker, origin):
    connection = http.client.HTTPConnection("127.0.0.1", asker.rest_port, timeout=60)
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    headers["Access-Control-Request-Headers"] = "content-type"
    connection.request("OPTIONS", "/v1/extract", headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.headers["access-control-allow-origin"]


def test_pages_of_other_origins_may_not_ask_unless_they_are_named(serve, tokens):
    _, closed = serve()
    assert preflight(closed, "https://a.org")[1] is None
    assert get(closed, "/v1/extract", {"text": "a"}, Origin="https://a.org")[1]["access-control-allow-origin"] is None
    _, asker = serve(cors_origins=("https://a.org",), token_file=tokens)
    assert preflight(asker, "https://a.org") == (200, "https://a.org")
    assert preflight(asker, "https://b.org") == (400, None)
    for origin, allowed in (("https://a.org", "https://a.org"), ("https://b.org", None)):
        status, headers, _ = get(asker, "/v1/extract", {"text": "a"}, Origin=origin, Authorization="Bearer first-token")
        assert (status, headers["access-control-allow-origin"]) == (200, allowed)


def test_health_and_readiness(serve, folder, tmp_path):
    server, asker = serve(tmp_path)
    assert get(asker, "/healthz")[::2] == (200, '{"status": "ok"}')
    status, headers, text = get(asker, "/readyz")
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert json.loads(text)["detail"] == "No version of the model is loaded"
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"broken")
    eventually(lambda: "; version 1: " in get(asker, "/readyz")[2])
    shutil.copytree(folder / "1", tmp_path / "hidden")
    (tmp_path / "hidden").rename(tmp_path / "2")
    eventually(lambda: get(asker, "/readyz")[0] == 200)
    found = json.loads(get(asker, "/readyz")[2])
    assert (found["model"], found["versions"]) == ("cman", [2])
    # A broken new version is told, and the old one goes on.
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"broken")
    eventually(lambda: "3" in json.loads(get(asker, "/readyz")[2]).get("failed", {}))
    server.backend.stopping = True
    assert "The server is stopping" in get(asker, "/readyz")[2]
