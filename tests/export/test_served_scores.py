"""What the field measures, measured over the network: the scores of a run are those of its export behind a server."""

import contextlib
import json
import os

import pytest

from cman_tf import config as configs
from cman_tf.data.document import Document
from cman_tf.encoders.places import ENCODERS_VARIABLE
from cman_tf.evaluation.evaluator import evaluate
from cman_tf.evaluation.scorer import score
from cman_tf.training import workflow
from export.savedmodel import export
from export.serving.app import Server, ServerOptions
from export.serving.remote import Remote

SCORES = "strict", "boundaries", "counts"


def served_scores(version, documents):
    """The scores of a server's answers to the documents' tokens, and the answers."""
    server = Server(ServerOptions(version.parent, port=0, rest_port=None))
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop, 5)
        server.start()
        remote = stack.enter_context(Remote(f"127.0.0.1:{server.port}"))
        # Tokens alone: what is annotated must not come along.
        found = remote.extract([Document(document.tokens) for document in documents])
        assert remote.left_out == 0
    return plain(score(documents, found)), found


def plain(scores):
    """As they stand in `metrics.json`."""
    scores = json.loads(json.dumps(scores))
    return {name: scores[name] for name in SCORES}


def test_a_tiny_run_scores_the_same_when_served(exported, run_predictor, documents):
    metrics, predictions = evaluate(run_predictor, documents)
    scores, found = served_scores(exported, documents)
    assert scores == plain(metrics)
    assert [document.entities for document in found] == [document.entities for document in predictions]
    assert scores["strict"]["micro"]["entities"]["f1"] > 0
    assert any(document.relations for document in found)


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
    documents = workflow.load_corpus(config, splits=("test",)).splits["test"]
    assert len(documents) == 288
    scores, found = served_scores(export(run, tmp_path / "model", max_relations=1024)[0], documents)
    micro = scores["strict"]["micro"]
    print({"preset": preset, **{item: micro[item]["f1"] for item in micro}})
    assert scores == plain(metrics)
    assert micro["entities"]["f1"] > 0.2
    assert sum(len(document.relations) for document in found) > 20
