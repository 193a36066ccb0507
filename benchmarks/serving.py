"""`python -m benchmarks.serving RUN`: latency that a server adds, throughput with and without batching, memory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment

CLIENTS = (1, 8, 32, 64)
PERCENTILES = {"p50": 50, "p99": 99}

# Requests for which the memory of a server must not grow, after those that fill its pools.
MEMORY_REQUESTS, MEMORY_WARMUP = 20_000, 2_000


class Server:
    """Context manager for a `cman serve` process, which is ready after construction.

    Args:
        folder: path. Folder of versions.
        *options: str. Further options.
        first_text: str. Sentence of the first request.

    Attributes:
        address: str.
        first_answer: float. Milliseconds of the first request, without connecting.
        seconds_to_ready: float.
    """

    def __init__(self, folder, *options, first_text):
        started = time.perf_counter()
        command = [sys.executable, "-m", "export.server", str(folder), "--port", "0", "--no-rest", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{self._port()}"
        self.seconds_to_ready = time.perf_counter() - started
        # Otherwise the pipe fills with a line for each request, and the server blocks.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        with client(self.address) as ask:
            self.first_answer = _milliseconds(ask, first_text)

    def _port(self):
        for line in self._process.stderr:
            if '"listening"' in line:
                return json.loads(line)["port"]
        raise RuntimeError(f"The server did not start; its exit code is {self._process.wait()}.")

    def memory(self):
        """Resident bytes of the process."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def client(address):
    """Context manager for a connection: a function `text -> response`."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        grpc.channel_ready_future(channel).result(60)
        tf.make_tensor_proto(["the first call is slow in this process, which must not count"])
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(text):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "cman"
            request.inputs["text"].CopyFrom(tf.make_tensor_proto([text]))
            return stub.Predict(request, timeout=120)

        yield ask


def overhead(predictor, address, texts, rounds):
    """Latencies of the network in this process and of the server, in turns; both return documents.

    Returns:
        dict of `in_process`, `served`, and `added`, their difference; each a dict of milliseconds `p50` and `p99`.
    """
    import numpy as np

    from export.serving.remote import Remote, untokenized

    with Remote(address) as remote:

        def served(text):
            return remote.extract(untokenized([text]), concurrency=1)

        for text in texts:  # compile every length, on both sides
            predictor(text, split=False), served(text)
        pairs = [
            (_milliseconds(predictor, text, False), _milliseconds(served, text))
            for _ in range(rounds)
            for text in texts
        ]
    own, other = (
        {name: float(np.percentile(times, percent)) for name, percent in PERCENTILES.items()} for times in zip(*pairs)
    )
    return {"in_process": own, "served": other, "added": {name: other[name] - own[name] for name in own}}


def _milliseconds(call, *arguments):
    start = time.perf_counter()
    call(*arguments)
    return 1000 * (time.perf_counter() - start)


def throughput(address, texts, clients, seconds=float("inf"), requests=sys.maxsize):
    """Answers per second to some clients, each with its own connection and one request at a time.

    Args:
        address: str.
        texts: list of str, asked in turn.
        clients: int.
        seconds, requests: float and int. Limits at which the clients stop; pass one of them.
    """
    start, tickets = time.perf_counter(), iter(range(requests))

    def work(position):
        answers = 0
        with client(address) as ask:
            while time.perf_counter() < start + seconds and next(tickets, None) is not None:
                ask(texts[(position + answers) % len(texts)])
                answers += 1
        return answers

    with ThreadPoolExecutor(clients) as pool:
        answers = sum(pool.map(work, range(0, 97 * clients, 97)))
    return answers / (time.perf_counter() - start)


def memory(server, texts, requests=MEMORY_REQUESTS):
    """Resident bytes of a server before and after many requests."""
    throughput(server.address, texts, 32, requests=MEMORY_WARMUP)
    before = server.memory()
    throughput(server.address, texts, 32, requests=requests)
    after = server.memory()
    return {"requests": requests, "bytes_before": before, "bytes_after": after, "growth": after / before - 1}


def measure(predictor, folder, texts, rounds, seconds):
    """All figures of an export.

    Args:
        predictor: `Predictor` of its run.
        folder: path. Folder of versions.
        texts: list of str, raw sentences.
        rounds: int. How often latencies are measured.
        seconds: float. Duration of each throughput measurement.
    """
    import numpy as np

    with Server(folder, first_text=texts[0]) as batched, Server(folder, "--no-batching", first_text=texts[0]) as single:
        result = {"latency_ms": overhead(predictor, batched.address, texts, rounds)}
        with client(batched.address) as ask:
            median = float(np.median([_milliseconds(ask, texts[0]) for _ in range(50)]))
        result["start"] = {
            "seconds_to_ready": [server.seconds_to_ready for server in (batched, single)],
            "first_answer_ms": [server.first_answer for server in (batched, single)],
            "median_ms": median,
        }
        speeds = {"batched": {}, "unbatched": {}}
        for clients in CLIENTS:
            for name, server in (("batched", batched), ("unbatched", single)):
                speeds[name][str(clients)] = throughput(server.address, texts, clients, seconds=seconds)
        result["answers_per_second"] = speeds
        result["memory"] = memory(batched, texts)
    return result


def bars(result):
    """The bars of a server, see `frame.bar`."""
    speeds, start = result["answers_per_second"], result["start"]
    batching = speeds["batched"]["32"] / speeds["unbatched"]["1"]
    first = max(start["first_answer_ms"]) / start["median_ms"]
    return [
        frame.bar("serving", "gRPC adds, ms p50", result["latency_ms"]["added"]["p50"], "below", 3.0),
        frame.bar("serving", "32 clients batched / one unbatched", batching, "at least", 3.0),
        frame.bar("serving", "first answer / median", first, "at most", 1.5),
        frame.bar("serving", "memory grows in 20,000 requests, %", 100 * result["memory"]["growth"], "at most", 2.0),
    ]


def command(argv):
    parser = frame.parser(
        "serving",
        "Measure a server of a trained network beside the network in this process, on CoNLL04's test sentences.",
        "runs/conll04",
        usage="RUN [options]",
        rounds="how often latencies are measured",
    )
    parser.add_argument("run", metavar="RUN", help="folder of a trained run")
    parser.add_argument("--model", metavar="MODEL_DIR", help="export of the run (default: a new one)")
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=8.0, help="seconds for each throughput (default: 8)"
    )
    args = frame.parse(parser, argv)

    from benchmarks.corpus import conll04
    from cman_tf.training.run import Run
    from export.savedmodel import export

    texts = [document.text for document in conll04("test", args.data_dir)]
    about = environment()
    run = Run.open(args.run)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.model) if args.model else export(run, Path(temporary) / "model")[0].parent
        figures = measure(run.predictor(), folder, texts, args.rounds, args.seconds)
    result = {"run": args.run, "sentences": len(texts), "rounds": args.rounds, **figures, "bars": bars(figures)}
    latencies = [
        (name.replace("_", " "), *(f"{row[key]:.2f}" for key in PERCENTILES))
        for name, row in figures["latency_ms"].items()
    ]
    speeds = [
        (name, *(f"{row[str(clients)]:.0f}" for clients in CLIENTS))
        for name, row in figures["answers_per_second"].items()
    ]
    frame.report(
        args,
        about,
        result,
        frame.table("Milliseconds for one sentence", ("", *PERCENTILES), latencies),
        frame.table("Answers per second, by number of clients", ("", *map(str, CLIENTS)), speeds),
    )


if __name__ == "__main__":
    frame.run("serving", command)
