"""Searches from start to end: results, errors, resuming."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.errors import InputError, failed
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tuning import search
from tuning.hypermodel import CmanHyperModel
from tuning.keras2 import keras_tuner
from tuning.outcome import finalists, reason
from tuning.report import importance, write_report


@pytest.fixture(scope="module")
def eager_search(eager):
    return lambda arguments: search.command(arguments)


def read(folder):
    return json.loads((folder / "search.json").read_text())


@pytest.fixture(scope="module")
def finished(tiny, eager_search, tmp_path_factory):
    """Folder of a search of four trials, one of which ran out of memory and one of which diverged."""
    folder = tmp_path_factory.mktemp("searches") / "one"
    train, calls = Trainer.fit, []

    def fit(trainer):
        calls.append(trainer)
        if len(calls) == 2:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating a tensor")
        if len(calls) == 3:
            trainer.optimizer.learning_rate = 1e30
        return train(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "fit", fit)
        arguments = ["--tuner", "random", "--max-trials", "4", "--finalists", "1", "--executions", "2"]
        eager_search([*tiny, *arguments, "--directory", str(folder)])
    return folder


def test_every_trial_is_there_once_with_its_scores_or_its_reason(finished):
    trials = read(finished)["trials"]
    assert [trial["id"] for trial in trials] == ["0", "1", "2", "3"]
    assert [trial["status"] for trial in trials] == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
    assert trials[1]["reason"] == "Out of memory: OOM when allocating a tensor"
    assert trials[2]["reason"].startswith("The loss must stay a number")
    for trial in (trials[0], trials[3]):
        assert trial["val_f1"] == pytest.approx((trial["val_ner_f1"] + trial["val_re_f1"]) / 2)
        assert set(trial["values"]) == {"model.hidden_size", "model.bsa_units", "training.learning_rate"}
        assert (trial["epochs"], trial["reason"]) == (2, None)
        assert 0 < trial["training_seconds"] < trial["seconds"]
        assert trial["peak_memory_mb"] > 100


def test_a_trial_is_what_fit_makes_of_its_configuration(finished, tiny):
    trial = read(finished)["trials"][0]
    run = finished / "trials" / "trial_0" / "run"
    config = configs.load(str(run / "config.yaml"))
    assert {name: configs.get(config, name) for name in trial["values"]} == pytest.approx(trial["values"], rel=1e-5)
    best = max((row["dev_ner_f1"] + row["dev_re_f1"]) / 2 for row in Run(run).history())
    assert trial["val_f1"] == pytest.approx(best, abs=1e-6)


def test_the_best_is_a_configuration_that_fit_takes_and_was_trained_with_each_seed(finished):
    found = read(finished)
    best, other = found["finalists"]
    assert best["mean"] >= other["mean"]
    # The base configuration is one of them.
    assert {best["id"], other["id"]} >= {"base"}
    config = configs.load(str(finished / "best.yaml"))
    assert {name: configs.get(config, name) for name in best["values"]} == pytest.approx(best["values"], rel=1e-5)
    assert config.training.epochs == 2
    for seed, score in zip((1, 2), best["scores"]):
        run = Run.open(finished / "finalists" / best["id"] / f"seed{seed}", trained=False)
        assert run.config().seed == seed
        assert score == pytest.approx(max((r["dev_ner_f1"] + r["dev_re_f1"]) / 2 for r in run.history()), abs=1e-6)
    assert best["mean"] == pytest.approx(sum(best["scores"]) / 2)


def test_the_report_has_its_pictures_and_reasons(finished):
    page = (finished / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "OOM when allocating a tensor" in page
    # Self-contained: nothing is fetched.
    assert not re.search(r"""(src|href)=["']?http|url\(http""", page)


def test_the_report_escapes_what_it_shows(tmp_path):
    values = {"model.hidden_size": "<b>8</b>"}
    trial = {"id": "0", "status": "FAILED", "values": values, "epochs": 2, "val_f1": None, "reason": "<i>full</i>"}
    search = {"config": "a&b", "tuner": "random", "objective": "val_f1", "base": values, "trials": [trial]}
    write_report(tmp_path / "report.html", {**search, "finalists": []})
    page = (tmp_path / "report.html").read_text()
    assert "<b>" not in page
    assert "<i>" not in page
    assert all(text in page for text in ("a&amp;b", "&lt;b&gt;8&lt;/b&gt;", "&lt;i&gt;full&lt;/i&gt;"))


