"""The notebooks as they are committed: whole, run in order, and without code that belongs in the package."""

import json
import re

import pytest

from tests.notebooks.folder import FOLDER, NAMES


def code_cells(name):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_all_are_known():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_committed_as_it_ran(name):
    cells = code_cells(name)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [output["ename"] for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("name", NAMES)
def test_each_calls_the_package_and_defines_nothing(name):
    for cell in code_cells(name):
        found = re.findall(r"^\s*(?:async )?(?:def|class) .*", "".join(cell["source"]), re.MULTILINE)
        assert found == [], "what a notebook defines nobody else can use, and no test holds"
