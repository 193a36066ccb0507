"""`python -m benchmarks.serving RUN`: latency that a server adds, throughput with and without batching, memory."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import frame, mixed
from benchmarks.environment import environment
from benchmarks.frame import PERCENTILES
from benchmarks.served import Server, client, milliseconds

CLIENTS = (1, 8, 32, 64)


@contextlib.contextmanager
def ways_in(server):
    """Context manager for one client of each way in: dict of name to a function that sends a text."""
    from export.serving.remote import Remote, untokenized

    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=120)

    def post(path, body):
        connection.request("POST", path, json.dumps(body))
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise ValueError(f"{path} answered {answer.status}.")
            json.loads(answer.read())

    with contextlib.closing(connection), Remote(server.address) as remote:
        yield {
            "gRPC": lambda text: remote.extract(untokenized([text]), concurrency=1),
            "REST :predict": lambda text: post("/v1/models/cman:predict", {"instances": [text]}),
            "/v1/extract": lambda text: post("/v1/extract", {"text": text}),
        }


def overhead(predictor, server, texts, rounds):
    """Latencies of the network in this process and of each way into the server, in turns.

    Returns:
        dict of `in_process` and the ways in to milliseconds `p50` and `p99`, and of `added`: how much more the medians
        of the ways in are.
    """
    import numpy as np

    with ways_in(server) as ways:
        calls = {"in_process": lambda text: predictor(text, split=False), **ways}
        for text in texts:  # compile every length
            for call in calls.values():
                call(text)
        times = {name: [] for name in calls}
        for _ in range(rounds):
            for text in texts:
                for name, call in calls.items():
                    times[name].append(milliseconds(call, text))
    found = {
        name: {key: float(np.percentile(own, percent)) for key, percent in PERCENTILES.items()}
        for name, own in times.items()
    }
    return {**found, "added": {name: found[name]["p50"] - found["in_process"]["p50"] for name in ways}}


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


def speeds(servers, texts, rounds, seconds):
    """Answers per second of each server to some numbers of clients, in turns.

    Args:
        servers: dict of name to `Server`.
        texts, seconds: as for `throughput`.
        rounds: int.

    Returns:
        `(answers, processor)`, each a dict of server to a dict of clients to a list with a number for each round:
        answers per second, and milliseconds of the server's processor time for an answer.
    """
    answers, processor = ({name: {str(n): [] for n in CLIENTS} for name in servers} for _ in range(2))
    for _ in range(rounds):
        for clients in CLIENTS:
            for name, server in servers.items():
                used, start = server.seconds(), time.perf_counter()
                speed = throughput(server.address, texts, clients, seconds=seconds)
                count = speed * (time.perf_counter() - start)
                answers[name][str(clients)].append(round(speed, 2))
                processor[name][str(clients)].append(round(1000 * (server.seconds() - used) / count, 2))
    return answers, processor


def measure(predictor, folder, texts, rounds, seconds):
    """All figures of an export.

    Args:
        predictor: `Predictor` of its run.
        folder: path. Folder of versions.
        texts: list of str, raw sentences.
        rounds: int. How often latencies and throughputs are measured.
        seconds: float. Duration of each throughput measurement.
    """
    with Server(folder, first_text=texts[0]) as batched:
        with Server(folder, "--no-batching", first_text=texts[0]) as single:
            result = {"latency_ms": overhead(predictor, batched, texts, rounds)}
            with client(batched.address) as ask:
                median = statistics.median(milliseconds(ask, texts[0]) for _ in range(50))
            result["start"] = {
                "seconds_to_ready": [server.seconds_to_ready for server in (batched, single)],
                "first_answer_ms": [server.first_answer for server in (batched, single)],
                "median_ms": median,
            }
            answers, processor = speeds({"batched": batched, "unbatched": single}, texts, rounds, seconds)
        result["answers_per_second"], result["processor_ms_per_answer"] = answers, processor
        # Of one round, because others use the machine too.
        pairs = zip(answers["batched"]["32"], answers["unbatched"]["1"])
        result["gain_of_batching"] = [round(many / one, 3) for many, one in pairs]
        result["memory"] = mixed.memory(batched, texts)
    return result


def bars(result):
    """The bars of a server, see `frame.bar`."""
    start, memory = result["start"], result["memory"]
    first = max(start["first_answer_ms"]) / start["median_ms"]
    gain, requests = statistics.median(result["gain_of_batching"]), sum(memory["requests"].values())
    return [
        *(
            frame.bar("serving", f"{name} adds, ms p50", value, "below", 3.0)
            for name, value in result["latency_ms"]["added"].items()
        ),
        frame.bar("serving", "32 clients batched / one unbatched", gain, "at least", 2.5),
        frame.bar("serving", "first answer / median", first, "at most", 1.5),
        frame.bar("serving", f"memory grows in {requests:,} mixed requests, %", 100 * memory["growth"], "at most", 2.0),
    ]


def command(argv):
    parser = frame.parser(
        "serving",
        "Measure a server of a trained network beside the network in this process, on the sample corpus.",
        "news",
        usage="RUN [options]",
        rounds="how often latencies and throughputs are measured",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", default="news", help="run or shipped model (default: news)")
    parser.add_argument("--model", metavar="MODEL_DIR", help="export of the run (default: a new one)")
    parser.add_argument(
        "--seconds", metavar="S", type=float, default=8.0, help="seconds for each throughput (default: 8)"
    )
    args = frame.parse(parser, argv)

    from cman_tf.data import corpora
    from cman_tf.training.run import Run

    texts = [document.text for document in corpora.load("sample").splits["test"]]
    about = environment()
    predictor = Run.open(args.run).predictor()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.model or Path(temporary) / "model")
        if not args.model:  # in a process of its own, as `cman serve RUN` does
            subprocess.run([sys.executable, "-m", "export.savedmodel", args.run, str(folder)], check=True, stdout=2)
        figures = measure(predictor, folder, texts, args.rounds, args.seconds)
    result = {"run": args.run, "sentences": len(texts), "rounds": args.rounds, **figures, "bars": bars(figures)}
    latencies = [
        (name.replace("_", " "), *(f"{row[key]:.2f}" for key in PERCENTILES))
        for name, row in figures["latency_ms"].items()
        if name != "added"
    ]
    tables = [
        frame.table(
            f"{title}, by number of clients (median of the rounds)",
            ("", *map(str, CLIENTS)),
            [(name, *(f"{statistics.median(own):.1f}" for own in row.values())) for name, row in figures[key].items()],
        )
        for title, key in (
            ("Answers per second", "answers_per_second"),
            ("Server's processor time for an answer, ms", "processor_ms_per_answer"),
        )
    ]
    memory = ", ".join(f"{value:.0f}" for value in figures["memory"]["megabytes"])
    latency = frame.table("Milliseconds for one sentence", ("", *PERCENTILES), latencies)
    frame.report(args, about, result, latency, *tables, f"Resident memory over mixed requests, MB: {memory}")


if __name__ == "__main__":
    frame.run("serving", command)
