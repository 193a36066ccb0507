"""What training leaves behind and refuses."""

import json
import re

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.commands import cli, fit
from cman_tf.data import formats
from cman_tf.evaluation.tables import text_table
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tests.commands.conftest import files, write_corpus
from tests.conftest import TINY_PLAIN, sentence
from tests.docs.blocks import ROOT, table_rows


def test_fit_leaves_a_whole_run(trained):
    assert Run.open(trained).config().training.epochs == 1
    for name in ("metrics.json", "report.html", "predictions/test.jsonl", "history.csv", "weights.h5"):
        assert (trained / name).stat().st_size
    assert json.loads((trained / "metrics.json").read_text())["split"] == "test"


def test_what_fit_leaves_is_what_the_reference_says(trained):
    page = (ROOT / "docs/reference/run_folder.md").read_text(encoding="utf-8")
    of_folder, of_metrics = page.split("## metrics.json")
    rows = {row[0].strip("`"): row[1] for row in table_rows(of_folder)}
    # What has an "only" is made where it says so.
    assert {name for name, text in rows.items() if "; only" in text} == {
        "calibration.json",
        "checkpoints/",
        "encoders.json",
        "members/",
        "mlflow.json",
    }
    for name, text in rows.items():
        assert (trained / name).exists() == ("; only" not in text), name
    kept = [path for path in files(trained) if (trained / path).is_file()]
    assert [path for path in kept if path not in rows and f"{path.split('/')[0]}/" not in rows] == []
    rows = [(re.findall(r"`(\w+)`", row[0]), row[1]) for row in table_rows(of_metrics)]
    keys = {name for names, text in rows for name in names if "only if one was chosen" not in text}
    assert keys == set(json.loads((trained / "metrics.json").read_text()))


def test_resuming_a_finished_run_trains_nothing(copy, eager_here, monkeypatch, answered):
    monkeypatch.setattr(tf.keras.Model, "fit", lambda *args, **options: pytest.fail("trained again"))
    weights, history = (copy / "weights.h5").read_bytes(), (copy / "history.csv").read_text()
    out = answered("cman fit", "--resume", "--run-dir", copy)
    assert out.startswith("The training is already complete. Its scores are recomputed.\n")
    assert out.endswith(f"\nReport: {copy / 'report.html'}\nRun:    {copy}\n")
    scores, sentences = out.split("\nSome sentences, as extracted:\n\n")
    metrics = json.loads((copy / "metrics.json").read_text())
    assert scores.endswith(f"\nScores on test\n\n{text_table(metrics)}")
    # The first of the sentences that are shown, with what was predicted of it.
    predicted = formats.read(copy / "predictions" / "test.jsonl")
    first = ([document for document in predicted if document.relations] or predicted)[0]
    shown = sentences.split("\n\n")[0].splitlines()
    assert shown[0] == first.text
    assert len(shown) == 1 + len(first.entities) + len(first.relations)
    for line, entity in zip(shown[1:], first.entities):
        assert line.split()[:2] == [entity.type, first.entity_text(entity).split()[0]]
    assert (copy / "weights.h5").read_bytes() == weights
    assert (copy / "history.csv").read_text() == history


def test_an_interrupted_training_says_how_to_resume_it(corpus, tmp_path, capsys, monkeypatch):
    def interrupt(trainer):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "fit", interrupt)
    configs.save(configs.from_dict(TINY_PLAIN), tmp_path / "tiny.yaml")
    path = tmp_path / "my run"
    argv = ["--config", str(tmp_path / "tiny.yaml"), "--corpus", str(corpus), "--run-dir", str(path)]
    assert cli.run("cman fit", fit.command, argv) == cli.INTERRUPTED
    told = capsys.readouterr().err
    assert told.endswith(f"To resume the training, run: cman fit --resume --run-dir '{path}'\ncman fit: interrupted\n")
    assert Run.open(path, trained=False).checkpoint() is None


