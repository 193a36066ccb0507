"""Requests of all kinds to a server, good and bad, over both ways in: its memory must not grow with their number."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 32

# Requests for which memory must not grow, those before that fill the pools, and how often it is read.
REQUESTS, WARMUP, STEP = 20_000, 4_000, 2_000


class Mixed:
    """A client with its own connections, that sends one kind of request after the other.

    Args:
        server: `Server`.
        texts: list of str, raw sentences.
    """

    def __init__(self, server, texts):
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc

        self.texts = texts
        self._channel = grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._http = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=120)

    def close(self):
        """Close the connections."""
        self._channel.close()
        self._http.close()

    def send(self, number):
        """Send a request, whose kind follows from its number; return the name of the kind. Wrong answers raise."""
        kinds = (
            self._sentence, self._sentences, self._tokens, self._scores, self._no_time,
            self._rest, self._document, self._lines, self._wrong_shape, self._wrong_body,
        )  # fmt: skip
        kind = kinds[number % len(kinds)]
        kind(number)
        return kind.__name__[1:]

    def _sentence(self, number):
        self._predict(self._some(number, 1))

    def _sentences(self, number):
        self._predict(self._some(number, 8))

    def _tokens(self, number):
        self._predict([self._some(number, 1)[0].split()], "tokens")

    def _scores(self, number):
        self._predict([self._some(number, 1)[0].split()], "scores")

    def _no_time(self, number):
        """The client has gone before the answer."""
        self._refused("DEADLINE_EXCEEDED", self._some(number, 4), timeout=0.002)

    def _wrong_shape(self, number):
        self._refused("INVALID_ARGUMENT", self._some(number, 1), shape=[2**40])

    def _rest(self, number):
        answer = self._post("/v1/models/cman:predict", {"instances": self._some(number, 2)})
        assert len(answer["predictions"]) == 2

    def _document(self, number):
        assert "entities" in self._post("/v1/extract", {"text": " ".join(self._some(number, 5))})

    def _lines(self, number):
        answer = self._post("/v1/extract", {"texts": self._some(number, 3)}, accept="application/x-ndjson")
        assert len(answer) == 3

    def _wrong_body(self, number):
        self._post("/v1/extract", {"text": number}, status=400)

    def _some(self, number, count):
        return [self.texts[(7 * number + place) % len(self.texts)] for place in range(count)]

    def _predict(self, rows, signature="", timeout=120, shape=None):
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "cman", signature
        proto = tf.make_tensor_proto(rows)
        for dim, size in zip(proto.tensor_shape.dim, shape or ()):
            dim.size = size
        request.inputs["tokens" if signature else "text"].CopyFrom(proto)
        return self._stub.Predict(request, timeout=timeout)

    def _refused(self, code, rows, **options):
        import grpc

        try:
            self._predict(rows, **options)
        except grpc.RpcError as error:
            if error.code().name != code:
                raise
        else:
            raise ValueError(f"The server answered a request whose status is {code}.")

    def _post(self, path, body, status=200, accept="application/json"):
        self._http.request("POST", path, json.dumps(body), {"Accept": accept})
        with self._http.getresponse() as answer:
            text = answer.read().decode()
        if answer.status != status:
            raise ValueError(f"Status {answer.status} instead of {status}: {text[:300]}")
        return [json.loads(line) for line in text.splitlines()] if "ndjson" in accept else json.loads(text)


def send(server, texts, numbers):
    """Send requests from 32 clients; return their number by kind, a `Counter`."""
    counts, lock, local = Counter(), threading.Lock(), threading.local()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:

        def ask(number):
            if not hasattr(local, "client"):
                with lock:
                    local.client = stack.enter_context(contextlib.closing(Mixed(server, texts)))
            kind = local.client.send(number)
            with lock:
                counts[kind] += 1

        list(pool.map(ask, numbers))
    return counts


def memory(server, texts, requests=REQUESTS, warmup=WARMUP, step=STEP):
    """Memory of a server over requests of all kinds.

    Returns:
        dict: `requests`, their number by kind; `megabytes`, resident memory before them and after each `step`; `growth`
        of the mean of the last three values over that of the first three.
    """
    send(server, texts, range(warmup))
    found, counts = [server.memory()], Counter()
    numbers = iter(range(requests))
    while block := list(itertools.islice(numbers, step)):
        counts += send(server, texts, block)
        found.append(server.memory())
    some = min(3, len(found) - 1)
    return {
        "requests": dict(counts),
        "megabytes": [round(value / 1e6, 1) for value in found],
        "growth": sum(found[-some:]) / sum(found[:some]) - 1,
    }
