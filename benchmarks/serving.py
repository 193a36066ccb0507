"""`python -m benchmarks.serving RUN`: what a server adds to a network's own time, and what batching gives back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from pathlib import Path

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.files import atomic_write

CLIENTS = (1, 8, 32, 64)

# Of which requests in a row must leave a server's memory as it was, once the first of them have filled its pools.
MEMORY_REQUESTS, MEMORY_WARMUP = 20_000, 2_000


def milliseconds(call, *arguments):
    """Milliseconds of wall-clock time that one call takes."""
    return 1000 * timeit.timeit(lambda: call(*arguments), number=1)


class Server:
    """`python -m export.server` in a process of its own, ready when this returns.

    Args:
        folder: path. Holds the versions.
        options: str. Further options.

    Attributes:
        address: str.
        first_answer: float. Milliseconds of the first request, once connected.
        seconds_to_ready: float.
    """

    def __init__(self, folder, *options, first_text):
        started = time.perf_counter()
        command = [sys.executable, "-m", "export.server", str(folder), "--port", "0", "--no-rest", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{self._port()}"
        self.seconds_to_ready = time.perf_counter() - started
        # Else the pipe fills, and the server waits for us: a line a request.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        with client(self.address) as ask:
            self.first_answer = milliseconds(ask, first_text)

    def _port(self):
        for line in self._process.stderr:
            if '"listening"' in line:
                return json.loads(line)["port"]
        raise RuntimeError(f"The server must start. Received: exit code {self._process.wait()}")

    def memory(self):
        """Bytes that are resident."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def client(address):
    """A function `text -> response` over a connection that is open."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        grpc.channel_ready_future(channel).result(60)
        tf.make_tensor_proto(["what is slow in this process the first time must not count as the server's"])
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(text):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "cman"
            request.inputs["text"].CopyFrom(tf.make_tensor_proto([text]))
            return stub.Predict(request, timeout=120)

        yield ask


def overhead(predictor, address, texts, rounds):
    """Each text by the network in this process and by the server, in turns, as a document each time.

    Returns:
        dict: `in_process` and `served`, milliseconds `p50` and `p99`, and `added`, that of the difference of each
        percentile.
    """
    import numpy as np

    from export.serving.remote import Remote, untokenized

    with Remote(address) as remote:

        def served(text):
            return remote.extract(untokenized([text]), concurrency=1)

        for text in texts:  # every length is compiled, on both sides
            predictor(text), served(text)
        pairs = [(milliseconds(predictor, text), milliseconds(served, text)) for _ in range(rounds) for text in texts]
    own, other = (dict(zip(("p50", "p99"), np.percentile(times, [50, 99]).tolist())) for times in zip(*pairs))
    return {"in_process": own, "served": other, "added": {name: other[name] - own[name] for name in own}}


def throughput(address, texts, clients, seconds=None, requests=None):
    """Answers a second to so many clients, each with a connection and one request at a time.

    Args:
        address: str.
        texts: list of str, asked in turn.
        clients: int.
        seconds, requests: float or int. When to stop: one of them.
    """
    lock, end, asked = threading.Lock(), None if seconds is None else time.perf_counter() + seconds, 0
    failures = []

    def more():
        nonlocal asked
        with lock:
            asked += 1
            return asked <= requests if end is None else time.perf_counter() < end

    def work(position):
        try:
            with client(address) as ask:
                while more():
                    ask(texts[position % len(texts)])
                    position += 1
        except Exception as error:  # noqa: BLE001, a thread's own failure would be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(97 * number,)) for number in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return (asked - clients) / (time.perf_counter() - start)


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
        folder: path. Holds its version.
        texts: list of str, raw sentences.
        rounds: int. How often latencies are taken.
        seconds: float. Of each throughput.
    """
    import numpy as np

    with Server(folder, first_text=texts[0]) as batched, Server(folder, "--no-batching", first_text=texts[0]) as single:
        result = {"latency_ms": overhead(predictor, batched.address, texts, rounds)}
        with client(batched.address) as ask:
            median = float(np.median([milliseconds(ask, texts[0]) for _ in range(50)]))
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
    """What a server has to reach."""
    speeds, start = result["answers_per_second"], result["start"]
    found = [
        ("gRPC adds, ms p50", result["latency_ms"]["added"]["p50"], "below", 3.0),
        ("32 clients batched / one unbatched", speeds["batched"]["32"] / speeds["unbatched"]["1"], "at least", 3.0),
        ("first answer / median", max(start["first_answer_ms"]) / start["median_ms"], "at most", 1.5),
        ("memory grows in 20,000 requests, %", 100 * result["memory"]["growth"], "at most", 2.0),
    ]
    return [
        {
            "mode": "serving",
            "name": name,
            "value": value,
            "at": at,
            "bar": bar,
            "reached": value >= bar if at == "at least" else value <= bar,
        }
        for name, value, at, bar in found
    ]


def text(result):
    """The result in words."""
    latency, speeds = result["latency_ms"], result["answers_per_second"]
    lines = [f"{'ms at batch 1':<28}{'p50':>8}{'p99':>8}"]
    lines += [f"{name.replace('_', ' '):<28}{row['p50']:>8.2f}{row['p99']:>8.2f}" for name, row in latency.items()]
    lines += ["", f"{'answers/s, clients':<28}" + "".join(f"{clients:>8}" for clients in CLIENTS)]
    lines += [f"{name:<28}" + "".join(f"{row[str(c)]:>8.0f}" for c in CLIENTS) for name, row in speeds.items()]
    lines.append("")
    for bar in result["bars"]:
        verdict = "reached" if bar["reached"] else "NOT reached"
        lines.append(f"{bar['name']:<40}{bar['value']:>8.2f}  {bar['at']} {bar['bar']:g}: {verdict}")
    about = result["environment"]
    return "\n".join([*lines, f"load {about['load_at_start']} at start, {about['load_at_end']} at end"])


def command(argv):
    parser = cli.parser(
        "benchmarks.serving",
        "Measure a server of a trained network against the network in this process, on CoNLL04's test sentences.",
        "python -m benchmarks.serving runs/conll04 --json benchmarks/results/serving.json",
        usage="RUN [options]",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman_tf.fit")
    parser.add_argument("--model", metavar="MODEL_DIR", help="its export, a folder of versions (default: made here)")
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--rounds", type=int, default=3, help="how often latencies are taken (default: 3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each throughput (default: 8)")
    args = cli.parse(parser, argv)
    cli.check_count("--rounds", args.rounds)

    from benchmarks.corpus import conll04
    from cman_tf.training.run import Run
    from export.savedmodel import export

    texts = [document.text for document in conll04("test", args.data_dir)]
    about = environment()
    run = Run.open(args.run)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.model) if args.model else export(run, Path(temporary) / "model")[0].parent
        result = measure(run.predictor(), folder, texts, args.rounds, args.seconds)
    about["load_at_end"] = round(os.getloadavg()[0], 2)
    result = {"environment": about, "run": args.run, "sentences": len(texts), "rounds": args.rounds, **result}
    result["bars"] = bars(result)
    print(text(result))
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.serving", command))
