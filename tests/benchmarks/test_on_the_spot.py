import json
import os
from pathlib import Path

import pytest

from benchmarks import on_the_spot
from cman_tf.commands import cli

ROUNDS = {
    "here": [
        {"sentences_per_second": 50.0, "milliseconds": 20.0, "fine_tuning_sentences_per_second": 40.0},
        {"sentences_per_second": 60.0, "milliseconds": 16.7, "fine_tuning_sentences_per_second": 30.0},
    ],
    "base": [{"sentences_per_second": 20.0, "milliseconds": 50.0, "fine_tuning_sentences_per_second": 25.0}],
}


def test_the_best_round_of_each_figure_counts():
    found = on_the_spot.best(ROUNDS)
    assert found["here"] == {
        "sentences_per_second": 60.0,
        "milliseconds": 16.7,
        "fine_tuning_sentences_per_second": 40.0,
    }
    assert [bar["value"] for bar in on_the_spot.bars(found)] == [3.0, 1.6]
    assert [bar["reached"] for bar in on_the_spot.bars(found)] == [True, False]


@pytest.mark.parametrize("missing", ["encoders", "base"])
def test_folders_are_checked_before_anything_runs(missing, tmp_path, capsys):
    (tmp_path / "minilm").mkdir()
    encoders = tmp_path / "none" if missing == "encoders" else tmp_path
    assert cli.run("benchmarks.on_the_spot", on_the_spot.command, [str(encoders), "--base", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert ("minilm" if missing == "encoders" else "--base") in error


@pytest.mark.slow
@pytest.mark.skipif("CMAN_TF_ENCODERS" not in os.environ, reason="no encoder: set CMAN_TF_ENCODERS")
def test_each_checkout_trains_and_predicts(tmp_path, capsys):
    here = str(Path(on_the_spot.__file__).parents[1])
    arguments = [os.environ["CMAN_TF_ENCODERS"], "--base", here, "--sentences", "16", "--rounds", "1"]
    code = cli.run("benchmarks.on_the_spot", on_the_spot.command, [*arguments, "--json", str(tmp_path / "a.json")])
    assert code == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "a.json").read_text())
    assert set(found["best"]) == {"here", "base"}
    assert all(
        figures["milliseconds"] > figures["encoder_milliseconds"] > 0
        for rounds in found["rounds"].values()
        for figures in rounds
    )
