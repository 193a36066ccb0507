"""The notebooks: committed whole, and run from top to bottom."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="the extra [notebooks] is not installed")

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ["01_quickstart", "02_inside_cman", "03_your_own_data", "04_paper", "05_serving"]


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_all_are_known():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_committed_as_it_ran(name):
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert not [output.ename for output in outputs if output.output_type == "error"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_runs_from_top_to_bottom(name):
    nbclient = pytest.importorskip("nbclient", reason="the extra [notebooks] is not installed")
    # Of its own process; a cell that fails raises here.
    nbclient.NotebookClient(read(name), timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
