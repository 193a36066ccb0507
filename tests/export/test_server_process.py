"""The server as a process: its command line, its log, TLS, and how it ends."""

import http.client
import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent import futures

import grpc
import pytest

from cman_tf.errors import InputError
from cman_tf.training.ensembles import combine
from export import server as command_line
from tests.export.serving import ROOT, Asker, code, eventually, free_port, self_signed
from tests.export.tiny import Echo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "cman"
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture
def process(process, folder):
    return lambda *options, port=None, folder=folder: process(folder, *options, port=port)


def test_sigterm_under_load_loses_no_accepted_request_and_the_log_holds_no_text(process, tmp_path):
    """Nor does an idle HTTP connection delay the end: a process takes its time to start, so it is asked of this one."""
    (tmp_path / "batching.config").write_text("allowed_batch_sizes: 32\nmax_execution_batch_size { value: 4 }\n")
    server = process("--grace-seconds", "20", "--batching-parameters-file", str(tmp_path / "batching.config"))
    server.wait_for("listening")
    # What it has no use for in such a file is one line of the log.
    warnings = [line["fields"] for line in server.lines if line["level"] == "warning"]
    assert warnings == [["allowed_batch_sizes", "max_execution_batch_size"]]
    server.read_on()  # else the pipe would fill
    idle = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    idle.request("GET", "/v1/models/cman")
    assert idle.getresponse().read()
    asker, secret = Asker(server.port, server.rest_port), "Ana Lima"
    answered, failed = [], []

    def keep_asking():
        """Until the server is gone: before the signal, while it stops, and a little longer."""
        with grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            own = Asker(server.port, channel=channel)
            while failed.count(grpc.StatusCode.UNAVAILABLE) < 20:
                found = code(lambda: answered.append(own.predict([secret])["length"]))
                if found != grpc.StatusCode.OK:
                    failed.append(found)

    with futures.ThreadPoolExecutor(16) as pool:
        # Each takes a while: these are being computed or in the queue when the signal comes.
        taken = [pool.submit(asker.predict, [secret], "slow") for _ in range(6)]
        over_http = pool.submit(
            asker.http, "/v1/models/cman:predict", {"signature_name": "slow", "instances": [secret]}
        )
        asking = [pool.submit(keep_asking) for _ in range(4)]
        page = "/monitoring/prometheus/metrics"
        eventually(lambda: answered and _queued(asker.http(page)[1]) >= 3)
        time.sleep(0.1)  # the others have come too; what has not been taken is told so, and not lost either
        server.kill(signal.SIGTERM)
        assert [task.result(60)["length"] for task in taken] == [[len(secret)]] * 6
        assert over_http.result(60)[0] == 200
        for task in asking:
            task.result(60)
    server.process.wait(20)  # the connection may idle for half a minute
    assert server.end() == 0
    assert server.lines[-1]["event"] == "stopped"
    # Told so, each of them, and by no other word.
    assert set(failed) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    # What the server says it answered has arrived: that of the page of counters has no rows.
    assert sum(line.get("rows") == 1 and line["status"] == "OK" for line in server.lines) == len(answered) + 7
    assert answered == [[len(secret)]] * len(answered)
    assert not any(secret in str(line) for line in server.lines)


def _queued(page):
    return int(page.split(":cman:serving:queued_rows{} ")[1].split()[0])


@pytest.mark.slow  # servers in the process of the tests speak TLS too: test_access, test_client
def test_tls(process, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed(key, certificate)
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
        (["news", "--token-file", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, words, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["cman serve", *(text.format(folder=folder) for text in arguments)])
    with pytest.raises(SystemExit) as caught:
        command_line.main("serve")
    out, error = capsys.readouterr()
    assert caught.value.code == 2
    assert words in error
    assert error.count("\n") == 1
    assert out == ""  # a run is exported only when the options are right


def test_a_taken_port_is_one_sentence(folder, capsys, monkeypatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--port", "--rest-port"):
            other = "--rest-port" if option == "--port" else "--port"
            monkeypatch.setattr("sys.argv", ["cman serve", str(folder), option, str(port), other, "0"])
            with pytest.raises(SystemExit) as caught:
                command_line.main("serve")
            assert caught.value.code == 2
            assert f"127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_server_killed_under_load_is_found_again_and_every_input_answered_once(process, folder, tmp_path, request):
    """kill -9, twice, while the command line of the client has 16 requests under way at any time."""
    from tests.export.tiny import Extractor

    port = free_port()
    shutil.copytree(folder, tmp_path / "cman")
    Extractor().save(tmp_path / "cman" / "2")

    def serve():
        server = process("--model-name", "cman", port=port, folder=tmp_path / "cman")
        server.wait_for("listening")
        server.read_on()
        return server

    texts = [f"Ana number {i} of Oslo" for i in range(8000)]
    (tmp_path / "in.txt").write_text("\n".join(texts) + "\n")
    servers = [serve()]
    command = [sys.executable, "-m", "export.client", "--address", f"127.0.0.1:{port}", "--concurrency", "16"]
    command += ["--input", str(tmp_path / "in.txt"), "--format", "jsonl", "--output", str(tmp_path / "out.jsonl")]
    client = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    request.addfinalizer(client.kill)

    def answered():
        return sum(server.answered() for server in servers)

    for quantity in (500, 2500):
        eventually(lambda quantity=quantity: answered() > quantity, 120)
        servers[-1].kill()
        servers[-1].end()
        # There was work left, which nobody has answered yet.
        assert answered() < len(texts)
        assert client.poll() is None
        servers.append(serve())
    errors = client.communicate(timeout=900)[1].splitlines()
    # A start of the server takes longer than the wait without a notice: one notice, and nothing else.
    assert [line.split(" yet ")[0] for line in errors] in ([], [f"cman ask: no answer from 127.0.0.1:{port}"])
    assert client.returncode == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["text"] for line in found] == texts
    assert all(len(line["relations"]) == 1 for line in found)


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_a_run_or_an_ensemble_is_exported_and_served(process, trained_run, tmp_path, members):
    folder = trained_run.path
    if members > 1:
        shutil.copytree(folder, tmp_path / "copy")
        folder = combine([folder, tmp_path / "copy"], tmp_path / "ensemble").path
    server = process(folder=folder)
    server.wait_for("listening")
    server.read_on()
    document = Asker(server.port, server.rest_port).predict(["Ana Lima lives in Oslo."])
    assert document["tokens"][0][:6] == [b"Ana", b"Lima", b"lives", b"in", b"Oslo", b"."]
    server.kill(signal.SIGTERM)
    assert server.end() == 0


def test_what_is_neither_an_export_nor_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a run folder, or a shipped model: news. Received: .*nothing"):
        command_line.command([str(tmp_path / "nothing")])
