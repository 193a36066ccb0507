"""An export brings the contextual encoders of its run along."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.encoders import conversion as convert
from cman_tf.encoders.contextual import load_encoder
from cman_tf.training import workflow
from cman_tf.training.run import Run
from export import encoder_tables
from export.card import read_card
from export.check import check
from export.operations import beyond_core, operations
from export.quantize import _stored
from export.savedmodel import export
from tests.conftest import TINY, TINY_WITHOUT_BILSTM
from tests.encoders import tiny
from tests.encoders.test_runs import write

# What each kind needs of tensorflow-text.
BEYOND_CORE = {
    "bert": ["FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "NormalizeUTF8"],
    "mpnet": ["FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "NormalizeUTF8"],
    "flair": [],
    "elmo": [],
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Folders of an encoder of each kind, by kind."""
    folder = tmp_path_factory.mktemp("encoders")
    for kind in ("bert", "mpnet", "flair"):
        source = getattr(tiny, kind)(folder / "sources" / kind)
        assert cli.run("convert", convert.command, [kind, str(source), str(folder / kind), "--name", kind]) == 0
    tiny.elmo(folder / "elmo")
    return {kind: folder / kind for kind in BEYOND_CORE}


@pytest.mark.parametrize("kind", BEYOND_CORE)
def test_each_kind_is_known_to_run_on_a_stock_server(modules, kind):
    assert beyond_core(operations(modules[kind])) == BEYOND_CORE[kind]


@pytest.mark.parametrize(
    ("kind", "form", "bound"),
    [("bert", "int8", 0.1), pytest.param("mpnet", "float16", 0.01, marks=pytest.mark.slow)],
)
def test_a_table_of_word_pieces_in_fewer_bits_gives_nearly_the_same(modules, tmp_path, monkeypatch, kind, form, bound):
    monkeypatch.setattr(encoder_tables, "LARGE", 4 * 25 * tiny.HIDDEN)
    encoder = load_encoder(modules[kind])
    tokens = tf.constant([["Ana", "lives", "in", "Oslo"], ["zzz", "", "", ""]])
    before = encoder(tokens).numpy()
    module = encoder_tables.smaller(encoder.module, lambda table: _stored(table, form, "pieces"))
    ((rows, *_),) = module.tables.values()
    assert rows.dtype == form
    assert module.after < module.before
    after = module(tokens).numpy()
    # Nearly, and not a comparison of a table with itself.
    assert 0 < np.abs(after - before).max() < bound
    function = tf.function(lambda tokens: {"vectors": module(tokens)}, [tf.TensorSpec([None, None], tf.string)])
    holder = tf.Module()
    holder.module = module
    tf.saved_model.save(holder, str(tmp_path), signatures=function.get_concrete_function())
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"](tokens=tokens)["vectors"]
    np.testing.assert_allclose(loaded, after, atol=1e-6)
    stored = tf.train.load_checkpoint(str(tmp_path / "variables" / "variables")).get_variable_to_shape_map()
    assert sum(shape == list(rows.shape) for shape in stored.values()) == 1


@pytest.mark.parametrize("kind", ["flair", "elmo"])
def test_an_encoder_without_such_a_table_stays_as_it_is(modules, monkeypatch, kind):
    monkeypatch.setattr(encoder_tables, "LARGE", 0)
    assert encoder_tables.smaller(load_encoder(modules[kind]).module, lambda table: _stored(table, "int8", "x")) is None


@pytest.mark.slow
def test_a_run_with_all_kinds_of_encoders_is_exported_whole_and_answers(modules, tmp_path, documents, monkeypatch):
    """All in one network, which takes the time of one: an untrained one, for what is compared are its scores."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        formats.write(documents, corpus / f"{split}.json", "spert")
    encoder = {"modules": [str(path) for path in modules.values()], "projection": 3}
    config = configs.from_dict({**TINY_WITHOUT_BILSTM, "corpus": {"name": str(corpus)}, "encoder": encoder})
    run, network, _ = workflow.begin(config, tmp_path / "run")
    run.save_weights(network)
    predictor = run.predictor()
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: predictor)  # loading all of them takes a while
    path, about = export(run, tmp_path / "model", max_entities=9, max_relations=9, max_tokens=8)
    needed = sorted({name for names in BEYOND_CORE.values() for name in names})
    assert about["operations"]["beyond_core"] == read_card(path)["operations"]["beyond_core"] == needed
    assert [item["name"] for item in read_card(path)["encoder"]["contextual"]] == list(modules)

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
    encoder = {"modules": [module], "store": str(tmp_path / "store"), "trainable": trainable}
    values = configs.from_dict({**TINY, "corpus": {"name": str(corpus)}, "encoder": encoder})
    run = workflow.train(values, tmp_path / "run")[0]
    path, _ = export(run, tmp_path / "model", max_entities=9, max_relations=9, max_tokens=300)
    assert read_card(path)["encoder"]["contextual"][0]["name"] == "toy"
    # The answers must come from the export: what the run still needs, it does not.
    shutil.copytree(module, tmp_path / "aside")
    findings = check(path, run.path)
    assert findings["problems"] == []
    shutil.rmtree(module)
    assert check(path)["problems"] == []
