"""Exit codes, and what a terminal or a disk cannot take."""

import errno
import os
import subprocess
import sys

import pytest

from cman_tf.commands import cli
from cman_tf.errors import InputError


def test_exit_codes(capsys, monkeypatch):
    def interrupt(argv):
        raise KeyboardInterrupt

    def deny(argv):
        raise PermissionError(errno.EACCES, "Permission denied", "a\nb")

    def refuse(argv):
        raise InputError("A rule must hold. Received: a\nb\x1b[2J")

    assert cli.run("x", lambda argv: None, []) == 0
    assert cli.run("x", interrupt, []) == 130
    assert cli.run("x", deny, []) == 2
    assert cli.run("x", refuse, []) == 2
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 4
    assert lines[1].startswith("x: Cannot read or write a file: ")
    assert lines[2] == r"x: A rule must hold. Received: a\nb\x1b[2J"


def test_a_defect_is_not_hidden():
    def fail(argv):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cli.run("x", fail, [])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_behind_standard_output():
    code = "import sys; from cman_tf.commands import cli; sys.exit(cli.run('x', lambda argv: print('a' * 9), []))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "x: Cannot read or write a file: [Errno 28] No space left on device\n"


def test_a_terminal_without_the_characters():
    code = "import sys; from cman_tf.commands import cli; sys.exit(cli.run('x', lambda argv: print('é'), []))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\xe9\n", "")
