"""A `cman serve` process for benchmarks, and a gRPC client of it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path


class Server:
    """Context manager for a `cman serve` process, which is ready after construction.

    Args:
        folder: path. Folder of versions.
        *options: str. Further options.
        first_text: str. Sentence of the first request.

    Attributes:
        address: str, of gRPC.
        rest_port: int.
        first_answer: float. Milliseconds of the first request, without connecting.
        seconds_to_ready: float.
    """

    def __init__(self, folder, *options, first_text):
        started = time.perf_counter()
        command = [sys.executable, "-m", "export.server", str(folder), "--port", "0", "--rest-port", "0", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        port, rest_port = self._ports()
        self.address, self.rest_port = f"127.0.0.1:{port}", rest_port
        self.seconds_to_ready = time.perf_counter() - started
        # Otherwise the pipe fills with a line for each request, and the server blocks.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        with client(self.address) as ask:
            self.first_answer = milliseconds(ask, first_text)

    def _ports(self):
        for line in self._process.stderr:
            if '"listening"' in line:
                line = json.loads(line)
                return line["port"], line["rest_port"]
        raise RuntimeError(f"The server did not start; its exit code is {self._process.wait()}.")

    def memory(self):
        """Resident bytes of the process."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024

    def seconds(self):
        """Processor time that the process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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


def milliseconds(call, *arguments):
    """How long a call takes."""
    start = time.perf_counter()
    call(*arguments)
    return 1000 * (time.perf_counter() - start)
