"""Versions that come, go, and cannot be loaded, while requests go on."""

import shutil
import threading
import time

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_log_pb2

from export.serving import tensors
from export.serving.app import Server, ServerOptions
from export.serving.servable import WARMUP
from export.serving.watcher import Watcher
from tests.export.serving import Asker, code, eventually
from tests.export.tiny import Echo

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for number in (1, 2):
        Echo(number).save(folder / str(number))
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    folder = tmp_path / "cman"
    folder.mkdir()
    shutil.copytree(saved / "1", folder / "1")
    return folder


@pytest.fixture
def serve():
    servers = []

    def start(folder, **options):
        server = Server(ServerOptions(folder, port=0, rest_port=0, poll_seconds=0.05, **options))
        server.start()
        servers.append(server)
        return Asker(server.port, server.rest_port)

    yield start
    for server in servers:
        server.stop(10)


def _states(asker):
    return {status.version: status.state for status in asker.status()}


def _publish(source, target):
    shutil.copytree(source, target.with_name("hidden"))
    target.with_name("hidden").rename(target)


def test_a_new_version_takes_over_without_a_failed_request_and_is_rolled_back(serve, saved, folder):
    asker = serve(folder)
    seen, failures, stop = [], [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                seen.append(asker.predict(["a"])["version"][0])
            except grpc.RpcError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: seen)
    _publish(saved / "2", folder / "2")
    eventually(lambda: seen[-1] == 2)
    eventually(lambda: _states(asker) == {1: 50, 2: 30})  # END, AVAILABLE
    (folder / "2").rename(folder / "withdrawn")
    eventually(lambda: seen[-1] == 1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert set(seen) == {1, 2}


def test_a_version_in_use_is_closed_only_when_its_last_request_is_answered(saved, folder):
    import numpy as np
    from tensorflow_serving.apis import model_pb2

    watcher = Watcher("cman", folder, poll_seconds=0.05)
    watcher.start()
    assert watcher.looked.wait(60)
    with watcher.use(model_pb2.ModelSpec(name="cman")) as (number, servable):
        _publish(saved / "2", folder / "2")
        eventually(lambda: watcher.available() == [2])  # 1 takes no new requests
        time.sleep(0.1)
        answer = servable.run("picky", {"text": np.array([b"a"], object)})
    assert (number, answer["upper"].tolist()) == (1, [b"A"])
    eventually(lambda: [status.state for status in watcher.status(model_pb2.ModelSpec(name="cman"))] == [30, 50])
    watcher.stop()


def test_the_last_version_serves_on_when_its_folder_is_gone(serve, folder):
    asker = serve(folder)
    (folder / "1").rename(folder / "withdrawn")
    time.sleep(0.3)
    assert asker.predict()["version"] == [1]


def test_labelled_versions_stay_beside_the_newest(serve, saved, folder):
    asker = serve(folder, labels={"stable": 1, "canary": 2})
    assert code(asker.predict, label="canary") == Code.NOT_FOUND
    _publish(saved / "2", folder / "2")
    eventually(lambda: asker.predict()["version"] == [2])
    assert asker.predict(label="stable")["version"] == [1]
    assert asker.predict(label="canary")["version"] == [2]
    assert asker.predict(version=1)["version"] == [1]


def _no_model(folder):
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"no model")


def _half_copied(folder):
    shutil.copytree(folder.with_name("1"), folder)
    shutil.rmtree(folder / "variables")
    (folder / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:-2000])


def _bad_warmup(folder):
    shutil.copytree(folder.with_name("1"), folder)
    (folder / WARMUP).parent.mkdir(exist_ok=True)
    (folder / WARMUP).write_bytes(b"no record, and longer than the header of one")


@pytest.mark.parametrize("spoil", [lambda folder: folder.mkdir(), _no_model, _half_copied, _bad_warmup])
def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving_and_says_why(serve, saved, folder, spoil):
    asker = serve(folder)
    spoil(folder / "2")
    eventually(lambda: _states(asker).get(2) == 50)  # END
    status = asker.status(version=2)[0].status
    assert status.error_code != 0
    assert status.error_message
    assert asker.predict()["version"] == [1]
    shutil.rmtree(folder / "2")
    _publish(saved / "2", folder / "2")  # repaired: it is tried again
    eventually(lambda: asker.predict()["version"] == [2])


def test_a_version_being_copied_is_not_touched_until_it_rests(serve, saved, folder):
    asker = serve(folder)
    (folder / "2").mkdir()
    for name in ("variables", "saved_model.pb", "fingerprint.pb"):
        source = saved / "2" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / "2" / name)
    eventually(lambda: asker.predict()["version"] == [2])


def test_health_and_answers_before_there_is_a_version(serve, saved, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    asker = serve(folder)
    health = health_pb2_grpc.HealthStub(asker.channel)
    check = health_pb2.HealthCheckRequest()
    assert health.Check(check).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert code(asker.predict) == Code.NOT_FOUND
    assert code(asker.status) == Code.NOT_FOUND
    _publish(saved / "1", folder / "1")
    eventually(lambda: health.Check(check).status == health_pb2.HealthCheckResponse.SERVING)
    assert asker.predict()["version"] == [1]


def test_warmup_records_are_replayed_before_a_version_answers(serve, folder, monkeypatch):
    from export.serving.servable import Servable

    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "picky"
    log.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto(["warm"]))
    (folder / "1" / WARMUP).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "1" / WARMUP)) as writer:
        for _ in range(3):
            writer.write(log.SerializeToString())
    ran, run = [], Servable.run

    def spy(self, signature, feeds):
        ran.append((signature, feeds["text"].tolist()))
        return run(self, signature, feeds)

    monkeypatch.setattr(Servable, "run", spy)
    answered = []
    monkeypatch.setattr(tensors, "write", lambda array, write=tensors.write: answered.append(array) or write(array))
    asker = serve(folder)
    # And the first once more, the way of a client's: to the bytes of the answer.
    assert ran == [("picky", [b"warm"])] * 4
    assert [array.tolist() for array in answered] == [[b"WARM"]]
    page = asker.http("/monitoring/prometheus/metrics")[1]
    assert ":tensorflow:serving:request_count" not in page
    assert asker.predict()["version"] == [1]
