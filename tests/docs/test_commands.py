"""Commands in README and docs: modules that exist, with options that they have."""

import contextlib
import importlib
import io
import re
import shlex

import pytest

from cman_tf import config as configs
from tests.docs.blocks import PAGES, ROOT, blocks

FIELDS = {f"--{name}" for name, *_ in configs.all_fields()}


def commands():
    """`(page, module, arguments)` of each `python -m` of our own in the text of a page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = [block.code for block in blocks(page)] + re.findall(r"`(python -m [^`\n]+)`", text)
        for line in "\n".join(code).replace("\\\n", " ").splitlines():
            found = re.search(r"python -m ((?:cman_tf|tuning|export|benchmarks)[.\w]*)([^|;&><)\"]*)", line)
            if found:
                yield pytest.param(page, *found.groups(), id=f"{page.relative_to(ROOT)}: {found[0].strip()[:70]}")


def help_of(module):
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        importlib.import_module(module).command(["--help"])
    return text.getvalue()


@pytest.fixture(scope="module")
def helps():
    found = {}
    return lambda module: found[module] if module in found else found.setdefault(module, help_of(module))


@pytest.mark.parametrize(("page", "module", "arguments"), commands())
def test_a_command_has_its_options(page, module, arguments, helps):
    text = helps(module)
    assert "usage" in text.lower()
    # What stands in brackets or in capitals is a placeholder.
    options = [part.split("=")[0] for part in shlex.split(arguments.replace("'", "")) if part.startswith("--")]
    for option in options:
        option = option.rstrip("],.:")
        if option in FIELDS or option == "--help":
            continue
        assert re.search(rf"{re.escape(option)}(?![\w-])", text), f"{option} of {page}"
