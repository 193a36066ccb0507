"""Requests of several clients in one batch, the bounded queue, and deadlines."""

import contextlib
import socket
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf

from export.serving import tensors
from export.serving.app import Server, ServerOptions
from export.serving.batching import Batcher
from export.serving.batching_options import BatchingOptions
from export.serving.servable import Servable
from export.serving.status import ServingError
from export.serving.tasks import Task
from tests.export.serving import Asker, code, eventually
from tests.export.tiny import Echo

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture
def serve(folder):
    servers = []

    def start(**batching):
        server = Server(ServerOptions(folder, port=0, rest_port=0, batching=BatchingOptions(**batching)))
        server.start()
        servers.append(server)
        return server, Asker(server.port, server.rest_port)

    yield start
    for server in servers:
        server.stop(10)


class Recorder:
    """A servable that remembers its batches, and computes when it is let."""

    def __init__(self):
        self.batches = []
        self.begun, self.gate = threading.Event(), threading.Event()

    def run(self, signature, feeds):
        self.begun.set()
        self.gate.wait(60)
        (text,) = feeds.values()
        self.batches.append(text.tolist())
        if b"bad" in text:
            raise ValueError("bad row")
        return {"out": text}


def _task(servable, *texts, **options):
    return Task((servable, "s"), {"text": np.array([t.encode() for t in texts], object)}, len(texts), **options)


def _results(batcher, tasks):
    servable = tasks[0].key[0]
    for task in tasks:
        batcher.submit(task)
        assert servable.begun.wait(60)  # the first is taken alone


def test_those_who_wait_are_computed_together_and_each_gets_its_rows():
    servable, batcher = Recorder(), Batcher(BatchingOptions(max_batch_size=4))
    tasks = [_task(servable, *texts) for texts in (["a"], ["b", "c"], ["d"], ["e", "f"])]
    _results(batcher, tasks)
    servable.gate.set()
    assert [task.future.result(60)["out"].tolist() for task in tasks] == [[b"a"], [b"b", b"c"], [b"d"], [b"e", b"f"]]
    assert servable.batches == [[b"a"], [b"b", b"c", b"d"], [b"e", b"f"]]
    batcher.stop()


def test_only_equal_keys_are_joined_and_long_texts_stay_apart():
    servable, batcher = Recorder(), Batcher(BatchingOptions(max_padded_bytes=30))
    other = _task(servable, "other")
    other.key = (servable, "t")
    tasks = [_task(servable, "a"), _task(servable, "b"), other, _task(servable, "c"), _task(servable, "d" * 20)]
    _results(batcher, tasks)
    servable.gate.set()
    futures.wait([task.future for task in tasks], 60)
    assert servable.batches == [[b"a"], [b"b", b"c"], [b"other"], [b"d" * 20]]
    batcher.stop()


def test_one_clients_bad_row_does_not_fail_the_others():
    servable, batcher = Recorder(), Batcher(BatchingOptions())
    tasks = [_task(servable, text) for text in ("first", "good", "bad", "fine")]
    _results(batcher, tasks)
    servable.gate.set()
    assert [tasks[i].future.result(60)["out"].tolist() for i in (1, 3)] == [[b"good"], [b"fine"]]
    with pytest.raises(ServingError, match="bad row"):
        tasks[2].future.result(60)
    batcher.stop()


def test_expired_and_cancelled_tasks_are_not_computed():
    expired = []
    servable, batcher = Recorder(), Batcher(BatchingOptions(), on_expired=lambda: expired.append(1))
    late = _task(servable, "late", deadline=time.monotonic() + 0.01)
    gone, last = _task(servable, "gone"), _task(servable, "last")
    _results(batcher, [_task(servable, "first"), late, gone, last])
    gone.future.cancel()
    time.sleep(0.02)
    servable.gate.set()
    last.future.result(60)
    assert servable.batches == [[b"first"], [b"last"]]
    assert late.future.exception(60).code == Code.DEADLINE_EXCEEDED
    assert expired == [1]
    batcher.stop()


