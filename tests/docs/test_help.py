"""Every command's `--help`: an example, and the meaning and the default of each option."""

import importlib
import re

import pytest

from cman_tf.commands import cli
from cman_tf.commands.main import COMMANDS
from tests.docs.blocks import ROOT

PROGRAMS = {f"cman {name}": (module, []) for name, (module, _) in COMMANDS.items() if name not in ("encoder", "data")}
PROGRAMS |= {f"cman encoder {action}": (COMMANDS["encoder"][0], [action]) for action in ("convert", "info", "clear")}
PROGRAMS |= {f"cman data {action}": (COMMANDS["data"][0], [action]) for action in ("check", "split")}
PROGRAMS["python -m reproduction"] = ("reproduction.command", [])


@pytest.fixture
def parser_of(monkeypatch):
    def find(module, argv):
        class Found(Exception):
            pass

        def leave(parser, argv):
            raise Found(parser)

        monkeypatch.setattr(cli, "parse", leave)
        with pytest.raises(Found) as found:
            importlib.import_module(module).command(argv)
        return found.value.args[0]

    return find


def test_every_command_is_in_the_table():
    files = [file for package in ("cman_tf", "export", "tuning") for file in (ROOT / package).rglob("*.py")]
    commands = [file for file in files if re.search(r"^def command\(", file.read_text(encoding="utf-8"), re.MULTILINE)]
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in commands}
    # `protoset` makes a file for grpcurl, once.
    assert modules - {"export.serving.protoset"} == {module for module, _ in COMMANDS.values()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_describes_every_option(parser_of, program):
    parser = parser_of(*PROGRAMS[program])
    assert parser.prog == program
    assert parser.epilog.startswith(f"example: {program}")
    for action in parser._actions:
        name = "/".join(action.option_strings) or action.dest
        assert action.help, name
        assert not action.help.startswith("(default"), f"{name} has no meaning"
        # A switch is off by default. The section of the configuration fields states their defaults.
        if action.option_strings and action.nargs != 0 and "." not in name:
            said = "(required)" if action.required else "default"
            assert said in action.help, name
        assert action.help.count("default:") < 2, name
