"""A server for a test: the embedded one in this process or as a process, or `tensorflow_model_server`."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.serving.app import Server, ServerOptions

ROOT = Path(__file__).parents[2]


def stock_server():
    """Path of `tensorflow_model_server`, or None."""
    return os.environ.get("TENSORFLOW_MODEL_SERVER") or shutil.which("tensorflow_model_server")


NO_STOCK = "no tensorflow_model_server: not on the PATH, and TENSORFLOW_MODEL_SERVER does not name one"

# Parameters of a fixture that a test of both servers uses.
SERVERS = ["embedded", pytest.param("stock", marks=pytest.mark.skipif(stock_server() is None, reason=NO_STOCK))]


@contextlib.contextmanager
def running(kind, folder, batching=False, **options):
    """`Asker` of a server of a kind, one of `SERVERS`.

    Args:
        kind: str.
        folder: path. Holds the versions.
        batching: bool. Whether the stock server batches, with the file of `export/deploy`; the embedded one does.
        options: of `ServerOptions`.
    """
    if kind == "stock":
        with running_stock(folder, batching) as ports:
            yield Asker(*ports)
        return
    server = Server(ServerOptions(folder, port=0, rest_port=0, **options))
    server.start()
    try:
        yield Asker(server.port, server.rest_port)
    finally:
        server.stop(5)


class Asker:
    """A client of one server."""

    def __init__(self, port, rest_port=None, channel=None):
        self.port, self.rest_port = port, rest_port
        self.channel = channel or grpc.insecure_channel(f"127.0.0.1:{port}")
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def request(self, texts=("a",), signature="", name="text", model="cman", **spec):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
        request.inputs[name].CopyFrom(tf.make_tensor_proto(texts, dtype=tf.string, shape=_shape(texts)))
        return request

    def predict(self, texts=("a",), signature="", timeout=60, **options):
        """Outputs of a request, a dict of name to list."""
        response = self.predictions.Predict(self.request(texts, signature, **options), timeout=timeout)
        return {name: tf.make_ndarray(proto).tolist() for name, proto in response.outputs.items()}

    def status(self, **spec):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = spec.get("model", "cman")
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
        return self.models.GetModelStatus(request, timeout=60).model_version_status

    def metadata(self, fields=("signature_def",), model="cman"):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        request.model_spec.name = model
        return self.predictions.GetModelMetadata(request, timeout=60)

    def http(self, path, body=None):
        """`(status, text)` of a GET, or of a POST of `body` (bytes, or what is sent as JSON)."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}{path}", data, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def _shape(texts):
    return [len(texts), len(texts[0])] if texts and isinstance(texts[0], (list, tuple)) else [len(texts)]


def code(call, *arguments, **options):
    """The status of a call that must fail."""
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def eventually(condition, seconds=60):
    """Wait until `condition()` is true; what it returned."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return value


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def self_signed(key, certificate):
    """Write a key and a certificate for `localhost`, PEM."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )


class Process:
    """`python -m export.server` as a process of its own."""

    def __init__(self, folder, *options, port=None):
        command = [sys.executable, "-m", "export.server", str(folder), "--port", str(port or 0), "--rest-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--poll-seconds", "0.1", *options], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        self.port = self.rest_port = self._reader = None

    def wait_for(self, event):
        """Read the log until a line of this event; the line."""
        for text in self.process.stderr:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == "listening":
                self.port, self.rest_port = line["port"], line["rest_port"]
            if line["event"] == event:
                return line
        raise AssertionError(f"the server ended before {event}: {self.lines}")

    def read_on(self):
        """Go on reading the log in the background: a full pipe would hold the server up."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for text in self.process.stderr:
            if text.endswith("\n"):  # a killed process may leave half a line
                self.lines.append(json.loads(text))

    def answered(self):
        """Requests that the log says were answered."""
        return sum(line.get("rows") is not None and line["status"] == "OK" for line in list(self.lines))

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def end(self):
        """The exit code; the rest of the log is in `lines`."""
        if self._reader is None:
            self.read_on()
        self.process.wait(60)
        self._reader.join(20)
        return self.process.returncode


@contextlib.contextmanager
def running_stock(folder, batching=False):
    """Ports of a `tensorflow_model_server` with the same settings as the embedded one of the tests."""
    port, rest_port = free_port(), free_port()
    config = folder.parent / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "cman" base_path: "{folder}" model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } } }',
    )
    command = [stock_server(), f"--port={port}", f"--rest_api_port={rest_port}", f"--model_config_file={config}"]
    if batching:
        command += ["--enable_batching", f"--batching_parameters_file={ROOT / 'export' / 'deploy' / 'batching.config'}"]
    process = subprocess.Popen(
        [*command, "--file_system_poll_wait_seconds=1", "--allow_version_labels_for_unavailable_models"]
    )
    try:
        grpc.channel_ready_future(grpc.insecure_channel(f"127.0.0.1:{port}")).result(60)
        yield port, rest_port
    finally:
        process.terminate()
        process.wait(30)
