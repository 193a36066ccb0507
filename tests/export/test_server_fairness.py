"""Clients take turns by the cost of their requests; nobody is refused for another's load; answers are bounded."""

import json
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf

from export.serving import costs, tensors
from export.serving.app import Server, ServerOptions
from export.serving.batching import Batcher
from export.serving.batching_options import BatchingOptions
from export.serving.servable import Servable
from export.serving.status import ServingError
from export.serving.tasks import Task
from export.serving.turns import Turns
from tests.export.serving import Asker, code, eventually
from tests.export.tiny import Echo

Code = grpc.StatusCode
PREDICT = "/v1/models/cman:predict"


class Recorder:
    """A servable that remembers its batches, and computes when it is let."""

    def __init__(self, seconds=0.0):
        self.batches, self.gate, self.seconds = [], threading.Event(), seconds

    def run(self, signature, feeds):
        self.gate.wait(60)
        time.sleep(self.seconds)
        self.batches.append(feeds["text"].tolist())
        if b"bad" in feeds["text"]:
            raise ValueError("bad row")
        return {"out": feeds["text"]}


def task(servable, client, *texts, longest=10, **options):
    feeds = {"text": np.array([text.encode() for text in texts], object)}
    return Task((servable, "s"), feeds, len(texts), client=client, longest=longest, **options)


@pytest.fixture
def batcher():
    made = []

    def make(**options):
        made.append(Batcher(BatchingOptions(batch_timeout_micros=0, **options)))
        return made[-1]

    yield make
    for one in made:
        one.stop(10)


def submit(batcher, tasks):
    for one in tasks:
        batcher.submit(one)
        time.sleep(0.003)
    return [one.future for one in tasks]


def test_clients_take_turns_by_what_they_have_used(batcher):
    servable, queue = Recorder(), batcher()
    greedy = [task(servable, "greedy", f"g{number}", longest=700) for number in range(4)]
    others = [task(servable, name, name) for name in "abc"]
    futures = submit(queue, [*greedy, *others])
    servable.gate.set()
    assert [future.result(60)["out"].tolist() for future in futures]
    # The first was taken when nobody else was there; the others come before the second, and together.
    assert servable.batches == [[b"g0"], [b"a", b"b", b"c"], [b"g1"], [b"g2"], [b"g3"]]


def test_those_who_have_just_been_answered_come_before_an_expensive_request(batcher):
    servable, queue = Recorder(), batcher()
    servable.gate.set()
    queue.submit(first := task(servable, "greedy", "g0", longest=700))
    first.future.result(60)
    submit(queue, [one := task(servable, "a", "a0")])[0].result(60)
    queue.submit(late := task(servable, "greedy", "g1", longest=700))
    time.sleep(0.01)
    queue.submit(again := task(servable, "a", "a1"))
    assert late.future.result(60)
    assert one.future.result(60)
    assert again.future.result(60)
    assert servable.batches == [[b"g0"], [b"a0"], [b"a1"], [b"g1"]]


def test_a_lone_client_is_not_held_up(batcher):
    servable, queue = Recorder(), batcher()
    servable.gate.set()
    begin = time.monotonic()
    for number in range(20):
        submit(queue, [task(servable, "greedy", f"g{number}", longest=700)])[0].result(60)
    assert time.monotonic() - begin < 1  # 20 waits for others would take two seconds


def test_an_expensive_row_does_not_join_a_cheap_batch(batcher):
    servable, queue = Recorder(), batcher()
    futures = submit(queue, [task(servable, "x", "x"), task(servable, "a", "a"), task(servable, "b", "b", longest=600)])
    servable.gate.set()
    assert all(future.result(60) for future in futures)
    assert servable.batches == [[b"x"], [b"a"], [b"b"]]


def test_an_expensive_request_is_computed_in_parts_with_others_between(batcher):
    servable, queue = Recorder(), batcher(max_batch_cost=1000)
    texts = [f"g{number}" for number in range(5)]
    futures = submit(queue, [task(servable, "x", "x"), task(servable, "greedy", *texts, longest=300, pairs=0.0)])
    futures += submit(queue, [task(servable, "a", "a")])
    servable.gate.set()
    assert futures[1].result(60)["out"].tolist() == [text.encode() for text in texts]
    assert futures[2].result(60)["out"].tolist() == [b"a"]
    greedy = [batch for batch in servable.batches if batch[0].startswith(b"g")]
    assert greedy == [[b"g0", b"g1", b"g2"], [b"g3", b"g4"]]
    assert servable.batches.index([b"a"]) < len(servable.batches) - 1


