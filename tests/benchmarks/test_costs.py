"""What experiments cost: a file for each."""

import json
import shutil

import pytest

from benchmarks import costs
from cman_tf.commands import cli
from reproduction.page import COSTS, cost_cells
from reproduction.plan import Experiment

SMALL = {"model.hidden_size": 16, "model.relation_size": 8, "characters.hidden_size": 8, "training.batch_size": 64}
KNOWN = {
    "sample/small": Experiment("sample/small", "", "sample", SMALL, (1, 2)),
    "sample/both": Experiment("sample/both", "", "", {}, (1,), members="sample/small"),
}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(costs, "experiments", lambda: KNOWN)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sample/large", "Received: sample/large"),
        ("sample/small", "small/seed1 is not a trained run"),
        ("sample/both", "both/ensemble is not a trained run"),
    ],
)
def test_experiments_must_be_trained(name, told, tmp_path, capsys):
    argv = [name, "--run-dir", str(tmp_path), "--results", str(tmp_path / "results")]
    assert cli.run("benchmarks.costs", costs.command, argv) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_cell_has_training_and_prediction():
    cost = {"training": {"seconds": 0.0204, "gigabytes": 2.04}, "prediction": {"seconds": 0.3, "gigabytes": 1.96}}
    assert cost_cells({**cost, "megabytes": 600.4}) == ["20 / 300", "2.0 / 2.0", "600"]
    assert cost_cells(None) == [""] * len(COSTS)


@pytest.mark.slow
def test_training_prediction_and_size_are_measured(trained_run, tmp_path):
    shutil.copytree(trained_run.path, tmp_path / "runs" / "sample" / "small" / "seed1")
    (tmp_path / "results" / "sample" / "small").mkdir(parents=True)
    argv = ["sample/small", "--run-dir", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert cli.run("benchmarks.costs", costs.command, argv) == 0
    found = json.loads((tmp_path / "results" / "sample" / "small" / "costs.json").read_text())
    for part in ("training", "prediction"):
        assert 0 < found[part]["seconds"] < 5
        assert 0.1 < found[part]["gigabytes"] < 20
    files = [path for path in trained_run.path.rglob("*") if path.is_file()]
    assert found["megabytes"] > sum(path.stat().st_size for path in files) / 1e6 / 2
    assert found["environment"]["processors"]
