"""What evaluation prints, writes and refuses."""

import json
import os

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli, evaluate
from cman_tf.errors import InputError
from cman_tf.training.run import Run
from tests.commands.conftest import files, write_corpus
from tests.conftest import sentence


def test_evaluate_prints_and_writes(quick, trained, tmp_path, answered):
    out = answered(
        "cman evaluate", trained, "--split", "dev", "--exclude-type", "Loc", "--against", trained,
        "--json", tmp_path / "a" / "metrics.json", "--report", tmp_path / "a" / "report.html",
    )  # fmt: skip
    assert "strict micro" in out
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["split"] == "dev"
    assert set(metrics["strict"]["micro"]["entities"]) >= {"precision", "recall", "f1"}
    assert {"per_type", "counts", "without_types", "against"} <= set(metrics)
    assert (tmp_path / "a" / "report.html").read_text().startswith("<!")
    assert files(tmp_path / "a") == ["metrics.json", "report.html"]


def test_scores_are_told_though_a_file_cannot_be_written(quick, trained, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise InputError("Cannot write x: disk full.")

    monkeypatch.setattr(evaluate, "atomic_write", full)
    argv = [str(trained), "--split", "dev", "--json", str(tmp_path / "metrics.json")]
    assert cli.run("cman evaluate", evaluate.command, argv) == 2
    out, err = capsys.readouterr()
    assert "strict micro" in out
    assert err == "cman evaluate: Cannot write x: disk full.\n"


def measured(tmp_path, capsys, *argv):
    """What `evaluate` writes as JSON, and says on standard output and standard error."""
    arguments = [*argv, "--json", tmp_path / "metrics.json"]
    assert cli.run("cman evaluate", evaluate.command, [str(argument) for argument in arguments]) == 0
    return json.loads((tmp_path / "metrics.json").read_text()), *capsys.readouterr()


NEW = sentence("Rain in Oslo .", [(2, 3, "Loc")])


@pytest.mark.parametrize(("protocol", "kept"), [("train", 2), ("train+dev", 1)])
def test_repeated_sentences_are_those_the_run_was_trained_on(quick, copy, tmp_path, capsys, documents, protocol, kept):
    configs.save(configs.change(Run.open(copy).config(), {"protocol": protocol}), copy / "config.yaml")
    # The run's training has the first four, its dev the fifth; the other corpus' own training tells nothing.
    other = write_corpus(tmp_path / "other", train=[NEW, *documents], test=[*documents, NEW])
    metrics, _, err = measured(tmp_path, capsys, copy, "--corpus", other)
    assert metrics["without_repeated"]["counts"]["sentences"] == kept
    assert err == ""


def test_another_corpus_is_scored_though_the_runs_own_is_gone(quick, copy, tmp_path, capsys, documents, refused):
    other = write_corpus(tmp_path / "other", test=documents)
    changed = {"corpus.name": "conll04", "corpus.data_dir": "nowhere"}
    configs.save(configs.change(Run.open(copy).config(), changed), copy / "config.yaml")
    for given, place in (([], "nowhere"), (["--data-dir", tmp_path], tmp_path)):
        metrics, out, err = measured(tmp_path, capsys, copy, "--corpus", other, *given)
        assert "strict" in metrics
        assert "without_repeated" not in metrics
        assert "without repeated" not in out
        assert err.startswith(
            "Repeated sentences are not scored separately: the run's training sentences cannot be read. "
        )
        assert f"Cannot read {place}/conll04/" in err
        assert err.count("\n") == 1
    # Its own corpus has to be there.
    configs.save(configs.change(Run.open(copy).config(), {"corpus.name": str(other)}), copy / "config.yaml")
    assert "has no train split" in refused("cman evaluate", copy)
    assert "has no train split" in refused("cman evaluate", copy, "--corpus", other)


def test_evaluate_scores_under_every_overlap_policy(quick, trained, tmp_path, capsys):
    nested = sentence("Rain in New Oslo .", [(2, 4, "Loc"), (3, 4, "Loc")])
    other = write_corpus(tmp_path / "other", test=[NEW, nested])
    metrics, out, _ = measured(tmp_path, capsys, trained, "--corpus", other, "--corpus.overlap", "drop_sentences")
    assert metrics["counts"]["entities_gold"] == 1
    found = {name: value["counts"]["entities_gold"] for name, value in metrics["overlap_policies"].items()}
    assert found == {"all": 3, "keep_outer": 2, "drop_sentences": 1, "no_overlapping": 1}
    assert "gold entities: keep_outer" in out
    assert "overlap_policies" not in measured(tmp_path, capsys, trained)[0]


def test_what_evaluate_refuses(quick, trained, refused, tmp_path, documents):
    unknown = [sentence("Acme hired Ana .", [(0, 1, "Org"), (2, 3, "Peop")], [(1, 0, "Work_For")])]
    other = write_corpus(tmp_path / "other", test=unknown)
    assert "must be one of Loc, Peop. Received: 'Org'" in refused("cman evaluate", trained, "--corpus", other)
    assert "Received: Person" in refused("cman evaluate", trained, "--exclude-type", "Person")
    assert " has no dev split" in refused("cman evaluate", trained, "--corpus", other, "--split", "dev")
    assert "nearest: conll04" in refused("cman evaluate", trained, "--corpus", "conl04")
    assert "which is not a folder" in refused("cman evaluate", trained, "--against", tmp_path / "missing")
    (tmp_path / "file").touch()
    for option in ("--json", "--report"):
        assert "Cannot write " in refused("cman evaluate", trained, option, tmp_path / "file" / "a")
        if os.path.exists("/dev/full"):
            assert "/dev/full: no space left on device." in refused("cman evaluate", trained, option, "/dev/full")
    assert files(tmp_path) == ["file", "other", "other/test.json"]
