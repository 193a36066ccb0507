"""Starting and stopping while versions load: nothing listens before, nothing waits longer than it must."""

import asyncio
import shutil
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from cman_tf.errors import InputError
from export.serving import app
from export.serving.app import Server, ServerOptions
from export.serving.connections import Connections
from export.serving.servable import WARMUP
from export.serving.watcher import Watcher
from tests.export.serving import Asker, eventually, free_port
from tests.export.tiny import Echo


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    Echo(1).save(folder / "1")
    return folder / "1"


def slow(saved, target, records=900):
    """A version whose warm-up takes minutes, or a quarter of a second for each record."""
    shutil.copytree(saved, target.with_name("hidden"))
    request = Asker(1).request(["a"], "slow")
    log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
    (target.with_name("hidden") / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(target.with_name("hidden") / WARMUP)) as file:
        for _ in range(records):
            file.write(log.SerializeToString())
    target.with_name("hidden").rename(target)


def test_sigterm_while_the_first_version_loads_ends_within_the_grace(process, saved, tmp_path):
    (tmp_path / "cman").mkdir()
    slow(saved, tmp_path / "cman" / "1")
    server = process(tmp_path / "cman", "--grace-seconds", "1")
    server.wait_for("loading")
    time.sleep(0.3)
    begin = time.monotonic()
    server.kill(signal.SIGTERM)
    assert server.end() == 0
    assert time.monotonic() - begin < 8
    assert (server.lines[-1]["event"], server.lines[-1]["unfinished"]) == ("stopped", True)
    assert "listening" not in [line["event"] for line in server.lines]


@pytest.mark.slow
def test_sigterm_while_a_new_version_loads_ends_within_the_grace_and_answers_what_was_taken(process, saved, tmp_path):
    shutil.copytree(saved, tmp_path / "cman" / "1")
    server = process(tmp_path / "cman", "--grace-seconds", "3")
    server.wait_for("listening")
    asker = Asker(server.port, server.rest_port)
    slow(saved, tmp_path / "cman" / "2")
    server.wait_for("loading")
    server.read_on()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(asker.predict(["abc"], "slow")))
    thread.start()
    time.sleep(0.3)
    begin = time.monotonic()
    server.kill(signal.SIGTERM)
    assert server.end() == 0
    assert time.monotonic() - begin < 10
    thread.join(10)
    assert answers[0]["length"] == [3]


class Loader:
    """Loads versions as told: after some seconds, and then or never. Setting `hurry` ends all waits."""

    def __init__(self, seconds, good):
        self.seconds, self.good, self.loaded, self.hurry = seconds, good, [], threading.Event()

    def __call__(self, path):
        number = int(path.name)
        self.hurry.wait(self.seconds.get(number, 0.0))
        self.loaded.append(number)
        if number not in self.good:
            raise ValueError("broken")
        return SimpleNamespace(warm_up=lambda: 0, close=lambda: None)


@pytest.fixture
def watch(tmp_path):
    watchers = []

    def start(loader, versions, **options):
        for number in versions:
            (tmp_path / str(number)).mkdir(exist_ok=True)
        watchers.append(Watcher("cman", tmp_path, poll_seconds=0.05, load=loader, **options))
        watchers[-1].start()
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.stop(5)


def test_a_good_version_does_not_wait_behind_broken_newer_ones(watch):
    loader = Loader(dict.fromkeys(range(2, 12), 0.4), good={1})
    watcher = watch(loader, range(1, 12))
    begin = time.monotonic()
    assert watcher.looked.wait(60)
    assert watcher.available() == [1]
    assert time.monotonic() - begin < 2  # all newer ones take 4 s
    assert loader.loaded == [11, 1]
    loader.hurry.set()
    eventually(lambda: sorted(loader.loaded) == list(range(1, 12)))
    assert watcher.available() == [1]


def test_a_newer_one_that_takes_long_to_fail_holds_nobody_up(watch):
    loader = Loader({2: 3.0}, good={1})
    watcher = watch(loader, [1, 2], patience=0.2)
    assert watcher.looked.wait(2)
    assert watcher.available() == [1]
    assert loader.loaded == [1]
    loader.hurry.set()


def test_the_newest_good_version_is_served_in_the_end(watch):
    loader = Loader({3: 0.3}, good={1, 2, 4})
    watcher = watch(loader, [1, 2, 3], patience=0.1)
    assert watcher.looked.wait(60)
    eventually(lambda: watcher.available() == [2])
    assert loader.loaded.count(1) == 1


def test_a_good_newest_version_alone_is_loaded(watch):
    loader = Loader({}, good={1, 2, 3})
    watcher = watch(loader, [1, 2, 3])
    assert watcher.looked.wait(60)
    eventually(lambda: watcher.available() == [3])
    time.sleep(0.3)
    assert loader.loaded == [3]


def test_nothing_can_be_loaded(watch):
    watcher = watch(Loader({}, good=()), [1, 2, 3])
    assert watcher.looked.wait(60)
    assert watcher.available() == []


def refused(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_the_ports_are_closed_until_a_model_is_there(saved, tmp_path, monkeypatch):
    shutil.copytree(saved, tmp_path / "cman" / "1")
    release, load = threading.Event(), app.Servable
    monkeypatch.setattr(app, "Servable", lambda *arguments: release.wait(60) and load(*arguments))
    ports = {"port": free_port(), "rest_port": free_port()}
    server = Server(ServerOptions(tmp_path / "cman", **ports))
    thread = threading.Thread(target=server.start)
    thread.start()
    time.sleep(0.3)
    assert all(refused(port) for port in ports.values())
    release.set()
    thread.join(20)
    assert not any(refused(port) for port in ports.values())
    assert Asker(server.port, server.rest_port).predict()["length"] == [1]
    assert server.stop(5)
    assert all(refused(port) for port in ports.values())


def test_one_port_for_both_interfaces_is_refused(tmp_path):
    port = free_port()
    with pytest.raises(InputError, match=f"Received: 127.0.0.1:{port} for both interfaces"):
        Server(ServerOptions(tmp_path, port=port, rest_port=port))


def test_a_server_can_be_stopped_right_after_its_start(tmp_path, monkeypatch):
    serve = Connections.serve

    async def late(self):
        await asyncio.sleep(0.3)
        await serve(self)

    monkeypatch.setattr(Connections, "serve", late)
    server = Server(ServerOptions(tmp_path, port=0, rest_port=0))
    server.start()
    assert server.stop(5)
    with pytest.raises(OSError):  # noqa: PT011, refused
        socket.create_connection(("127.0.0.1", server.rest_port), 5)