def test_an_error_in_a_part_is_the_requests_and_the_rest_is_not_computed(batcher):
    servable, queue = Recorder(), batcher(max_batch_cost=300)
    (future,) = submit(queue, [task(servable, "g", "g0", "bad", "g2", "g3", longest=300, pairs=0.0)])
    servable.gate.set()
    with pytest.raises(ServingError, match="bad row"):
        future.result(60)
    eventually(lambda: queue.size == 0)
    assert servable.batches == [[b"g0"], [b"bad"]]


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_what_nobody_waits_for_is_given_up_between_parts(batcher, how):
    servable, queue = Recorder(0.05), batcher(max_batch_cost=300)
    options = {"deadline": time.monotonic() + 0.12} if how == "late" else {}
    texts = [f"g{number}" for number in range(8)]
    (future,) = submit(queue, [task(servable, "g", *texts, longest=300, pairs=0.0, **options)])
    servable.gate.set()
    eventually(lambda: servable.batches)
    if how == "cancelled":
        future.cancel()
    eventually(lambda: queue.size == 0)
    time.sleep(0.2)
    assert len(servable.batches) < 5


def test_a_full_queue_refuses_the_client_with_most_in_it(batcher):
    servable, queue = Recorder(), batcher(max_batch_size=2, max_enqueued_batches=2)
    first = task(servable, "x", "x")
    submit(queue, [first])
    greedy = [task(servable, "greedy", f"g{number}") for number in range(4)]
    submit(queue, greedy)
    with pytest.raises(ServingError) as caught:
        queue.submit(task(servable, "greedy", "g4"))
    assert caught.value.code == Code.RESOURCE_EXHAUSTED
    others = submit(queue, [task(servable, "a", "a"), task(servable, "b", "b")])
    assert [one.future.done() for one in greedy] == [False, False, True, True]
    assert greedy[-1].future.exception(1).code == Code.RESOURCE_EXHAUSTED
    with pytest.raises(ServingError):  # all have the same share now
        queue.submit(task(servable, "greedy", "g5"))
    servable.gate.set()
    assert [future.result(60)["out"].tolist() for future in others] == [[b"a"], [b"b"]]
    assert all(one.future.result(60) for one in greedy[:2])
    assert queue.size == 0


def test_who_comes_back_has_no_claim_to_what_was_not_used():
    turns = Turns()
    for name in "ab":
        turns.arrive(name)
    for _ in range(10):
        turns.take("a", 100, leads=True)
    turns.arrive("b")
    assert turns.used("b") == 900.0  # where the one before began its last turn
    turns.arrive("new")
    assert turns.used("new") == 900.0


def test_clients_without_number_do_not_fill_the_memory():
    turns = Turns()
    for number in range(30_000):
        turns.arrive(str(number))
        turns.answer(str(number))
    assert len(turns._used) <= 10_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 1), ("Ana lives in Oslo .", 5), ("a " * 4000, 4000), ("Ana,Bo", 3), ("東京でアナ", 5), ("a" * 8000, 1)],
)
def test_tokens_are_estimated(text, expected):
    assert costs.tokens({"text": np.array([text.encode()], object)}) == expected


def test_the_cost_of_scores_is_that_of_their_pairs(exported):
    servable = Servable(exported)
    cheap, dear = (servable.costs[name].pairs for name in ("tokens", "scores"))
    assert cheap < dear
    assert servable.max_tokens == 512
    feeds = {"tokens": np.array([[b"a"] * 9] * 2, object)}
    answer = servable.run("scores", feeds)
    real = sum(array.nbytes for name, array in answer.items() if name != "tokens")
    estimated = servable.costs["scores"].bytes(2, 9)
    assert real < estimated <= real + 2 * 9 * costs.STRING_BYTES


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3), (1, 200, 200)])
def test_floats_are_written_as_protobuf_packs_them(shape):
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    proto = tensors.write(array)
    assert list(proto.float_val) == array.ravel().tolist()
    np.testing.assert_array_equal(tf.make_ndarray(proto).reshape(shape), array)
    np.testing.assert_array_equal(tensors.write(array.swapaxes(0, 1)).float_val, array.swapaxes(0, 1).ravel())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Echo(1).save(folder / "1")
    return folder


