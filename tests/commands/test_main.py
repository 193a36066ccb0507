"""The one command: its table, its help, and the modules that are the same commands."""

import os
import resource
import subprocess
import sys

import pytest

from cman_tf.commands import main
from cman_tf.version import __version__

MODULES = {
    "cman_tf.fit": "fit",
    "cman_tf.evaluate": "evaluate",
    "cman_tf.predict": "predict",
    "tuning.search": "search",
    "export.savedmodel": "export",
    "export.server": "serve",
    "export.client": "ask",
}
HEAVY = ("tensorflow", "keras", "keras_tuner", "tensorflow_hub")


def called(capsys, monkeypatch, *argv, name=None):
    """Exit code, output and errors of a call."""
    monkeypatch.setattr(sys, "argv", ["cman", *argv])
    with pytest.raises(SystemExit) as left:
        main.main(name)
    return left.value.code, *capsys.readouterr()


def started(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr == ""
    return done.stdout


def test_help_lists_every_command(capsys, monkeypatch):
    code, out, err = called(capsys, monkeypatch, "--help")
    assert (code, err) == (0, "")
    for name, (_, about) in main.COMMANDS.items():
        assert f"  {name} " in out
        assert about in out
    assert called(capsys, monkeypatch) == (2, out, "")


def test_version(capsys, monkeypatch):
    assert called(capsys, monkeypatch, "--version") == (0, f"cman {__version__}\n", "")


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_a_help(capsys, monkeypatch, name):
    code, out, err = called(capsys, monkeypatch, name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: cman {name} ")
    assert f"\nexample: cman {name} " in out


def test_an_unknown_command_is_refused_in_one_sentence(capsys, monkeypatch):
    code, out, err = called(capsys, monkeypatch, "evalute", "runs/a")
    assert (code, out) == (2, "")
    assert err == "cman evalute: Unknown command: evalute; nearest: evaluate. See cman --help.\n"
    assert "nearest" not in called(capsys, monkeypatch, "xyz")[2]


def test_a_module_is_the_same_command(capsys, monkeypatch):
    for module, name in MODULES.items():
        text = started("-m", module, "--help")
        assert text == called(capsys, monkeypatch, "--help", name=name)[1], module


def test_help_of_no_command_imports_tensorflow():
    code = f"""
import sys
from cman_tf.commands import main
for name in main.COMMANDS:
    try:
        main.call(name, ["--help"])
    except SystemExit:
        pass
    found = [module for module in {HEAVY} if module in sys.modules]
    assert not found, (name, found)
"""
    assert started("-c", code).count("usage: cman ") == len(main.COMMANDS)


def processor_seconds():
    """Of the processes that were started and have ended: the clock would also count what else runs here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_list_of_commands_is_quick():
    code = """
import sys
from cman_tf.commands.main import main
sys.argv = ["cman", "--help"]
try:
    main()
except SystemExit:
    pass
found = [name for name in ("tensorflow", "yaml", "pydantic", "numpy") if name in sys.modules]
assert not found, found
"""
    begin = processor_seconds()
    for _ in range(3):
        started("-c", code)
    assert (processor_seconds() - begin) / 3 < 0.5
