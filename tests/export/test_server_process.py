"""The server as a process: its command line, its log, TLS, and how it ends."""

import signal
import subprocess
import time
from concurrent import futures

import grpc
import pytest

from export import server as command_line
from tests.export.serving import Asker, Process, code, eventually, free_port
from tests.export.tiny import Echo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture
def process(folder):
    started = []

    def start(*options, port=None):
        started.append(Process(folder, *options, port=port))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(20)


def test_sigterm_under_load_loses_no_accepted_request_and_the_log_holds_no_text(process):
    server = process("--grace-seconds", "20")
    server.wait_for("listening")
    asker, secret = Asker(server.port, server.rest_port), "Ana Lima"
    with futures.ThreadPoolExecutor(8) as pool:
        # Each takes a while: these are being computed or in the queue when the signal comes.
        taken = [pool.submit(asker.predict, [secret], "slow") for _ in range(6)]
        http = pool.submit(asker.http, "/v1/models/cman:predict", {"signature_name": "slow", "instances": [secret]})
        page = "/monitoring/prometheus/metrics"
        eventually(lambda: ":cman:serving:queued_rows{} " in asker.http(page)[1] and _queued(asker.http(page)[1]) >= 3)
        time.sleep(0.1)  # the others have come too; what has not been taken is told so, and not lost either
        server.kill(signal.SIGTERM)
        assert [task.result(20)["length"] for task in taken] == [[len(secret)]] * 6
        assert http.result(20)[0] == 200
    assert server.end() == 0
    events = [line["event"] for line in server.lines]
    assert events[-1] == "stopped"
    assert sum("rows" in line for line in server.lines) == 7  # not the looks at the page of counters
    assert not any(secret in str(line) for line in server.lines)


def _queued(page):
    return int(page.split(":cman:serving:queued_rows{} ")[1].split()[0])


def test_an_idle_http_connection_does_not_delay_the_end(process, tmp_path):
    import http.client

    # And, since a process takes its time to start: what it has no use for in such a file is one line of the log.
    (tmp_path / "batching.config").write_text("allowed_batch_sizes: 32\nmax_execution_batch_size { value: 4 }\n")
    server = process("--batching-parameters-file", str(tmp_path / "batching.config"))
    server.wait_for("listening")
    warnings = [line["fields"] for line in server.lines if line["level"] == "warning"]
    assert warnings == [["allowed_batch_sizes", "max_execution_batch_size"]]
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.request("GET", "/v1/models/cman")
    assert connection.getresponse().read()
    server.kill(signal.SIGTERM)
    server.process.wait(5)
    assert server.end() == 0


def test_tls(process, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    server = process("--certificate", str(certificate), "--key", str(key))
    server.wait_for("listening")
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
        assert Asker(server.port, channel=channel).predict(["a"])["length"] == [1]
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        assert code(Asker(server.port, channel=channel).predict, timeout=2) != grpc.StatusCode.OK
    import ssl
    import urllib.request

    context = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(f"https://localhost:{server.rest_port}/v1/models/cman", context=context) as reply:
        assert b"AVAILABLE" in reply.read()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "MODEL_DIR"),
        (["nowhere"], "must be a folder"),
        (["{folder}/1"], "not a version"),
        (["{folder}", "--port", "x"], "whole number"),
        (["{folder}", "--port", "70000"], "65535"),
        (["{folder}", "--max-batch-size", "0"], "positive"),
        (["{folder}", "--label", "stable"], "NAME=N"),
        (["{folder}", "--certificate", "x"], "--key"),
        (["{folder}", "--certificate", "nowhere", "--key", "nowhere"], "nowhere"),
        (["{folder}", "--batching-parameters-file", "{folder}/1/saved_model.pb"], "BatchingParameters"),
        (["{folder}", "--batching-parameters-file", "nowhere"], "nowhere"),
        (["{folder}", "--host", "203.0.113.1", "--port", "0"], "203.0.113.1"),
        (["{folder}", "--rest-porto", "1"], "nearest: --rest-port"),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, words, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["cman-server", *(text.format(folder=folder) for text in arguments)])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert words in error
    assert error.count("\n") == 1


def test_a_taken_port_is_one_sentence(folder, capsys, monkeypatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--port", "--rest-port"):
            other = "--rest-port" if option == "--port" else "--port"
            monkeypatch.setattr("sys.argv", ["cman-server", str(folder), option, str(port), other, "0"])
            with pytest.raises(SystemExit) as caught:
                command_line.main()
            assert caught.value.code == 2
            assert f"127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_server_killed_under_load_is_found_again_and_every_input_answered_once(process, folder):
    """kill -9, twice, while 16 requests are under way at any time."""
    from export.serving.remote import Remote, untokenized
    from tests.export.tiny import Extractor

    port = free_port()
    Extractor().save(folder / "2")
    server = process("--log-level", "warning", port=port)
    remote_ready = grpc.channel_ready_future(grpc.insecure_channel(f"127.0.0.1:{port}"))
    remote_ready.result(60)
    texts = [f"Ana number {i} of Oslo" for i in range(6000)]
    done = []
    with Remote(f"127.0.0.1:{port}", patience=60) as remote, futures.ThreadPoolExecutor(1) as pool:
        found = pool.submit(remote.extract, untokenized(texts), 16, lambda count: done.append(count))
        for quantity in (500, 2500):
            eventually(lambda quantity=quantity: len(done) > quantity, 60)
            server.kill()
            server.process.wait(20)
            server = process("--log-level", "warning", port=port)
        documents = found.result(120)
    assert [document.text for document in documents] == texts
    assert all(len(document.relations) == 1 for document in documents)
    assert len(done) == len(texts)