@pytest.fixture
def serve(folder):
    servers = []

    def start(folder=folder, batching=None, **options):
        batching = BatchingOptions(**(batching or {}))
        servers.append(Server(ServerOptions(folder, port=0, rest_port=0, batching=batching, **options)))
        servers[-1].start()
        return servers[-1], Asker(servers[-1].port, servers[-1].rest_port)

    yield start
    for server in servers:
        server.stop(10)


def test_an_answer_beyond_the_limit_is_refused_over_both_ways_in(real):
    rows = [["a"] * 100]
    assert code(real.predict, rows, "scores", name="tokens") == Code.INVALID_ARGUMENT
    status, text = real.http(PREDICT, {"signature_name": "scores", "inputs": rows})
    assert status == 400
    assert "An answer must have at most 60000 bytes. Received: 1 rows of 100 tokens" in json.loads(text)["error"]
    assert real.predict([["a"] * 20], "scores", name="tokens")["relation_logits"]
    assert real.predict(rows, "tokens", name="tokens")["tokens"]


def test_answers_of_many_numbers_are_the_same_over_both_ways_in(real):
    rows = [["a", "b", "c"], ["d", "e", "f"]]
    over_grpc = real.predict(rows, "scores", name="tokens")
    _, text = real.http(PREDICT, {"signature_name": "scores", "inputs": rows})
    over_rest = json.loads(text)["outputs"]
    for name in ("emissions", "relation_logits"):
        np.testing.assert_allclose(np.array(over_rest[name]), np.array(over_grpc[name]), rtol=1e-6)


def test_the_client_is_the_address_or_the_header(serve, monkeypatch):
    seen, submit = [], Batcher.submit
    monkeypatch.setattr(Batcher, "submit", lambda self, task: seen.append(task.client) or submit(self, task))
    _, plain = serve()
    _, named = serve(client_header="X-Client")
    seen.clear()  # the rehearsals
    for asker in (plain, named):
        request = asker.request(["a"])
        asker.predictions.Predict(request, metadata=[("x-client", "me")])
        asker.predictions.Predict(request)
        for head in ("X-Client: me\r\n", ""):
            with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
                body = b'{"instances": ["a"]}'
                lines = f"Host: a\r\n{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(f"POST {PREDICT} HTTP/1.1\r\n{lines}".encode() + body)
                assert b" 200 " in client.makefile("rb").readline()
    here = "ipv4:127.0.0.1"
    assert seen == [here] * 4 + ["me", here, "me", here]


def test_the_work_of_an_http_client_that_has_gone_is_given_up(serve, monkeypatch):
    gate, computed, run = threading.Event(), [], Servable.run

    def held(self, signature, feeds):
        computed.extend(feeds["text"].tolist())
        gate.wait(60)
        return run(self, signature, feeds)

    server, asker = serve(batching={"num_batch_threads": 1})
    monkeypatch.setattr(Servable, "run", held)
    thread = threading.Thread(target=asker.predict, args=(["busy"],))
    thread.start()
    eventually(lambda: computed == [b"busy"])
    with socket.create_connection(("127.0.0.1", asker.rest_port)) as client:
        body = b'{"instances": ["gone"]}'
        client.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        eventually(lambda: server.batcher.size == 1)
    time.sleep(0.8)
    gate.set()
    thread.join(10)
    assert asker.predict(["last"])["length"] == [4]
    assert computed == [b"busy", b"last"]


def test_a_stop_finishes_the_work_of_http_clients(serve, monkeypatch):
    run = Servable.run
    server, asker = serve(batching={"num_batch_threads": 1})
    monkeypatch.setattr(Servable, "run", lambda *arguments: time.sleep(1.0) or run(*arguments))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(asker.http(PREDICT, {"instances": ["a"]})[0]))
    thread.start()
    time.sleep(0.3)
    server.stop(10)
    thread.join(10)
    assert answers == [200]


@pytest.mark.slow
def test_ordinary_clients_beside_a_greedy_one(tmp_path):
    """The bar of the page on serving, with the shipped model."""
    from benchmarks.fairness import measure
    from cman_tf.data import corpora

    texts = [document.text for document in corpora.load("sample").splits["test"]]
    subprocess.run([sys.executable, "-m", "export.savedmodel", "news", str(tmp_path / "model")], check=True)
    found = measure(tmp_path / "model", texts, 15)
    assert found["beside"]["refused"] == found["alone"]["refused"] == {}
    assert found["ratio"] <= 5
