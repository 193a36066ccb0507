"""An export brings the contextual encoders of its run along."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.commands import cli, encoder
from cman_tf.data import formats
from cman_tf.training import workflow
from cman_tf.training.run import Run
from export.check import check
from export.manifest import read_manifest
from export.savedmodel import export
from tests.conftest import TINY, TINY_PLAIN
from tests.encoders import tiny
from tests.encoders.test_conversion import BEYOND_CORE
from tests.encoders.toys import write


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Folders of an encoder of each kind, by kind."""
    folder = tmp_path_factory.mktemp("encoders")
    for kind in ("bert", "mpnet", "flair"):
        source = getattr(tiny, kind)(folder / "sources" / kind)
        assert cli.run("cman", encoder.command, ["convert", kind, str(source), str(folder / kind), "--name", kind]) == 0
    tiny.elmo(folder / "elmo")
    return {kind: folder / kind for kind in BEYOND_CORE}


@pytest.mark.slow
def test_a_run_with_all_kinds_of_encoders_is_exported_whole_and_answers(modules, tmp_path, documents, monkeypatch):
    """All in one network, which takes the time of one: an untrained one, for what is compared are its scores."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        formats.write(documents, corpus / f"{split}.json", "spert")
    options = {"modules": [str(path) for path in modules.values()], "projection": 3}
    config = configs.from_dict({**TINY_PLAIN, "corpus": {"name": str(corpus)}, "encoder": options})
    run, network, _ = workflow.begin(config, tmp_path / "run")
    run.save_weights(network)
    predictor = run.predictor()
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: predictor)  # loading all of them takes a while
    path, about = export(run, tmp_path / "model", max_entities=9, max_relations=9, max_tokens=8)
    needed = sorted({name for names in BEYOND_CORE.values() for name in names})
    assert about["operations"]["beyond_core"] == read_manifest(path)["operations"]["beyond_core"] == needed
    assert [item["name"] for item in read_manifest(path)["encoder"]["contextual"]] == list(modules)

    tokens = tf.constant([["Ana", "lives", "in", "Oslo"], ["Rain", "", "", ""]])
    served = tf.saved_model.load(str(path))
    found = served.signatures["scores"](tokens=tokens)
    assert found["tokens"].numpy().tolist() == tokens.numpy().tolist()
    features = predictor.extractor.features(tokens)
    embedding = predictor.network.model.token_embedding
    embeddings = embedding({name: features[name] for name in embedding.input_names}, training=False)
    inputs = {"embeddings": embeddings, "lengths": features["lengths"]}
    expected = predictor.network.model.entity_network(inputs, training=False)["emissions"]
    np.testing.assert_allclose(found["emissions"], expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
def test_a_run_with_an_encoder_is_exported_whole(tmp_path, documents, trainable):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        formats.write(documents, corpus / f"{split}.json", "spert")
    module = write(tmp_path, "toy", 1)
    options = {"modules": [module], "store": str(tmp_path / "store"), "trainable": trainable}
    values = configs.from_dict({**TINY, "corpus": {"name": str(corpus)}, "encoder": options})
    run = workflow.train(values, tmp_path / "run")[0]
    path, _ = export(run, tmp_path / "model", max_entities=9, max_relations=9, max_tokens=300)
    assert read_manifest(path)["encoder"]["contextual"][0]["name"] == "toy"
    # The answers must come from the export: what the run still needs, it does not.
    shutil.copytree(module, tmp_path / "aside")
    findings = check(path, run.path, allow_encoders=[module])
    assert findings["problems"] == []
    shutil.rmtree(module)
    assert check(path)["problems"] == []
