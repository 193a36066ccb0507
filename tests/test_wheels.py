"""Wheels of every dependency for the machines and Pythons that docs/install.md lists: resolved, nothing is built."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# tensorflow-hub brings tf-keras to the named stack, which does not use it.
NAMED, CURRENT = {"tensorflow-addons", "tensorflow-text", "tf-keras"}, {"tf-keras", "tensorflow-text"}
MACHINES = {
    ("x86_64-unknown-linux-gnu", "3.9"): NAMED,
    ("x86_64-unknown-linux-gnu", "3.11"): NAMED,
    ("x86_64-unknown-linux-gnu", "3.12"): CURRENT,
    ("x86_64-unknown-linux-gnu", "3.13"): CURRENT,
    ("aarch64-unknown-linux-gnu", "3.10"): CURRENT,
    ("aarch64-unknown-linux-gnu", "3.12"): CURRENT,
    ("macos", "3.10"): CURRENT,  # Apple Silicon
    ("macos", "3.13"): CURRENT,
    ("x86_64-apple-darwin", "3.11"): NAMED,
    ("x86_64-pc-windows-msvc", "3.12"): {"tf-keras"},
    ("x86_64-apple-darwin", "3.12"): None,  # no wheels of TensorFlow
    ("aarch64-unknown-linux-gnu", "3.9"): None,
}


@pytest.fixture(scope="module")
def requirements(tmp_path_factory):
    import setuptools

    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", given.update)
        runpy.run_path(str(ROOT / "setup.py"))
    file = tmp_path_factory.mktemp("packaging") / "requirements.txt"
    file.write_text("\n".join(given["install_requires"]), encoding="utf-8")
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "python"),
    [("named", "3.9"), ("named", "3.10"), ("named", "3.11"), ("current", "3.12"), ("current", "3.13")],
)
def test_the_constraints_of_each_python_can_be_installed(name, python, requirements):
    pytest.importorskip("uv")
    constraints = str(ROOT / "constraints" / f"{name}.txt")
    options = ["--python-platform", "x86_64-unknown-linux-gnu", "--python-version", python, "--only-binary", ":all:"]
    command = [sys.executable, "-m", "uv", "pip", "compile", str(requirements), "--constraint", constraints, *options]
    done = subprocess.run([*command, "--no-annotate", "--no-header", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pinned = {canonicalize_name(Requirement(line).name) for line in Path(constraints).read_text().splitlines()}
    assert {line.split("==")[0] for line in done.stdout.splitlines()} <= pinned


@pytest.mark.slow
@pytest.mark.parametrize(("machine", "python"), MACHINES)
def test_wheels_of_everything(machine, python, requirements):
    pytest.importorskip("uv")
    options = ["--python-platform", machine, "--python-version", python, "--only-binary", ":all:", "--quiet"]
    command = [sys.executable, "-m", "uv", "pip", "compile", str(requirements), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    expected = MACHINES[machine, python]
    if expected is None:
        assert done.returncode != 0
        assert "tensorflow" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    found = {line.split("==")[0] for line in done.stdout.splitlines()}
    assert found & (NAMED | CURRENT) == expected