def test_a_full_queue_refuses_and_a_stop_answers_what_it_holds():
    servable, batcher = Recorder(), Batcher(BatchingOptions(max_batch_size=2, max_enqueued_batches=1))
    tasks = [_task(servable, text) for text in "abc"]
    _results(batcher, tasks)
    with pytest.raises(ServingError) as caught:
        batcher.submit(_task(servable, "d"))
    assert caught.value.code == Code.RESOURCE_EXHAUSTED
    stopper = threading.Thread(target=batcher.stop)
    stopper.start()
    servable.gate.set()
    stopper.join(60)
    assert [task.future.result(0)["out"].tolist() for task in tasks] == [[b"a"], [b"b"], [b"c"]]
    with pytest.raises(ServingError) as caught:
        batcher.submit(_task(servable, "e"))
    assert caught.value.code == Code.UNAVAILABLE


def test_a_lone_client_never_waits_for_others():
    servable, batcher = Recorder(), Batcher(BatchingOptions(batch_timeout_micros=2_000_000))
    servable.gate.set()
    started = time.monotonic()
    for _ in range(20):
        task = _task(servable, "a")
        batcher.submit(task)
        task.future.result(60)
    assert time.monotonic() - started < 1
    batcher.stop()


def test_concatenate_pads_with_blanks():
    first, second = np.array([[b"a"]], object), np.array([[b"b", b"c"]], object)
    assert tensors.concatenate([first, second]).tolist() == [[b"a", b""], [b"b", b"c"]]
    assert tensors.concatenate([np.ones((1, 1), np.int32), np.ones((1, 2), np.int32)]).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    "array", [np.array([1.5], np.float32), np.array([True]), np.array([[2**40]]), np.zeros((0, 3))]
)
def test_write_keeps_dtype_shape_and_values(array):
    back = tf.make_ndarray(tensors.write(array))
    assert (back.dtype, back.shape, back.tolist()) == (array.dtype, array.shape, array.tolist())


def test_clients_are_batched_over_real_sockets(serve):
    _, asker = serve(batch_timeout_micros=20_000)
    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: asker.predict(["x" * i]), range(1, 65)))
    assert [answer["length"] for answer in answers] == [[i] for i in range(1, 65)]
    assert max(answer["rows"][0] for answer in answers) > 1


def test_token_rows_of_different_length_are_padded_over_real_sockets(serve):
    _, asker = serve(batch_timeout_micros=20_000)
    rows = [["a"] * (1 + i % 5) for i in range(48)]
    with futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda row: asker.predict([row], "tokens", name="tokens"), rows))
    assert [answer["count"][0] for answer in answers] == [len(row) for row in rows]
    assert any(answer["width"][0] > len(row) for answer, row in zip(answers, rows))


def test_without_batching_every_request_is_alone(serve):
    _, asker = serve(enabled=False)
    with futures.ThreadPoolExecutor(8) as pool:
        assert {answer["rows"][0] for answer in pool.map(lambda _: asker.predict(["a"]), range(32))} == {1}
    assert asker.predict(["a"] * 40)["rows"] == [40] * 40  # no batch, no limit of its size


def test_more_load_than_the_queue_holds_is_refused_and_the_rest_answered(serve):
    _, asker = serve(max_batch_size=1, max_enqueued_batches=2)
    with futures.ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(lambda _: code(asker.predict, ["a"], "slow"), range(12)))
    assert codes.count(Code.OK) >= 3
    assert codes.count(Code.RESOURCE_EXHAUSTED) == len(codes) - codes.count(Code.OK) > 0
    assert asker.predict(["a"])["length"] == [1]


def test_the_page_of_metrics_counts_refusals_by_reason_and_costs(serve):
    server, asker = serve(max_batch_size=2, max_padded_bytes=100)

    def series(name):
        return [line for line in server.metrics.page().splitlines() if line.startswith(f":cman:serving:{name}")]

    assert asker.predict(["a b"])["length"] == [3]
    # Two tokens, a little for their pairs, and 20 for the request.
    assert series("request_cost_count") == [":cman:serving:request_cost_count{} 1"]
    assert 22 < float(series("request_cost_sum")[0].split()[-1]) < 23
    assert series("refused_count") == []
    assert code(asker.predict, ["a"] * 3) == Code.INVALID_ARGUMENT
    assert asker.http("/v1/models/cman:predict", {"instances": ["a"] * 3})[0] == 400
    assert code(asker.predict, ["a" * 60] * 2) == Code.INVALID_ARGUMENT
    assert code(asker.predict, ["a"], "none") == Code.FAILED_PRECONDITION  # not a limit
    assert sorted(series("refused_count")) == [
        ':cman:serving:refused_count{reason="rows_too_long"} 1',
        ':cman:serving:refused_count{reason="too_many_rows"} 2',
    ]


