import json
import os
from pathlib import Path

import pytest

from benchmarks import warm
from cman_tf.commands import cli


def figures(one, many, training, **more):
    return {"prediction, batch 1": one, "prediction, batch 32": many, "training": training, **more}


ROUNDS = {
    "sample": {"here": [figures(50.0, 90.0, 9.0), figures(60.0, 80.0, 9.0)], "base": [figures(20.0, 90.0, 9.0)]},
    "conll04_minilm_finetuned": {
        "here": [figures(50.0, 90.0, 30.0, encoder=9.0), figures(40.0, 90.0, 40.0, encoder=8.0)],
        "base": [figures(20.0, 90.0, 25.0, encoder=9.0)],
    },
}


def test_the_best_round_of_each_figure_counts():
    found = warm.best(ROUNDS)
    assert found["sample"]["here"] == figures(60.0, 90.0, 9.0)
    assert found["conll04_minilm_finetuned"]["here"] == figures(50.0, 90.0, 40.0, encoder=8.0)
    assert [bar["value"] for bar in warm.bars(found)] == [3.0, 1.0, 2.5, 1.6]
    assert [bar["reached"] for bar in warm.bars(found)] == [True, False, True, False]


@pytest.mark.parametrize("missing", ["encoders", "base"])
def test_folders_are_checked_before_anything_runs(missing, tmp_path, capsys):
    (tmp_path / "minilm").mkdir()
    encoders = tmp_path / "none" if missing == "encoders" else tmp_path
    assert cli.run("benchmarks.warm", warm.command, [str(encoders), "--base", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert ("minilm" if missing == "encoders" else "--base") in error


@pytest.mark.slow
@pytest.mark.skipif("CMAN_TF_ENCODERS" not in os.environ, reason="no encoder: set CMAN_TF_ENCODERS")
def test_each_checkout_trains_and_predicts(tmp_path, capsys):
    here = str(Path(warm.__file__).parents[1])
    arguments = [os.environ["CMAN_TF_ENCODERS"], "--base", here, "--sentences", "16", "--rounds", "1"]
    code = cli.run("benchmarks.warm", warm.command, [*arguments, "--json", str(tmp_path / "a.json")])
    assert code == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "a.json").read_text())
    assert [set(by_name) for by_name in found["best"].values()] == [{"here", "base"}] * 2
    minilm = found["best"]["conll04_minilm_finetuned"]["here"]
    assert 1000 / minilm["prediction, batch 1"] > minilm["encoder"] > 0
    assert len(found["bars"]) == 4
