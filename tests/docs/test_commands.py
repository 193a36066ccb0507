"""Commands in README and docs: they exist and have the options that the pages use."""

import contextlib
import functools
import importlib
import io
import re
import shlex

import pytest

from cman_tf import config as configs
from cman_tf.commands.main import COMMANDS, call
from cman_tf.errors import InputError
from tests.docs.blocks import COMMAND, PAGES, ROOT, blocks

FIELDS = {f"--{name}" for name, *_ in configs.all_fields()}
# Modules that are another name for a command.
ALIASES = {f"cman_tf.{name}": name for name in ("fit", "evaluate", "predict")}


def commands():
    """`(page, command, arguments)` of each command of the project in the blocks and the text of a page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = [block.code for block in blocks(page) if block.language == "bash"]
        code += re.findall(r"`((?:cman|python -m) [^`\n]+)`", text)
        for found in COMMAND.finditer("\n".join(code).replace("\\\n", " ")):
            yield pytest.param(page, *found.groups(), id=f"{page.relative_to(ROOT)}: {found[0].strip()[:70]}")


@functools.cache
def help_of(command, action=None):
    """What a command prints for `--help`; `action` is that of `cman encoder` and `cman data`."""
    name = command.split()[-1]
    name = name if command.startswith("cman ") else ALIASES.get(name, name)
    argv = ["--help"] if action is None else [action, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        if command.startswith("cman ") or name in COMMANDS:
            call(name, argv)
        elif name == "reproduction":
            importlib.import_module("reproduction.command").command(argv)
        else:
            importlib.import_module(name).command(argv)
    return text.getvalue()


@pytest.mark.parametrize(("page", "command", "arguments"), commands())
def test_a_command_has_its_options(page, command, arguments):
    words = shlex.split(arguments.replace("'", ""), comments=True)
    text = help_of(command, words[0] if command in ("cman encoder", "cman data") and words else None)
    assert "usage" in text.lower()
    # A word in brackets or in capitals is a placeholder.
    for option in (word.split("=")[0].rstrip("],.:") for word in words if word.startswith("--")):
        if option not in FIELDS and option != "--help":
            assert re.search(rf"{re.escape(option)}(?![\w-])", text), f"{option} of {page}"


@pytest.mark.parametrize("module", sorted(ALIASES))
def test_a_module_is_another_name_of_its_command(module):
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f'main("{ALIASES[module]}")' in source


def test_both_kinds_of_command_are_found():
    code = "cman fit --seed 1 | tee log\n\npython -m reproduction --plan\nls models/cman fit\nx && cman encoder info a"
    assert [(found[1], found[2].strip()) for found in COMMAND.finditer(code)] == [
        ("cman fit", "--seed 1"),
        ("python -m reproduction", "--plan"),
        ("cman encoder", "info a"),
    ]


def test_an_unknown_command_is_refused():
    with pytest.raises(InputError, match="fitt"):
        help_of("cman fitt")
