"""Experiments with the same seeds, compared on the test split."""

import dataclasses
import json
import shutil

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.data import corpora, formats
from cman_tf.training.run import Run
from reproduction import ablations, paired


@pytest.fixture
def runs(trained_run, tmp_path):
    """Runs of the sample corpus whose test predictions are right, but for relations of all or of no documents."""
    gold = list(corpora.load("sample", splits=("test",)).splits["test"])
    for name, right in (("whole", True), ("no_bla", False)):
        for seed in ("seed1", "seed2")[: 1 + right]:
            path = tmp_path / name / seed
            shutil.copytree(trained_run.path, path)
            configs.save(configs.change(Run(path).config(), {"corpus.name": "sample"}), path / "config.yaml")
            (path / "metrics.json").write_text("{}")
            found = gold if right else [dataclasses.replace(item, relations=()) for item in gold]
            (path / "predictions").mkdir(exist_ok=True)
            formats.write(found, path / "predictions" / "test.jsonl", "jsonl")
    return tmp_path


def test_only_common_seeds_are_compared(runs, tmp_path, capsys):
    assert cli.run("paired", paired.command, [str(runs), "--against", "whole"]) == 0
    assert "no_bla: relations -100.00, p < 0.0001" in capsys.readouterr().out
    found = json.loads((runs / "bootstrap.json").read_text())
    assert found["no_bla"]["runs"] == ["seed1"]
    assert found["no_bla"]["entities"]["difference"] == 0
    lines = ablations.bootstrap_lines(runs / "bootstrap.json")
    assert lines[-1] == "| - BLA unit | 1 | +0.00 (+0.00 to +0.00) | 1.0000 | -100.00 (-100.00 to -100.00) | < 0.0001 |"


def test_experiments_without_a_common_seed_are_refused(runs, capsys):
    (runs / "no_bla" / "seed1").rename(runs / "no_bla" / "seed7")
    assert cli.run("paired", paired.command, [str(runs), "--against", "whole"]) == 2
    assert "must have runs of the same names" in capsys.readouterr().err
    assert cli.run("paired", paired.command, [str(runs / "none"), "--against", "whole"]) == 2
    assert f"must be a folder of experiments. Received: {runs / 'none'}" in capsys.readouterr().err
