"""Starting from the weights of a trained network, with the same and with other types and words."""

import numpy as np
import pytest

from cman_tf import config as configs
from cman_tf.data.document import Document, Entity
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.errors import InputError
from cman_tf.model.network import Network
from cman_tf.training import shipped
from cman_tf.training.run import Run
from cman_tf.training.starting import copy_weights, known_words, starting_network
from cman_tf.training.workflow import begin


def weights(network):
    return {weight.name: weight.numpy() for weight in network.model.weights}


@pytest.fixture(scope="module")
def source(trained_run):
    return trained_run.network()


def network_of(source, documents, schema, **changes):
    config = configs.change(source.config, {"seed": 7, **changes})
    vocabulary, vectors = Vocabulary.of(documents, config.words, known_words(source))
    return Network.build(config, schema, vocabulary, vectors=vectors)


def test_the_same_types_and_words_predict_the_same(source, documents):
    network = network_of(source, documents, source.schema)
    assert copy_weights(source, network) == 1
    old, new = weights(source), weights(network)
    assert old.keys() == new.keys()
    for name in old:
        if not name.startswith("word_embedding"):
            assert np.array_equal(old[name], new[name]), name
    rows = [dict(zip(item.vocabulary.words, known_words(item)[1])) for item in (source, network)]
    for word, vector in rows[0].items():
        np.testing.assert_allclose(rows[1][word], vector, atol=1e-3)  # half precision if it is not in the corpus


def test_types_that_both_know_keep_their_weights_and_new_ones_are_new(source):
    kept, relation = source.schema.entity_types[-1], source.schema.relation_types[-1]
    documents = [Document("Zyxw takes aspirin".split(), [Entity(0, 1, kept), Entity(2, 3, "Drug")], [])]
    schema = Schema(["Drug", kept], ["Takes", relation])
    network = network_of(source, documents, schema)
    fresh = weights(network)
    share = copy_weights(source, network)
    old, new = weights(source), weights(network)
    assert 0.5 < share < 1
    before, after = source.schema.tags.index(f"B-{kept}"), schema.tags.index(f"B-{kept}")
    np.testing.assert_array_equal(new["crf/kernel:0"][:, after], old["crf/kernel:0"][:, before])
    np.testing.assert_array_equal(new["crf/transitions:0"][after, 0], old["crf/transitions:0"][before, 0])
    drug = schema.tags.index("B-Drug")
    np.testing.assert_array_equal(new["crf/kernel:0"][:, drug], fresh["crf/kernel:0"][:, drug])
    np.testing.assert_array_equal(new["head_selection/scorer:0"][1], old["head_selection/scorer:0"][-1])
    size = new["head_selection/head_kernel:0"].shape[1] // 2
    np.testing.assert_array_equal(
        new["head_selection/head_kernel:0"][:, size:], old["head_selection/head_kernel:0"][:, -size:]
    )
    np.testing.assert_array_equal(
        new["head_selection/head_kernel:0"][:, :size], fresh["head_selection/head_kernel:0"][:, :size]
    )
    characters = [item.vocabulary.characters for item in (source, network)]
    assert characters[1][: len(characters[0])] == characters[0]
    assert "zyxw" in network.vocabulary.words or source.config.words.min_count > 1


def test_weights_of_another_width_are_left_out(source, documents):
    network = network_of(source, documents, source.schema, **{"model.relation_size": 3})
    assert 0 < copy_weights(source, network) < 1


def test_word_vectors_and_a_start_exclude_each_other(source, trained_run):
    config = configs.change(source.config, {"start_from": str(trained_run.path), "words.vectors": "glove.txt"})
    with pytest.raises(InputError, match="`words.vectors` must be empty .* with `start_from`"):
        starting_network(config)


def test_training_begins_with_the_weights_of_the_run(source, trained_run, tmp_path):
    config = configs.change(source.config, {"start_from": str(trained_run.path), "corpus.name": "sample"})
    _, network, _ = begin(config, tmp_path / "run")
    name = "bsa_1/encoder/kernel:0"
    np.testing.assert_array_equal(weights(network)[name], weights(source)[name])
    assert Run.open(tmp_path / "run", trained=False).config().start_from == str(trained_run.path)


def test_a_folder_comes_before_a_shipped_model_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_MODELS", tmp_path / "models")
    (tmp_path / "models/news").mkdir(parents=True)
    (tmp_path / "models/news/weights.h5").touch()
    monkeypatch.chdir(tmp_path)
    assert shipped.names() == ["news"]
    assert shipped.folder("news") == tmp_path / "models/news"
    (tmp_path / "news").mkdir()
    assert str(shipped.folder("news")) == "news"


def test_a_wrong_name_is_refused_with_the_names(tmp_path):
    with pytest.raises(InputError, match="or a shipped model"):
        Run.open(tmp_path / "nothing")