def test_tensorboard_has_each_trial_with_its_hyper_parameters(finished):
    events = EventAccumulator(str(finished / "trials" / "trial_0" / "run" / "logs")).Reload()
    assert {"val_f1", "val_ner_f1", "val_re_f1", "dev_re_f1"} <= set(events.Tags()["tensors"])
    shown = HParamsPluginData.FromString(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    values = read(finished)["trials"][0]["values"]
    hparams = shown.session_start_info.hparams
    assert set(hparams) == set(values)
    assert hparams["model.bsa_units"].number_value == values["model.bsa_units"]


def test_a_folder_with_a_search_needs_a_word(finished, tiny, eager_search):
    command = [*tiny, "--tuner", "random", "--max-trials", "4", "--finalists", "1", "--executions", "2"]
    with pytest.raises(InputError, match="contains a search already. Pass --resume to continue it or --overwrite"):
        eager_search([*command, "--directory", str(finished)])
    with pytest.raises(InputError, match="with its own settings. Received: objective val_re_f1 instead of val_f1 for "):
        eager_search([*command, "--objective", "val_re_f1", "--resume", "--directory", str(finished)])
    with pytest.raises(InputError, match="There is no search in .*none to resume"):
        eager_search([*command, "--resume", "--directory", str(finished / "none")])


@pytest.mark.slow
def test_what_is_finished_is_not_done_again(finished, tiny, eager_search, monkeypatch):
    before = read(finished)
    monkeypatch.setattr(Trainer, "end_epoch", lambda *_: pytest.fail("trained again"))
    command = [*tiny, "--tuner", "random", "--max-trials", "4", "--finalists", "1", "--executions", "2"]
    eager_search([*command, "--resume", "--directory", str(finished)])
    assert read(finished) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-trials", "0"], "--max-trials must be 1 or more. Received: 0"),
        (["--budget-hours", "0"], "--budget-hours must be above 0"),
        (["--resume", "--overwrite"], "--resume and --overwrite exclude each other"),
        (["--config", "nothing"], "A config must be a YAML file or one of"),
        (["--tuner", "hyperopt"], "argument --tuner: invalid choice: 'hyperopt'"),
        (["--objective", "f1"], "argument --objective: invalid choice: 'f1'"),
    ],
)
def test_bad_options_are_told(tiny, arguments, told):
    with pytest.raises(InputError) as error:
        search.command(arguments if arguments[0] in tiny else [*tiny, *arguments])
    assert told in str(error.value)


def test_a_folder_with_something_else_is_left_alone(tiny, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="A new search requires a new or empty folder"):
        search.command([*tiny, "--overwrite", "--directory", str(tmp_path)])
    assert (tmp_path / "thesis.tex").read_text() == "mine"


@pytest.mark.slow
def test_a_space_of_failures_ends_with_their_reason(tiny, eager_search, tmp_path):
    arguments = ["--tuner", "random", "--max-trials", "12", "--max-parameters", "10"]
    with pytest.raises(InputError, match="The search stopped after ten failed trials in a row"):
        eager_search([*tiny, *arguments, "--directory", str(tmp_path / "search")])


def test_finalists_are_the_best_of_those_that_trained_longest():
    def trial(name, epochs, score, value, status="COMPLETED"):
        return {"id": name, "epochs": epochs, "val_f1": score, "values": {"a": value}, "status": status}

    trials = [
        trial("0", 2, 0.9, 1),  # promoted as 3
        trial("1", 2, 0.8, 2),
        trial("2", 2, None, 3, "FAILED"),
        trial("3", 6, 0.5, 1),
        trial("4", 6, 0.6, 4),
    ]
    assert [row["id"] for row in finalists(trials, "val_f1", 2)] == ["4", "3"]
    assert [row["id"] for row in finalists(trials, "val_f1", 9)] == ["4", "3", "1"]


