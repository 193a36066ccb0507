"""Scores without entities of low probability."""

import json

import pytest

from cman_tf.commands import cli
from reproduction import dev_log, unsure


def test_higher_thresholds_leave_fewer_entities(trained_run, quick, tmp_path):
    path = tmp_path / "group" / "1_x.json"
    path.parent.mkdir()
    assert cli.run("test", unsure.command, [str(trained_run.path), "--json", str(path), "--threshold", "0.3"]) == 0
    found = json.loads(path.read_text())
    assert found["threshold"] == 0.3
    [scores] = found["runs"]
    assert list(scores) == [f"{value:g}" for value in unsure.THRESHOLDS]
    assert scores["0"]["entities"] != scores["0.9"]["entities"]
    assert all(0 <= value <= 1 for item in scores.values() for value in item.values())
    lines = dev_log.unsure(path.parent).splitlines()
    assert lines[0] == "| Entity threshold | 1_x, 1 run |"
    assert lines[2].endswith(f" {100 * scores['0']['entities']:.2f} / {100 * scores['0']['relations']:.2f} |")


def test_a_run_trained_on_dev_is_refused(trained_run, quick, tmp_path, monkeypatch, capsys):
    config = trained_run.config({"protocol": "train+dev"})
    monkeypatch.setattr(type(trained_run), "config", lambda run, overrides=None: config)
    path = tmp_path / "x.json"
    assert cli.run("test", unsure.command, [str(trained_run.path), "--json", str(path)]) == 2
    assert "must not be trained on dev" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("argv", [[], ["runs/x"]])
def test_missing_arguments_are_named(argv, capsys):
    assert cli.run("test", unsure.command, argv) == 2
    assert "required" in capsys.readouterr().err
