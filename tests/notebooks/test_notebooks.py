"""The notebooks: committed whole, and run from top to bottom."""

import shutil
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
    run(name, FOLDER)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [[], ["conll04/words"]], ids=["no results", "one experiment"])
def test_the_papers_figures_do_with_fewer_results(tmp_path, kept):
    (tmp_path / "results").mkdir()
    for name in kept:
        shutil.copytree(FOLDER.parent / "results" / name, tmp_path / "results" / name)
    (tmp_path / "notebooks").mkdir()
    run("04_paper", tmp_path / "notebooks")


def run(name, folder):
    """Run in a process of its own; a cell that fails raises here."""
    nbclient = pytest.importorskip("nbclient", reason="the extra [notebooks] is not installed")
    nbclient.NotebookClient(read(name), timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
