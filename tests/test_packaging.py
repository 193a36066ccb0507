import ast
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def package_data():
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    [found] = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "package_data"]
    return ast.literal_eval(found)


@pytest.mark.parametrize("package", ["cman_tf", "export", "tuning"])
def test_type_checkers_are_told_that_there_are_types(package, package_data):
    assert (ROOT / package / "py.typed").read_bytes() == b""
    assert "py.typed" in package_data[package]


@pytest.mark.parametrize(
    ("name", "python"),
    [("named", "3.9"), ("named", "3.10"), ("named", "3.11"), ("current", "3.12"), ("current", "3.13")],
)
def test_constraints_have_every_requirement(name, python, monkeypatch):
    given = {}
    monkeypatch.setattr("setuptools.setup", given.update)
    stacks = runpy.run_path(str(ROOT / "setup.py"))
    wanted = [*stacks[f"{name.upper()}_STACK"], *stacks["BOTH_STACKS"]]
    lines = map(Requirement, (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines())
    machine = {"python_version": python, "platform_machine": "x86_64", "sys_platform": "linux"}
    lines = [line for line in lines if not line.marker or line.marker.evaluate(machine)]
    pinned = {canonicalize_name(line.name): line.specifier for line in lines}
    assert len(pinned) == len(lines)
    for requirement in map(Requirement, wanted):
        if requirement.marker and not requirement.marker.evaluate(machine):
            continue
        [version] = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version.version), requirement


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with the wheel and the sdist of a copy of the checkout: building leaves files behind."""
    folder = tmp_path_factory.mktemp("built")
    checkout = folder / "checkout"
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        if not name.startswith(("tests/", "results/", "notebooks/", "docs/")) and (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, checkout / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    subprocess.run(pip, cwd=checkout, check=True)
    sdist = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", str(folder)]
    subprocess.run(sdist, cwd=checkout, check=True)
    return folder


@pytest.mark.slow
def test_the_wheel_and_the_sdist_contain_what_they_should(built):
    [wheel] = built.glob("cman_tf-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"cman_tf", "export", "tuning"}
    for needed in (
        "cman_tf/config/presets/sample.yaml",
        "cman_tf/data/sample/train.json",
        "cman_tf/evaluation/page/page.css",
        "cman_tf/py.typed",
        "cman_tf/training/models/news/weights.h5",
        "export/deploy/batching.config",
        "export/serving/page/index.html",
        "tuning/space.yaml",
    ):
        assert needed in names
    assert wheel.stat().st_size < 20_000_000
    [sdist] = built.glob("cman*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "README.md", "cman_tf/version.py", "cman_tf/config/presets/sample.yaml"} <= inside


@pytest.mark.slow
def test_the_wheel_trains_without_the_checkout(built, tmp_path):
    [wheel] = built.glob("cman_tf-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "cman_tf.fit", "--config", "sample", "--training.epochs", "1", "--run-dir", "run"]
    done = subprocess.run(command, cwd=tmp_path / "work", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "run" / "report.html").is_file()
    code = f"import cman_tf; assert cman_tf.__file__.startswith({str(tmp_path)!r})"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "work", env=environment).returncode == 0
