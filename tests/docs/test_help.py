"""Every command's `--help`: one example, and what each option is and is by default."""

import importlib
import re

import pytest

from cman_tf.commands import cli
from tests.docs.blocks import ROOT

# Those of setup.py, which are all that a person meets: `cman-fit` and the module behind it.
COMMANDS = dict(re.findall(r'"(cman-[\w-]+)=([\w.]+):main"', (ROOT / "setup.py").read_text(encoding="utf-8")))
PROTOSET = "export.serving.protoset"  # makes a file for grpcurl, once


@pytest.fixture
def parser_of(monkeypatch):
    def find(module):
        class Found(Exception):
            pass

        def leave(parser, argv):
            raise Found(parser)

        monkeypatch.setattr(cli, "parse", leave)
        with pytest.raises(Found) as found:
            importlib.import_module(module).command([])
        return found.value.args[0]

    return find


def test_every_command_is_installed():
    files = [file for package in ("cman_tf", "export", "tuning") for file in (ROOT / package).rglob("*.py")]
    commands = [file for file in files if re.search(r"^def command\(", file.read_text(encoding="utf-8"), re.MULTILINE)]
    assert {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in commands} == {
        *COMMANDS.values(),
        PROTOSET,
    }


@pytest.mark.parametrize(("program", "module"), [*COMMANDS.items(), ("cman-protoset", PROTOSET)])
def test_help_says_what_a_person_needs(parser_of, program, module):
    parser = parser_of(module)
    assert parser.prog == program
    assert parser.epilog.startswith("example: python -m " + module)
    for action in parser._actions:
        name = "/".join(action.option_strings) or action.dest
        assert action.help, name
        assert not action.help.startswith("(default"), f"{name} does not say what it is"
        # A switch is off by default; a field of the configuration is the run's where its section says so.
        if action.option_strings and action.nargs != 0 and "." not in name:
            said = "(required)" if action.required else "default"
            assert said in action.help, name
        assert action.help.count("default:") < 2, name
