"""Chief and workers: their roles, errors of their environment, and lost workers."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from cman_tf.errors import InputError
from tuning import cluster


@pytest.fixture
def environment(monkeypatch):
    def put(name, port, host="127.0.0.1"):
        values = {"TUNER_ID": name, "ORACLE_IP": host, "ORACLE_PORT": str(port)}
        for key, value in values.items():
            monkeypatch.setenv(f"KERASTUNER_{key}", value)

    for name in cluster.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return put


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_the_environment_says_who_one_is(environment):
    assert cluster.role() == "alone"
    environment("chief", 8000)
    assert cluster.role() == "chief"
    environment("worker-3", 8000)
    assert cluster.role() == "worker"


def test_half_an_environment_is_refused(environment, monkeypatch):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    with pytest.raises(InputError, match="Missing: KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT"):
        cluster.role()
    environment("chief", "http")
    with pytest.raises(InputError, match="KERASTUNER_ORACLE_PORT must be an integer from 1 to 65535. .*: http"):
        cluster.role()


def test_a_port_in_use_is_an_error(environment, port):
    environment("chief", port)
    cluster.check_port()
    refused = pytest.raises(InputError, match=f"The chief cannot listen on 127.0.0.1:{port}: Address already in use")
    with socket.create_server(("127.0.0.1", port)), refused:
        cluster.check_port()


def test_a_worker_without_a_chief_waits_and_says_so(environment, port, capsys):
    environment("worker-1", port)
    start = time.monotonic()
    with pytest.raises(InputError, match=f"No chief answered at 127.0.0.1:{port} within 0.5 s"):
        cluster.wait_for_chief(0.5)
    assert time.monotonic() - start >= 0.5
    assert capsys.readouterr().out == f"waiting for the chief at 127.0.0.1:{port} for at most 0.5 s\n"


class Oracle:
    """Three workers."""

    def __init__(self):
        self.tuner_ids = {"worker-1", "worker-2", "worker-3"}

    def give_back(self, worker):
        self.tuner_ids.discard(worker)
        return "3"


def test_the_trial_of_a_silent_worker_goes_to_another(environment, tmp_path, monkeypatch, capsys):
    looks, clock = [], [1000.0]
    monkeypatch.setattr(cluster, "_repeat", lambda action: looks.append(action) or action())
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    # The clock of one machine is years behind; what counts is whether the file changes.
    for name, at in (("worker-1", 0), ("worker-2", 1)):
        environment(name, 8000)
        cluster.show_life(tmp_path)
        os.utime(tmp_path / "workers" / name, (at, at))
    oracle = Oracle()
    cluster.watch(tmp_path, oracle, 50.0)
    clock[0] += 40
    os.utime(tmp_path / "workers" / "worker-2", (0, 0))
    looks[-1]()
    assert oracle.tuner_ids == {"worker-1", "worker-2", "worker-3"}  # the third has no sign yet
    clock[0] += 40
    looks[-1]()
    assert oracle.tuner_ids == {"worker-2", "worker-3"}
    assert (
        capsys.readouterr().out == "worker worker-1 is lost: no sign of life for 80 s; trial 3 goes to another worker\n"
    )


@pytest.mark.slow
def test_a_search_survives_a_killed_worker(tiny, tmp_path, port):
    """A chief and two workers over loopback; the worker that begins trial 1 is killed in it."""
    folder = tmp_path / "search"
    arguments = ["--tuner", "random", "--max-trials", "4", "--finalists", "1", "--executions", "1"]
    arguments += ["--worker-timeout", "10", "--training.epochs", "40", "--directory", str(folder)]

    def start(name):
        environment = {
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "tuning.search", *tiny, *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    chief, victim, other = start("chief"), start("worker-1"), start("worker-2")
    try:
        for line in victim.stdout:
            if line.startswith("trial") and line.strip().endswith("epochs"):
                lost = line.split(":")[0].split()[1]
                break
        victim.kill()
        said, _ = chief.communicate(timeout=900)
        worked, _ = other.communicate(timeout=60)
    finally:
        for process in (chief, victim, other):
            process.kill()
            process.wait()
    assert (chief.returncode, other.returncode) == (0, 0)
    assert "worker worker-1 is lost: no sign of life for " in said
    assert f"trial {lost} goes to another worker" in said
    assert f"trial {lost}: val_f1" in worked
    trials = json.loads((folder / "search.json").read_text())["trials"]
    assert sorted(trial["id"] for trial in trials) == ["0", "1", "2", "3"]
    assert {trial["status"] for trial in trials} == {"COMPLETED"}
    assert (folder / "best.yaml").is_file()
