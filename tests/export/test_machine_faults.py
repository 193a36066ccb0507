"""Faults of the machine: clocks that jump, folders that disappear, killed processes, busy processors."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cman_tf.errors import InputError
from cman_tf.interop.saved_model import versions
from export.serving.app import Server, ServerOptions
from export.version_folders import new_version
from tests.export.serving import ROOT, Asker, eventually
from tests.export.test_server_start_stop import slow
from tests.export.tiny import Echo

YEAR = 366 * 86400.0


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for number in (1, 2, 3):
        Echo(number).save(folder / str(number))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved / "1", tmp_path / "cman" / "1")
    return tmp_path / "cman"


@pytest.fixture
def serve():
    servers = []

    def start(folder, **options):
        servers.append(Server(ServerOptions(folder, port=0, rest_port=0, poll_seconds=0.05, **options)))
        servers[-1].start()
        return Asker(servers[-1].port, servers[-1].rest_port)

    yield start
    for server in servers:
        server.stop(10)


def publish(source, target):
    shutil.copytree(source, target.with_name("hidden"))
    target.with_name("hidden").rename(target)


class Clock:
    """The clock of the wall, which tests set."""

    def __init__(self, monkeypatch):
        self.ahead, real = 0.0, time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)


@pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=["forward", "backward"])
def test_a_clock_that_jumps_changes_nothing(serve, saved, folder, tmp_path, monkeypatch, jump):
    clock = Clock(monkeypatch)
    (tmp_path / "tokens").write_text("first\n")
    asker = serve(folder, token_file=tmp_path / "tokens")

    def predict(token, texts=("a",), signature="", timeout=None):
        metadata = [("authorization", f"Bearer {token}")]
        request = asker.request(texts, signature)
        return asker.predictions.Predict(request, timeout=timeout, metadata=metadata).outputs

    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(predict, "first", ["abc"], "slow", 60) for _ in range(4)]
        time.sleep(0.1)
        # While requests with a deadline are in the queue. Later ones have none: the clients' library, in this process
        # too, would compute it with the clock of the test.
        clock.ahead = jump
        assert [task.result()["length"].int_val[:] for task in waiting] == [[3]] * 4
    # Files that are written now have times of another year.
    (tmp_path / "tokens").write_text("second\n")
    publish(saved / "2", folder / "2")
    for path in (tmp_path / "tokens", *(folder / "2").rglob("*")):
        os.utime(path, (time.time(), time.time()))
    eventually(lambda: predict("second")["version"].int64_val[:] == [2])
    with pytest.raises(grpc.RpcError):
        predict("first")


def test_a_clock_that_jumps_does_not_remove_what_is_being_written(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    with new_version(tmp_path) as first:
        (first.folder / "saved_model.pb").write_text("graph")
        clock.ahead = YEAR
        with new_version(tmp_path) as second:
            (second.folder / "saved_model.pb").write_text("graph")
    assert sorted(versions(tmp_path)) == [1, 2]


def test_a_server_outlives_its_folder_and_takes_what_comes_in_its_place(serve, saved, folder):
    asker = serve(folder)
    shutil.rmtree(folder)
    time.sleep(0.3)
    assert asker.predict()["version"] == [1]
    assert asker.http("/readyz")[0] == 200
    folder.write_text("not even a folder")
    time.sleep(0.2)
    assert asker.predict()["version"] == [1]
    folder.unlink()
    folder.mkdir()
    publish(saved / "2", folder / "2")
    eventually(lambda: asker.predict()["version"] == [2])


def test_a_folder_that_disappears_during_an_export_is_one_sentence(tmp_path):
    def export():
        with new_version(tmp_path / "models") as made:
            (made.folder / "saved_model.pb").write_text("graph")
            shutil.rmtree(tmp_path / "models")

    with pytest.raises(InputError, match=r"^Cannot write the model folder .*models: no such file or directory\.$"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_the_log_and_readiness_say_why_a_corrupt_version_is_not_loaded(serve, saved, folder, caplog):
    asker = serve(folder)
    shutil.copytree(saved / "2", folder.parent / "broken")
    model = folder.parent / "broken" / "saved_model.pb"
    model.write_bytes(model.read_bytes()[:-1000])
    (folder.parent / "broken").rename(folder / "2")
    failed = eventually(lambda: json.loads(asker.http("/readyz")[1]).get("failed"))
    assert set(failed) == {"2"}
    assert len(failed["2"]) > 20
    (told,) = [record.fields for record in caplog.records if record.getMessage() == "load_failed"]
    assert (told["version"], told["why"]) == (2, failed["2"])
    assert asker.predict()["version"] == [1]


# Ends the process where it would give its finished folder the name of a version.
KILLED_AT_THE_END = """
import os, runpy, signal, sys
def kill(event, arguments):
    if event == "os.rename" and os.path.basename(arguments[0]).startswith(".export-"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
runpy.run_module("export.savedmodel", run_name="__main__", alter_sys=True)
"""


def export(run, folder, *python):
    command = [sys.executable, *(python or ("-m", "export.savedmodel")), str(run), str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_exports_are_never_served(serve, trained_run, exported, tmp_path):
    folder = tmp_path / "cman"
    shutil.copytree(exported, folder / "1")
    asker = serve(folder)
    for name in ("variables", "saved_model.pb", None):
        writing = export(trained_run.path, folder, *(() if name else ("-c", KILLED_AT_THE_END)))
        if name:  # killed when this file is there
            eventually(lambda name=name: list(folder.glob(f".export-*/{name}")), 120)
            writing.send_signal(signal.SIGKILL)
        assert writing.wait() == -signal.SIGKILL
        assert list(folder.glob(".export-*"))
        time.sleep(0.3)
        assert [status.version for status in asker.status()] == [1]
        assert asker.predict(["Ana lives in Oslo ."])["tokens"]
    assert export(trained_run.path, folder).wait() == 0
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]  # what was left is gone too
    eventually(lambda: [status.version for status in asker.status() if status.state == 30] == [2], 60)


@pytest.mark.slow
def test_a_server_killed_while_a_new_version_loads_serves_the_old_one_again(process, saved, folder):
    server = process(folder)
    server.wait_for("listening")
    slow(saved / "2", folder / "2")
    server.wait_for("loading")
    time.sleep(1)
    assert Asker(server.port).predict()["version"] == [1]
    server.kill()
    assert server.end() == -signal.SIGKILL
    again = process(folder)
    again.wait_for("listening")  # though the newest version takes minutes
    again.read_on()
    assert Asker(again.port).predict()["version"] == [1]
    again.kill(signal.SIGKILL)


@pytest.mark.slow
def test_a_new_version_gets_its_share_of_the_processors(serve, saved, folder):
    """It loads beside clients that leave the server no pause."""

    def loading(number):
        slow(saved / str(number), folder / str(number), records=20)
        began = time.monotonic()
        eventually(lambda: asker.predict()["version"] == [number], 240)
        return time.monotonic() - began

    asker, stop = serve(folder), threading.Event()
    alone = loading(2)

    def ask():
        while not stop.is_set():
            asker.predict(["abc"], "slow", timeout=120)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    try:
        beside = loading(3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert beside < 5 * alone + 2