def test_importance_finds_what_the_objective_depends_on():
    trials = [
        {"values": {"rate": rate, "kind": kind, "same": 1}, "epochs": 3, "val_f1": rate / 10}
        for rate in range(10)
        for kind in ("a", "b")
    ]
    shares = importance(trials, "val_f1")
    assert list(shares) == ["rate", "kind"]
    assert shares["rate"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


def test_importance_is_held_against_trials_of_as_many_epochs():
    trials = [
        {"values": {"rate": rate}, "epochs": epochs, "val_f1": epochs + rate / 100}
        for rate in range(10)
        for epochs in (1, 9)
    ]
    assert importance(trials, "val_f1") == {"rate": pytest.approx(1)}


def test_the_reason_is_the_last_line():
    trace = "Traceback\n  File x\nkeras_tuner.src.errors.FailedTrialError: Too big: 7\n"
    assert reason(trace) == "Too big: 7"
    assert reason("Traceback\nKeyError: 'x'") == "KeyError: 'x'"
    assert reason(None) is None


def test_a_disk_without_room_ends_a_search_and_is_no_failure_of_its_trial(tmp_path, monkeypatch):
    model = CmanHyperModel.__new__(CmanHyperModel)
    monkeypatch.setattr(model, "config", lambda hp: None)

    def full(*arguments):
        raise failed("write", tmp_path, OSError(28, "No space left on device"))

    monkeypatch.setattr(model, "train_run", full)
    with pytest.raises(keras_tuner.errors.FatalError, match="no space left on device"):
        model.fit(None, None, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["hyperband", "bayesian", "grid"])
def test_a_killed_search_goes_on(tiny, tmp_path, tuner):
    folder = tmp_path / "search"
    command = [sys.executable, "-m", "tuning.search", *tiny, "--tuner", tuner, "--max-trials", "5"]
    command += ["--finalists", "1", "--executions", "1", "--directory", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ended = []
    for line in process.stdout:
        if "val_f1" in line:
            ended.append(line)
        if len(ended) == 2 and line.startswith("trial") and line.strip().endswith("epochs"):
            time.sleep(1)  # somewhere in the training of the third
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/trial_*/run/history.csv")}
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    trials = read(folder)["trials"]
    assert len(trials) == len({trial["id"] for trial in trials}) == 5
    if tuner == "grid":
        assert len({json.dumps(trial["values"], sort_keys=True) for trial in trials}) == 5
    assert {trial["status"] for trial in trials} == {"COMPLETED"}
    assert sum("val_f1" in line and line.startswith("trial") for line in said.splitlines()) == 3
    for path, time_ns in list(before.items())[:2]:
        assert path.stat().st_mtime_ns == time_ns


@pytest.mark.slow
def test_thirty_trials_take_the_memory_of_a_few(tiny, tmp_path):
    """Each trial traces graphs of a hundred megabytes and more, which must not stay."""
    folder = tmp_path / "search"
    command = [sys.executable, "-m", "tuning.search", *tiny, "--tuner", "random", "--max-trials", "30"]
    command += ["--training.epochs", "1", "--finalists", "1", "--executions", "1", "--directory", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    peaks = [trial["peak_memory_mb"] for trial in read(folder)["trials"]]
    assert len(peaks) == 30
    assert peaks[-1] < peaks[4] + 300, peaks


@pytest.mark.parametrize("training", [1, 3], ids=["of a trial", "of a finalist"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_that_disappears_ends_the_search_and_is_not_created_again(
    tiny, eager_search, tmp_path, monkeypatch, when, training
):
    folder, train, calls = tmp_path / "search", Trainer.fit, []

    def fit(trainer):
        calls.append(trainer)
        if (len(calls), when) == (training, "before"):
            shutil.rmtree(folder)
        history = train(trainer)
        if (len(calls), when) == (training, "after"):
            shutil.rmtree(folder)
        return history

    monkeypatch.setattr(Trainer, "fit", fit)
    arguments = ["--tuner", "random", "--max-trials", "2", "--finalists", "1"]
    with pytest.raises(InputError, match=f"The search folder {folder} was removed or renamed during the search"):
        eager_search([*tiny, *arguments, "--directory", str(folder)])
    assert (len(calls), list(tmp_path.iterdir())) == (training, [])


def test_the_corpus_is_named_as_in_fit(tmp_path, capsys):
    command = ["--corpus", str(tmp_path / "nowhere"), "--directory", str(tmp_path / "search")]
    assert cli.run("cman search", search.command, command) == 2
    assert f"Received: {tmp_path / 'nowhere'}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
