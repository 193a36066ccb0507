"""The files of tuning/deploy agree with the command and with Keras Tuner."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import tuning
from cman_tf.commands.main import COMMANDS
from cman_tf.errors import InputError
from tuning import cluster, search

DEPLOY = Path(tuning.__file__).parent / "deploy"


def kubernetes():
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    }


def environment(container, shared):
    return {**shared, **{item["name"]: item.get("value", "worker-0") for item in container["env"]}}


def roles(monkeypatch, *environments):
    for values in environments:
        for name in cluster.VARIABLES:
            monkeypatch.setenv(name, values[name])
        yield cluster.role()


def test_kubernetes_has_a_chief_and_workers(monkeypatch):
    found = kubernetes()
    shared = found["ConfigMap", "cman-search"]["data"]
    containers = [
        found["Job", f"cman-search-{role}"]["spec"]["template"]["spec"]["containers"][0] for role in ("chief", "worker")
    ]
    chief, worker = (environment(container, shared) for container in containers)
    assert list(roles(monkeypatch, chief, worker)) == ["chief", "worker"]
    service = found["Service", worker["KERASTUNER_ORACLE_IP"]]["spec"]
    assert service["selector"] == found["Job", "cman-search-chief"]["spec"]["template"]["metadata"]["labels"]
    assert str(service["ports"][0]["port"]) == shared["KERASTUNER_ORACLE_PORT"]


def test_the_options_are_those_of_the_command():
    shared = kubernetes()["ConfigMap", "cman-search"]["data"]
    compose = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    texts = [shared["SEARCH"], compose["services"]["chief"]["environment"]["SEARCH"][len("${SEARCH:-") : -1]]
    for text in texts:
        # Past the options, which are checked first: the last one is wrong.
        with pytest.raises(InputError, match="--finalists must be 1 or more"):
            search.command([*shlex.split(text), "--finalists", "0"])


def test_the_containers_start_the_command():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    commands = [service["command"][-1] for service in compose["services"].values()]
    jobs = [item for (kind, _), item in kubernetes().items() if kind == "Job"]
    commands += [job["spec"]["template"]["spec"]["containers"][0]["args"][-1] for job in jobs]
    assert len(commands) == 4
    assert all("exec cman search $" in text for text in commands)
    assert "search" in COMMANDS


def test_docker_accepts_the_compose_file():
    if not shutil.which("docker"):
        pytest.skip("no docker")
    command = ["docker", "compose", "-f", str(DEPLOY / "docker-compose.yml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "not a docker command" in done.stderr or "unknown shorthand" in done.stderr:
        pytest.skip("no docker compose")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {"chief", "worker"}
