"""The notebooks run from top to bottom, in a few minutes each."""

import shutil
import time

import pytest

from tests.notebooks.folder import FOLDER, NAMES

nbformat = pytest.importorskip("nbformat", reason="the extra [notebooks] is not installed: make test-slow")
nbclient = pytest.importorskip("nbclient", reason="the extra [notebooks] is not installed: make test-slow")

pytestmark = pytest.mark.slow

# That of one notebook, its process and its training included. Nobody reads on while a cell runs for longer.
SECONDS = 240


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_from_top_to_bottom(name):
    assert run(name, FOLDER) < SECONDS


@pytest.mark.parametrize("kept", [[], ["conll04/words"]], ids=["no results", "one experiment"])
def test_the_papers_figures_do_with_fewer_results(tmp_path, kept):
    (tmp_path / "results").mkdir()
    for name in kept:
        shutil.copytree(FOLDER.parent / "results" / name, tmp_path / "results" / name)
    (tmp_path / "notebooks").mkdir()
    assert run("04_paper", tmp_path / "notebooks") < SECONDS


def run(name, folder):
    """Run in a process of its own and give the seconds it took; a cell that fails raises here."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    start = time.perf_counter()
    # Longer than a whole notebook may take, so that a slow one is told as slow.
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return time.perf_counter() - start
