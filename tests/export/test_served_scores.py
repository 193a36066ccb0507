"""What the field measures, measured over the network: the scores of a run are those of its export behind a server."""

import json
import os

import pytest

from benchmarks import served_scores as command_line
from benchmarks.served_scores import plain, served_scores
from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.evaluation.evaluator import evaluate
from cman_tf.files import ENCODERS_VARIABLE
from cman_tf.training import workflow
from cman_tf.training.corpus import load_corpus
from export.savedmodel import export
from tests.export.serving import SERVERS, running


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_tiny_run_scores_the_same_when_served(kind, exported, run_predictor, documents):
    metrics, predictions = evaluate(run_predictor, documents)
    with running(kind, exported.parent, batching=True) as asker:
        scores, found, left_out = served_scores(f"127.0.0.1:{asker.port}", documents)
    assert left_out == 0
    assert scores == plain(metrics)
    assert [document.entities for document in found] == [document.entities for document in predictions]
    assert scores["strict"]["micro"]["entities"]["f1"] > 0
    assert any(document.relations for document in found)


@pytest.mark.slow
def test_the_command_says_whether_a_run_scores_the_same(trained_run, run_predictor, documents, tmp_path, capsys):
    # After training its relations were replaced by made-up ones: as `fit` would have written it.
    before = trained_run.metrics.read_text()
    metrics = {"split": "dev", **evaluate(run_predictor, documents)[0]}
    try:
        trained_run.metrics.write_text(json.dumps(metrics))
        command = [str(trained_run.path), "--json", str(tmp_path / "scores.json")]
        assert cli.run("benchmarks.served_scores", command_line.command, command) == 0
        assert "all scores equal" in capsys.readouterr().out
        assert json.loads((tmp_path / "scores.json").read_text())["equal"] is True
        metrics["strict"]["micro"]["relations"]["f1"] += 0.01
        trained_run.metrics.write_text(json.dumps(metrics))
        with pytest.raises(SystemExit) as caught:
            command_line.command(command)
        assert caught.value.code == 1
        assert "NOT equal" in capsys.readouterr().out
    finally:
        trained_run.metrics.write_text(before)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["conll04", "conll04_minilm"])
def test_conll04_scores_the_same_when_served(tmp_path, monkeypatch, public_data, preset):

    monkeypatch.setenv("CMAN_TF_DATA", str(public_data))
    if preset == "conll04_minilm" and not os.environ.get(ENCODERS_VARIABLE):
        pytest.skip(f"no encoder: set {ENCODERS_VARIABLE}")
    quick = {
        "training.epochs": 2,
        "training.adversarial_alpha": 0.0,
        # So little training is sure of no relation, and nothing would be compared.
        "decoding.threshold": 0.05,
    }
    config = configs.load(preset, quick)
    run, _, _ = workflow.train(config, tmp_path / "run")
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    documents = load_corpus(config, splits=("test",)).splits["test"]
    assert len(documents) == 288
    version, _ = export(run, tmp_path / "model", max_relations=1024)
    with running("embedded", version.parent) as asker:
        scores, found, left_out = served_scores(f"127.0.0.1:{asker.port}", documents)
    assert left_out == 0
    micro = scores["strict"]["micro"]
    print({"preset": preset, **{item: micro[item]["f1"] for item in micro}})
    assert scores == plain(metrics)
    assert micro["entities"]["f1"] > 0.2
    assert sum(len(document.relations) for document in found) > 20