def test_a_deadline_of_a_millisecond_is_exceeded_and_its_work_is_dropped(serve, monkeypatch):
    computed, run, gate = [], Servable.run, threading.Event()

    def spy(self, signature, feeds):
        computed.extend(feeds["text"].tolist())
        if signature == "picky":
            gate.wait(60)
        return run(self, signature, feeds)

    monkeypatch.setattr(Servable, "run", spy)
    server, asker = serve(num_batch_threads=1)
    with futures.ThreadPoolExecutor(1) as pool:
        busy = pool.submit(asker.predict, ["busy"], "picky")
        eventually(lambda: computed == [b"busy"])
        for _ in range(5):
            assert code(asker.predict, ["late"], timeout=0.001) == Code.DEADLINE_EXCEEDED
        # This one is in the queue when its deadline passes.
        assert code(asker.predict, ["later"], timeout=0.3) == Code.DEADLINE_EXCEEDED
        # And this is one whose client does not say that it has gone: the server finds out by itself.
        silent = Task((next(iter(server.watcher._versions.values())).servable, "serving_default"), {}, 1)
        silent.feeds, silent.deadline = {"text": np.array([b"silent"], object)}, time.monotonic() + 0.05
        server.batcher.submit(silent)
        time.sleep(0.1)
        gate.set()
        assert busy.result()["upper"] == [b"BUSY"]
    assert asker.predict(["a"])["length"] == [1]
    assert computed == [b"busy", b"a"]
    assert silent.future.exception(60).code == Code.DEADLINE_EXCEEDED
    assert ":cman:serving:expired_count{} " in server.metrics.page()
    assert server.batcher.size == 0


def test_a_models_own_refusal_keeps_its_code(serve):
    _, asker = serve()
    assert code(asker.predict, ["bad"], "picky") == Code.INVALID_ARGUMENT
    assert asker.predict(["good"], "picky")["upper"] == [b"GOOD"]


@pytest.mark.parametrize(
    ("interface", "begun"),
    [
        ("rest_port", b"POST /v1/models/cman:predict HTTP/1.1\r\nContent-Length: 900\r\n\r\n{"),
        ("rest_port", b"GET /v1/mod"),
        ("port", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"),
        ("port", b""),
    ],
)
def test_clients_that_send_slowly_or_not_at_all_keep_nobody_waiting(serve, interface, begun):
    server, asker = serve()
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", getattr(asker, interface))))
            slow.sendall(begun)
        started = time.monotonic()
        assert asker.predict(["a"], timeout=5)["length"] == [1]
        assert asker.http("/v1/models/cman:predict", {"instances": ["a"]})[0] == 200
        # Nor do they hold up the end beyond its grace.
        server.stop(1)
        assert time.monotonic() - started < 5


def test_a_grpc_client_that_does_not_read_keeps_nobody_waiting(serve):
    server, asker = serve()
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:

        def forward():
            """What the client sends goes to the server; what the server answers is left unread but for its settings."""
            client = stack.enter_context(listener.accept()[0])
            behind = stack.enter_context(socket.socket())
            behind.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            behind.connect(("127.0.0.1", asker.port))
            client.sendall(behind.recv(64))  # the settings, without which no client sends
            with contextlib.suppress(OSError):
                while data := client.recv(1 << 16):
                    behind.sendall(data)

        threading.Thread(target=forward, daemon=True).start()
        unread = Asker(listener.getsockname()[1])
        stack.callback(unread.channel.close)
        request = unread.request(["a" * 20_000])
        waiting = [unread.predictions.Predict.future(request, timeout=30) for _ in range(60)]
        eventually(lambda: ":tensorflow:serving:request_count" in server.metrics.page())  # it was answered
        for _ in range(5):
            assert asker.predict(["a"], timeout=5)["length"] == [1]
        assert not any(call.done() for call in waiting)
        # Nor does it hold up the end beyond its grace.
        started = time.monotonic()
        server.stop(1)
        assert time.monotonic() - started < 5
