import json

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli, crossval
from cman_tf.evaluation.folds import summary
from reproduction import command as reproduce
from reproduction.plan import experiments


def call(command, *argv):
    return cli.run("test", command, [str(argument) for argument in argv])


@pytest.fixture
def refused(capsys):
    def call_(command, *argv):
        assert call(command, *argv) == 2
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert out == ""
        return err

    return call_


@pytest.mark.parametrize(
    ("command", "argv", "told"),
    [
        (crossval.command, ["--corpus", "sample"], "must come in folds: ade. Received: sample"),
        (crossval.command, ["--folds", "x"], "--folds must be whole numbers such as 1-3,7. Received: x"),
        (crossval.command, ["--folds", "9-10"], "less than or equal to 9. Received: 10"),
        (crossval.command, ["--jobs", "0"], "--jobs must be 1 or more. Received: 0"),
        (crossval.command, ["--training.teacher", "x"], "tested on sentences that the teacher has learnt. Received: x"),
        (crossval.command, ["--config", "adee"], "nearest: ade"),
        (reproduce.command, ["--experiments", "conll4"], "nearest: conll04"),
        (reproduce.command, ["--seeds", "5-1"], "--seeds must be whole numbers"),
        (reproduce.command, ["--max-hours", "0"], "--max-hours must be above 0. Received: 0"),
        (reproduce.command, ["--jobs", "-1"], "--jobs must be 1 or more. Received: -1"),
    ],
)
def test_what_is_refused(refused, command, argv, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told in refused(command, *argv)
    assert not any(tmp_path.iterdir())


def test_the_plan_shows_the_jobs_and_their_time(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(reproduce.command, "--experiments", "conll04/minilm_frozen", "--seeds", "1-2", "--plan") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["new", "new"]
    assert [line.split()[-1] for line in lines[:2]] == [f"conll04/minilm_frozen/seed{seed}" for seed in (1, 2)]
    minutes = 2 * experiments()["conll04/minilm_frozen"].minutes
    assert lines[2].startswith(f"To do: 0:{minutes:02.0f}:00 ")
    assert not any(tmp_path.iterdir())


def fold(f1, all_f1):
    def scores(value):
        rates = dict.fromkeys(("precision", "recall", "f1"), value)
        return {average: {"entities": rates, "relations": rates} for average in ("micro", "macro")}

    return {
        "strict": scores(f1),
        "boundaries": scores(f1),
        "overlap_policies": {"all": {"strict": scores(all_f1)}},
    }


@pytest.fixture
def folds(tmp_path):
    paths = []
    for number, f1 in enumerate((0.5, 0.7)):
        paths.append(tmp_path / f"fold{number}" / "metrics.json")
        paths[-1].parent.mkdir()
        paths[-1].write_text(json.dumps(fold(f1, f1 - 0.1)))
        # What marks a finished run.
        configs.save(
            configs.load("ade", {"training.epochs": 3, "corpus.fold": number}), paths[-1].parent / "config.yaml"
        )
        (paths[-1].parent / "environment.json").write_text("{}")
    return paths


def test_summary_is_mean_and_deviation(folds):
    found = summary(folds)
    assert found["folds"] == 2
    assert found["strict"]["macro"]["relations"]["f1"] == {"mean": 0.6, "sd": pytest.approx(0.02**0.5)}
    assert found["overlap_policies"]["all"]["micro"]["entities"]["f1"]["mean"] == pytest.approx(0.5)
    assert summary(folds[:1])["strict"]["micro"]["entities"]["f1"] == {"mean": 0.5, "sd": None}


def test_crossval_prints_and_writes_what_finished_folds_hold(folds, tmp_path, capsys):
    assert call(crossval.command, "--folds", "0-1", "--run-dir", tmp_path, "--training.epochs", "3") == 0
    out = capsys.readouterr().out
    rows = {line.rsplit("  ", 2)[0].strip(): line.split("  ")[-1].strip() for line in out.splitlines() if "±" in line}
    assert rows["as trained, micro"] == rows["as trained, macro"] == "60.00 ± 14.14"
    assert rows["gold entities: all, micro"] == "50.00 ± 14.14"
    written = json.loads((tmp_path / "crossval.json").read_text())
    assert written["config"]["training"]["epochs"] == 3
    assert written["strict"]["micro"]["entities"]["f1"]["mean"] == 0.6


@pytest.mark.slow
def test_crossval_on_ade(tmp_path, public_data, capsys):
    """Two folds, one epoch of a tiny network."""
    small = ["--model.hidden_size", "8", "--words.size", "8", "--characters.hidden_size", "4", "--training.epochs", "1"]
    argv = ["--folds", "0,9", "--run-dir", tmp_path, "--data-dir", public_data, *small]
    assert call(crossval.command, *argv) == 0
    out = capsys.readouterr().out
    assert "2 folds" in out
    found = json.loads((tmp_path / "crossval.json").read_text())
    assert set(found["overlap_policies"]) == {"all", "keep_outer", "drop_sentences", "no_overlapping"}
    assert call(crossval.command, *argv) == 0
    # Nothing is trained a second time, and the table is the same.
    assert capsys.readouterr().out.split("2 folds")[1] == out.split("2 folds")[1]
