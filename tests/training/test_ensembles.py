"""Ensembles: what they answer, and that an export and a run folder carry them."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.inspection.inside import look_inside
from cman_tf.inspection.picking import doubts
from cman_tf.model.calibration import Calibration
from cman_tf.model.network import Network
from cman_tf.training import workflow
from cman_tf.training.ensembles import combine
from cman_tf.training.run import Run
from cman_tf.training.starting import starting_network

TEXT = "Ana and Bo live in Lima , Peru ."


@pytest.fixture(scope="module")
def runs(tmp_path_factory, trained_run):
    """Two runs of the same data: other weights, and another size."""
    folder = tmp_path_factory.mktemp("members")
    config = trained_run.config({"seed": 8, "model.hidden_size": 6})
    network = Network.build(config, trained_run.schema(), trained_run.vocabulary())
    for number, weight in enumerate((network.model.crf.kernel, network.model.head_selection.scorer)):
        weight.assign(tf.random.stateless_normal(weight.shape, [4, number], stddev=5.0))
    shutil.copytree(trained_run.path, folder / "other")
    other = Run(folder / "other")
    configs.save(config, other.path / "config.yaml")
    other.save_weights(network)
    return [trained_run.path, other.path]


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory, runs):
    return combine(runs, tmp_path_factory.mktemp("ensembles") / "both")


@pytest.fixture(scope="module")
def predictor(ensemble):
    return ensemble.predictor()


def test_emissions_transitions_and_logits_are_means_of_the_members(ensemble, runs):
    networks = [Run.open(path).network() for path in runs]
    model = ensemble.network().model
    features = networks[0].featurizer(tf.constant([TEXT.split()]))
    lengths = features["lengths"]

    def scores(model):
        embeddings = model.token_embedding({name: features[name] for name in model.token_embedding.input_names})
        found = model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)
        tags = tf.constant([[1, 0, 1, 0, 0, 3, 0, 3, 0]])
        read = model.relation_network({"tokens": found["tokens"], "tags": tags, "lengths": lengths}, training=False)
        tokens = model.relation_tokens({"tokens": found["tokens"], "tags": tags, "lengths": lengths}, training=False)
        np.testing.assert_allclose(tokens, read["tokens"], atol=1e-6)
        some = model.score_pairs(read["tokens"], tf.constant([[0, 5]]), tf.constant([2]))
        np.testing.assert_allclose(some[0, 0, 1], read["scores"][0, 0, 5], atol=1e-5)
        return found["emissions"], model.crf.transitions, read["scores"]

    for found, *expected in zip(scores(model), *(scores(item.model) for item in networks)):
        assert not np.allclose(*expected, atol=1e-3)
        np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-5)


def test_it_is_a_run_folder_that_predicts_and_exports(ensemble, predictor, tmp_path):
    from cman_tf.interop.saved_model import SavedModel
    from export.savedmodel import export

    [empty] = predictor.tokenize([TEXT])
    tf.config.run_functions_eagerly(True)  # one answer is there sooner than its graph
    [document] = predictor.extract([empty])
    tf.config.run_functions_eagerly(False)
    assert document.entities
    moved = tmp_path / "moved"
    shutil.copytree(ensemble.path, moved)
    folder = export(Run.open(moved), tmp_path / "model", max_entities=64, max_relations=64, max_tokens=64)[0]
    found = SavedModel(folder).extract([empty])[0]
    assert [(e.start, e.end, e.type) for e in found.entities] == [(e.start, e.end, e.type) for e in document.entities]
    np.testing.assert_allclose([e.score for e in found.entities], [e.score for e in document.entities], atol=1e-5)
    assert {(r.head, r.tail, r.type) for r in found.relations} == {(r.head, r.tail, r.type) for r in document.relations}


@pytest.mark.usefixtures("eager_here")
def test_it_has_thresholds_of_its_own_and_picks_sentences(ensemble, tmp_path):
    both = Run.open(shutil.copytree(ensemble.path, tmp_path / "both"))
    Calibration(0.9).save(both.path / "members" / "1" / "calibration.json")
    assert both.network().calibration is None
    Calibration(0.25).save(both.calibration)
    assert both.network().calibration == Calibration(0.25)
    predictor = both.predictor()
    assert doubts(predictor, predictor.tokenize([TEXT])) > 0


def test_runs_that_differ_in_what_they_share_are_refused(runs, trained_run, tmp_path):
    odd = tmp_path / "odd"
    shutil.copytree(trained_run.path, odd)
    words = odd / "vocabulary" / "words.txt"
    words.write_text(words.read_text(encoding="utf-8").replace("ana", "ano"), encoding="utf-8")
    with pytest.raises(InputError, match="must have the same vocabulary. Received: "):
        combine([runs[0], odd], tmp_path / "out")
    with pytest.raises(InputError, match="at least two runs. Received: 1"):
        combine(runs[:1], tmp_path / "out")
    with pytest.raises(InputError, match="must differ. Received: .* twice"):
        combine([*runs, runs[0]], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_needs_one_network_is_refused(ensemble, predictor, tmp_path):
    one = str(ensemble.path / "members" / "1")
    with pytest.raises(InputError, match="An ensemble needs a run of one network, such as"):
        combine([ensemble.path, one], tmp_path / "out")
    with pytest.raises(InputError, match="--resume needs a run of one network"):
        workflow.resume(ensemble.path)
    with pytest.raises(InputError, match="`start_from` needs a run of one network"):
        starting_network(configs.change(ensemble.config(), {"start_from": str(ensemble.path)}))
    with pytest.raises(InputError, match="load one of its members"):
        look_inside(predictor, TEXT)
    assert Run.open(one).predictor()(TEXT, split=False)


def test_a_member_that_is_missing_is_named(ensemble, tmp_path):
    shutil.copytree(ensemble.path, tmp_path / "short")
    (tmp_path / "short" / "members" / "2" / "weights.h5").unlink()
    with pytest.raises(InputError, match="members/2 is not a complete run folder: it lacks weights.h5"):
        Run.open(tmp_path / "short")


def test_a_strangers_ensemble_leads_nowhere_else(ensemble, tmp_path):
    for number, damage in enumerate(
        [
            lambda folder: (shutil.rmtree(folder / "members" / "1"), (folder / "members" / "1").symlink_to(folder)),
            lambda folder: (folder / "members" / "1" / "members").mkdir(),
            lambda folder: change_count(folder, "two"),
            lambda folder: change_count(folder, 3),
            lambda folder: change_count(folder, 0),
        ]
    ):
        folder = tmp_path / str(number)
        shutil.copytree(ensemble.path, folder)
        damage(folder)
        expected = (
            "The files of a run must be in its folder",
            "must be a run of one network",
            "`members` must be a whole number. Received: 'two'",
            "members/3, which is not a folder",
            "is not a complete run folder: it lacks weights.h5",
        )[number]
        with pytest.raises(InputError, match=expected):
            Run.open(folder)


def change_count(folder, count):
    path = folder / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "members": count}), encoding="utf-8")
