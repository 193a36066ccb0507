"""Training on several devices: parts of a batch together make the step of the whole one."""

import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cman_tf import config as configs
from cman_tf.commands import fit
from cman_tf.data import formats
from cman_tf.data.batches import divide, training_batches
from cman_tf.errors import InputError
from cman_tf.model.step import batch_gradients, joint_gradients
from cman_tf.training import distribution
from tests.conftest import TINY, untrained_network

EPOCHS = 40
WORKERS = {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 1}}


@given(st.integers(1, 40), st.integers(1, 9))
def test_parts_hold_every_sentence_once_and_their_shares_add_up(count, parts):
    divided = divide(np.arange(count), parts)
    assert len(divided) == parts
    assert all(len(rows) for rows, _ in divided)
    np.testing.assert_array_equal(np.concatenate([rows for rows, share in divided if share]), np.arange(count))
    assert sum(share for _, share in divided) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("alpha", "tolerance"), [(0.0, 1e-4), (0.01, 1e-3)])  # the perturbation enlarges rounding
def test_gradients_of_parts_add_up_to_that_of_the_batch(documents, schema, config, alpha, tolerance):
    config = configs.change(config, {"model.embedding_dropout": 0.0, "model.lstm_dropout": 0.0})
    network = untrained_network(config, documents)
    model, featurizer = network.model, network.featurizer
    model.compile(tf.keras.optimizers.SGD(0.1), adversarial_alpha=alpha)
    joint = joint_gradients(model)

    def gradients(**parts):
        elements = iter(training_batches(documents, schema, featurizer, 5, 1, **parts)[0])
        for _ in range(parts.get("parts", 1)):
            features, targets = next(elements)
            losses, found = batch_gradients(model, joint, features, targets)
            share = targets.get("share", 1.0)
            yield [share * tf.convert_to_tensor(value) for value in (*losses, *found)]

    [whole] = gradients()
    # Five sentences among three: two, two and one.
    for one, *parts in zip(whole, *gradients(parts=3)):
        np.testing.assert_allclose(one, sum(parts), rtol=tolerance, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        json.dumps({**WORKERS, "cluster": {"worker": ["localhost:1"], "ps": ["localhost:2"]}}),
        json.dumps({**WORKERS, "cluster": {"worker": "localhost:1"}}),
        json.dumps({**WORKERS, "task": {"type": "worker", "index": 2}}),
        json.dumps({**WORKERS, "task": {"type": "chief", "index": 0}}),
    ],
)
def test_a_cluster_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=r"^TF_CONFIG must be .*Received: ") as error:
        distribution.make_strategy("multi_worker")
    assert str(error.value).endswith(text or "none")


def test_strategies_and_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match="A strategy must be one of none, mirrored, multi_worker"):
        distribution.make_strategy("mirored")
    with pytest.raises(InputError, match="multi_worker.*--run-dir"):
        fit.command(["--strategy", "multi_worker"])


# What a process with two CPU devices does.
MIRRORED = """
import tensorflow as tf
device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
from cman_tf.commands.main import main
main("fit")
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory, documents):
    """Arguments of `fit` on a tiny corpus, without dropout, of which devices would draw different masks."""
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "dev"):
        formats.write(documents, folder / f"{split}.json", "spert")
    values = {**TINY, "corpus": {"name": str(folder)}, "seed": 3}
    values["model"] = {**TINY["model"], "embedding_dropout": 0.0, "lstm_dropout": 0.0}
    # Small steps: see `assert_same`.
    values["training"] = {"epochs": EPOCHS, "batch_size": 3, "average_decay": 0.5, "learning_rate": 5e-5}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    return ["--config", str(folder / "config.yaml")]


def run(arguments, program=("-m", "cman_tf.fit"), **environment):
    return subprocess.Popen(
        [sys.executable, *program, *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )


def losses(path):
    with open(Path(path) / "history.csv", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def assert_same(one, other):
    assert len(one) == len(other) == EPOCHS
    np.testing.assert_allclose(one[:20], other[:20], rtol=1e-4)
    assert one[19] < 0.95 * one[0]
    # Then the last digits have grown: Adam's steps have full size also where a gradient is nearly zero.
    np.testing.assert_allclose(one, other, rtol=0.05)


@pytest.fixture(scope="module")
def single(command, tmp_path_factory):
    path = tmp_path_factory.mktemp("single") / "run"
    assert run([*command, "--run-dir", str(path)]).wait(300) == 0
    return losses(path)


@pytest.mark.slow
def test_two_devices_train_as_one(command, single, tmp_path):
    arguments = [*command, "--run-dir", str(tmp_path / "run"), "--strategy", "mirrored"]
    assert run(arguments, ["-c", MIRRORED]).wait(400) == 0
    assert_same(losses(tmp_path / "run"), single)
    assert (tmp_path / "run" / "metrics.json").is_file()


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("localhost", 0))) for _ in range(count)]
        return [item.getsockname()[1] for item in sockets]


def start_workers(arguments):
    hosts = [f"localhost:{port}" for port in free_ports(2)]
    for index in range(2):
        cluster = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        yield run([*arguments, "--strategy", "multi_worker"], TF_CONFIG=json.dumps(cluster))


@pytest.mark.slow
def test_two_killed_processes_go_on_and_train_as_one(command, single, tmp_path):
    path = str(tmp_path / "run")
    processes = list(start_workers([*command, "--run-dir", path]))
    deadline = time.monotonic() + 300
    while not os.path.exists(os.path.join(path, "history.csv")) or len(losses(path)) < 2:
        assert time.monotonic() < deadline
        assert {process.poll() for process in processes} == {None}
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.wait()
    assert 2 <= len(losses(path)) < EPOCHS
    processes = list(start_workers(["--resume", "--run-dir", path]))
    chief, worker = (process.communicate(timeout=400)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert_same(losses(path), single)
    assert f"Run:    {path}" in chief
    assert worker.splitlines()[-1] == f"Done; worker 0 writes {path}"