def test_a_new_run_needs_a_free_folder(refused, trained, corpus, tmp_path):
    before = files(trained)
    told = refused("cman fit", "--corpus", corpus, "--run-dir", trained)
    assert f"with --resume. Received: {trained}" in told
    assert files(trained) == before
    (tmp_path / "file").touch()
    assert "new or empty folder" in refused("cman fit", "--corpus", corpus, "--run-dir", tmp_path / "file")


def test_a_resumed_run_needs_its_corpus(refused, copy, tmp_path, documents):
    other = write_corpus(tmp_path / "other", train=documents, dev=documents)
    config = configs.change(Run.open(copy).config(), {"corpus.name": str(other)})
    configs.save(config, copy / "config.yaml")
    assert "`corpus_sha256` was" in refused("cman fit", "--resume", "--run-dir", copy)


def test_a_run_goes_on_where_its_corpus_was_moved(eager_here, copy, tmp_path, corpus, answered, refused, monkeypatch):
    import shutil

    moved = shutil.copytree(corpus, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    answered("cman fit", "--resume", "--run-dir", copy, "--corpus", "moved")
    assert Run.open(copy).config().corpus.name == str(moved)
    other = write_corpus(
        tmp_path / "other", train=formats.read(corpus / "dev.json"), dev=formats.read(corpus / "dev.json")
    )
    assert "`corpus_sha256` was" in refused("cman fit", "--resume", "--run-dir", copy, "--corpus", other)
    assert Run.open(copy).config().corpus.name == str(moved)
    told = refused("cman fit", "--resume", "--run-dir", copy, "--corpus", moved, "--training.epochs", "3")
    assert told.endswith(f"keeps its configuration: `training.epochs` is 1 in {copy}. Received: 3\n")
    answered("cman fit", "--resume", "--run-dir", copy, "--corpus", moved, "--training.epochs", "1")


def test_corpora_that_fit_refuses(refused, tmp_path, documents):
    def told(*argv):
        sentence = refused("cman fit", "--run-dir", tmp_path / "run", *argv)
        assert not (tmp_path / "run").exists()
        return sentence

    assert "Received: conl04, which does not exist; nearest: conll04" in told("--corpus", "conl04")
    (tmp_path / "none").mkdir()
    assert "it contains no files named train, dev, test." in told("--corpus", tmp_path / "none")
    (tmp_path / "none" / "train.json").write_text("[]")
    assert "contains no sentences" in told("--corpus", tmp_path / "none")
    whole = write_corpus(tmp_path / "whole", train=documents, dev=documents)
    assert "Received: one_tail:Live" in told("--corpus", whole, "--decoding.rules", "one_tail:Live")
    (tmp_path / "none" / "train.json").write_text("")
    assert " is empty." in told("--corpus", tmp_path / "none")
    no_dev = write_corpus(tmp_path / "a", train=documents)
    assert f"--protocol train+dev. Received: {no_dev} without dev" in told("--corpus", no_dev)
    assert "--protocol train+dev" in told("--corpus", no_dev, "--protocol", "train")
    unlabelled = [sentence("Rain .")]
    assert "at least one entity type. Received: none in the training" in told(
        "--corpus", write_corpus(tmp_path / "b", train=unlabelled, dev=documents)
    )
    unrelated = [sentence("Oslo .", [(0, 1, "Loc")])]
    assert "must be one of Loc. Received: 'Peop'" in told(
        "--corpus", write_corpus(tmp_path / "c", train=unrelated, dev=documents)
    )
    unknown = [sentence("Acme .", [(0, 1, "Org")])]
    later = told("--corpus", write_corpus(tmp_path / "d", train=documents, dev=documents, test=unknown))
    assert "must be one of Loc, Peop. Received: 'Org'" in later
    assert f"in test of {tmp_path / 'd'}" in later
    missing = tmp_path / "vectors.txt"
    assert f"Cannot read {missing}: no such file or directory." in told(
        "--corpus", write_corpus(tmp_path / "e", train=documents, dev=documents), "--words.vectors", missing
    )
