"""An experiment that is an ensemble of the runs of another one."""

import json
import shutil

from reproduction.ensembles import combined
from reproduction.plan import Experiment, choose, experiments, jobs

MEMBERS = Experiment("conll04/best", "", "sample", {}, (1, 2))
ENSEMBLE = Experiment("conll04/all", "", "", {}, (1,), members="conll04/best")


def test_an_ensemble_is_scored_when_its_members_are_trained(trained_run, quick, tmp_path, capsys):
    runs, results = tmp_path / "runs", tmp_path / "results"
    shutil.copytree(trained_run.path, runs / "conll04" / "best" / "seed1")
    assert combined(ENSEMBLE, MEMBERS, runs, results) == "requires conll04/best: seed2"
    assert not (runs / "conll04" / "all").exists()
    assert not results.exists()

    shutil.copytree(trained_run.path, runs / "conll04" / "best" / "seed2")
    assert combined(ENSEMBLE, MEMBERS, runs, results) == "done"
    folder = results / "conll04" / "all" / "ensemble"
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "environment.json", "metrics.json"}
    assert json.loads((folder / "environment.json").read_text())["members"] == 2
    scores = json.loads((folder / "metrics.json").read_text())["strict"]["micro"]
    assert f"conll04/all: entities {100 * scores['entities']['f1']:.2f}" in capsys.readouterr().out

    # A member that was trained again is in the next ensemble.
    (runs / "conll04" / "best" / "seed2" / "history.csv").write_text("of today\n")
    assert combined(ENSEMBLE, MEMBERS, runs, results) == "done"
    assert (runs / "conll04" / "all" / "ensemble" / "members" / "2" / "history.csv").read_text() == "of today\n"


def test_an_ensemble_has_no_training_and_is_chosen_with_its_members():
    assert jobs([ENSEMBLE]) == []
    assert choose(["conll04/all"], {found.name: found for found in (MEMBERS, ENSEMBLE)}) == [MEMBERS, ENSEMBLE]
    known = experiments()
    assert all(found.members in known or found.config for found in known.values())
