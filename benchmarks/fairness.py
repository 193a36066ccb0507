"""`python -m benchmarks.fairness RUN`: what ordinary clients of a server notice of a greedy one.

Eight clients ask for one sentence at a time, first alone, then beside a client that sends the largest allowed requests
of the signature `scores` on 16 connections.
"""

from __future__ import annotations

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
from benchmarks.frame import PERCENTILES
from benchmarks.served import Server

HEADER = "x-client"
CLIENTS, GREEDY_CONNECTIONS = 8, 16

# 8,000 bytes in tokens of one letter, and as many rows as the answer may have.
TOKENS, ROWS = 4000, 3


def ask_greedily(address, seconds):
    """Send the largest requests on 16 connections; print a JSON object with the number of answers and of refusals."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "cman", "scores"
    request.inputs["tokens"].CopyFrom(tf.make_tensor_proto([["a"] * TOKENS] * ROWS))
    data, end, counts = request.SerializeToString(), time.monotonic() + seconds, {"answers": 0, "refused": {}}
    lock = threading.Lock()

    def work(_):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(address, options) as channel:
            # Bytes: what a client does with its answers is no matter here.
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            while time.monotonic() < end:
                try:
                    call(data, timeout=max(end - time.monotonic(), 0.1), metadata=[(HEADER, "greedy")])
                    with lock:
                        counts["answers"] += 1
                except grpc.RpcError as error:
                    with lock:
                        counts["refused"][error.code().name] = counts["refused"].get(error.code().name, 0) + 1

    with ThreadPoolExecutor(GREEDY_CONNECTIONS) as pool:
        list(pool.map(work, range(GREEDY_CONNECTIONS)))
    print(json.dumps(counts), flush=True)


def ordinary(address, texts, seconds, deadline=120):
    """Latencies of eight clients, each with its own connection and one request at a time.

    Returns:
        dict: `answers`, `refused` (numbers by status), and `p50`, `p99` in milliseconds.
    """
    import grpc
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    end = time.monotonic() + seconds

    def work(number):
        times, refused = [], []
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while time.monotonic() < end:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "cman"
                text = texts[(97 * number + len(times)) % len(texts)]
                request.inputs["text"].CopyFrom(tf.make_tensor_proto([text]))
                begin = time.perf_counter()
                try:
                    stub.Predict(request, timeout=deadline, metadata=[(HEADER, f"ordinary-{number}")])
                    times.append(1000 * (time.perf_counter() - begin))
                except grpc.RpcError as error:
                    refused.append(error.code().name)
        return times, refused

    with ThreadPoolExecutor(CLIENTS) as pool:
        found = list(pool.map(work, range(CLIENTS)))
    times = [item for own, _ in found for item in own]
    refused = [code for _, own in found for code in own]
    percentiles = {name: float(np.percentile(times, percent)) for name, percent in PERCENTILES.items()}
    return {"answers": len(times), "refused": {code: refused.count(code) for code in refused}, **percentiles}


def measure(folder, texts, seconds):
    """Ordinary clients alone, beside the greedy one, and alone again.

    Args:
        folder: path. Folder of versions.
        texts: list of str, raw sentences.
        seconds: float. Duration of each of the three measurements.

    Returns:
        dict: `alone`, `beside`, `after` from `ordinary`; `greedy`; `ratio` of the medians.
    """
    with Server(folder, "--client-header", HEADER, first_text=texts[0]) as server:
        ordinary(server.address, texts, min(seconds, 5))  # compiles every length
        alone = ordinary(server.address, texts, seconds)
        command = [sys.executable, "-m", "benchmarks.fairness", "--greedy", server.address, "--seconds"]
        with subprocess.Popen([*command, str(seconds + 15)], stdout=subprocess.PIPE, text=True) as greedy:
            time.sleep(10)  # it starts, and fills the queue
            beside = ordinary(server.address, texts, seconds)
            told = json.loads(greedy.communicate()[0])
        after = ordinary(server.address, texts, seconds)
    base = (alone["p50"] + after["p50"]) / 2
    return {"alone": alone, "beside": beside, "after": after, "greedy": told, "ratio": beside["p50"] / base}


def bars(result):
    """The bars, see `frame.bar`."""
    return [
        frame.bar("fairness", "median beside a greedy client / alone", result["ratio"], "at most", 5.0),
        frame.bar("fairness", "requests refused", sum(result["beside"]["refused"].values()), "at most", 0),
    ]


def command(argv):
    parser = frame.parser(
        "fairness",
        "Measure ordinary clients of a server alone and beside a greedy one, on the sample corpus.",
        "news",
        usage="RUN [options]",
    )
    parser.add_argument("run", metavar="RUN", nargs="?", default="news", help="run or shipped model (default: news)")
    parser.add_argument("--seconds", metavar="S", type=float, default=30.0, help="of each measurement (default: 30)")
    parser.add_argument("--greedy", metavar="ADDRESS", help="be the greedy client of this server (default: no)")
    args = frame.parse(parser, argv)
    if args.greedy:
        return ask_greedily(args.greedy, args.seconds)

    from cman_tf.data import corpora

    about = environment()
    texts = [document.text for document in corpora.load("sample").splits["test"]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        # In a process of its own, as `cman serve RUN` does.
        subprocess.run([sys.executable, "-m", "export.savedmodel", args.run, str(folder)], check=True, stdout=2)
        figures = measure(folder, texts, args.seconds)
    result = {"run": args.run, "seconds": args.seconds, **figures, "bars": bars(figures)}
    rows = [
        (name, figures[name]["answers"], sum(figures[name]["refused"].values()))
        + tuple(f"{figures[name][key]:.1f}" for key in PERCENTILES)
        for name in ("alone", "beside", "after")
    ]
    table = frame.table("Eight clients, milliseconds", ("", "answers", "refused", *PERCENTILES), rows)
    return frame.report(args, about, result, table)


if __name__ == "__main__":
    frame.run("fairness", command)
