"""Which Python `make` makes its environment with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "make-venv"


def make_venv(*arguments, path):
    """`(exit code, what is said)`, with programs of `path` alone."""
    command = ["/bin/sh", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PATH": str(path), "PYENV_ROOT": "none"}
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def python(path):
    """This Python at another path. Without pip, which takes its time."""
    return write(path, f'exec "{sys.executable}" "$@" --without-pip')


def refused(folder, *arguments, path):
    code, said = make_venv(folder, *arguments, path=path)
    assert code == 2
    assert not folder.exists()
    assert said.count("\n") == 1
    return said


def test_no_python_at_all_is_one_sentence(tmp_path):
    (tmp_path / "bin").mkdir()
    for given in ([], [""]):  # make gives an empty PYTHON
        said = refused(tmp_path / "venv", *given, path=tmp_path / "bin")
        assert said.startswith("Python 3.9 to 3.13 with venv is required. Received: none of 3.13 3.12 ")
        assert said.endswith("Name one with: make fit PYTHON=/path/to/python3.12\n")


@pytest.mark.parametrize("text", [None, "exit 1"], ids=["missing", "wrong"])
def test_a_python_that_is_given_and_does_not_fit_is_not_replaced(tmp_path, text):
    python(tmp_path / "bin" / "python3")
    given = tmp_path / "other" / "python3.8"
    if text:
        write(given, text)
    assert f"Received: {given}. Name one with: make fit" in refused(tmp_path / "venv", given, path=tmp_path / "bin")


def test_the_first_python_that_fits_is_taken(tmp_path):
    write(tmp_path / "bin" / "python3.11", "exit 1")
    python(tmp_path / "bin" / "python3.10")
    write(tmp_path / "bin" / "python3", "exit 1")
    assert make_venv(tmp_path / "venv", path=tmp_path / "bin") == (0, "")
    assert (tmp_path / "venv" / "bin" / "python").exists()


def test_paths_may_hold_blanks(tmp_path):
    given = python(tmp_path / "a folder" / "python")
    (tmp_path / "bin").mkdir()
    assert make_venv(tmp_path / "an environment", given, path=tmp_path / "bin") == (0, "")
    assert (tmp_path / "an environment" / "bin" / "python").exists()


def test_what_a_link_leads_to_is_not_cleared(tmp_path):
    python(tmp_path / "bin" / "python3")
    write(tmp_path / "other" / "kept", "")
    (tmp_path / "venv").symlink_to(tmp_path / "other")
    code, said = make_venv(tmp_path / "venv", path=tmp_path / "bin")
    assert (code, said.count("\n")) == (2, 1)
    assert "a link, whose target would be cleared" in said
    assert (tmp_path / "other" / "kept").exists()
