"""A tiny network, trained once, and its export."""

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.training import workflow
from cman_tf.training.run import Run
from export.probe import Probe
from export.savedmodel import export
from tests.conftest import TINY


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, documents):
    """`Run` of a network that finds entities, which it learnt, and relations, which are made up."""
    corpus = tmp_path_factory.mktemp("data") / "corpus"
    corpus.mkdir()
    # Each several times in training: more steps in an epoch, for the ends of epochs take longer than their steps.
    for split, times in (("train", 7), ("dev", 1), ("test", 1)):
        formats.write(documents * times, corpus / f"{split}.json", "spert")
    values = {
        **TINY,
        "model": {**TINY["model"], "bsa_units": 1},
        "corpus": {"name": str(corpus)},
        "training": {"epochs": 5, "batch_size": 5, "adversarial_alpha": 0.0, "learning_rate": 0.03},
        "decoding": {"threshold": 0.4},
        "protocol": "train+dev",  # no scoring after each epoch
    }
    run = workflow.train(configs.from_dict(values), tmp_path_factory.mktemp("runs") / "run")[0]
    network = run.network()
    scorer = network.model.relation_network.get_layer("head_selection").scorer
    scorer.assign(tf.random.stateless_normal(scorer.shape, [1, 2], stddev=5.0))
    run.save_weights(network)
    return run


@pytest.fixture(scope="session")
def run_predictor(trained_run):
    return trained_run.predictor()


@pytest.fixture
def quick(monkeypatch, run_predictor):
    """One predictor for all exports: building graphs is what takes time."""
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, trained_run, run_predictor):
    """Folder of the first version in a model folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)
        return export(
            trained_run, tmp_path_factory.mktemp("models") / "tiny", max_entities=64, max_relations=64, max_tokens=512
        )[0]


@pytest.fixture(scope="session")
def served(exported):
    """`Probe` that calls the loaded export."""
    model = tf.saved_model.load(str(exported))
    probe = Probe(tf, model.signatures)
    probe.model = model  # its tables and weights live as long as it does
    return probe


@pytest.fixture
def moved(exported, tmp_path):
    """A copy of the version that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "moved" / "1"))


def rewrite_manifest(path, **changes):
    """Change entries of a version's manifest, with checksums that fit the files: what a careful forger would do."""
    from export.manifest import MANIFEST, checksums, read_manifest

    manifest = {**read_manifest(path), "files": checksums(path), **changes}
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
