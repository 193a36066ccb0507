"""Trainings that learn from a teacher's probabilities too."""

import json

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.errors import InputError
from cman_tf.model import step
from cman_tf.training import workflow
from cman_tf.training.run import Run
from cman_tf.training.teaching import soft_targets
from cman_tf.training.trainer import Trainer
from tests.conftest import TINY_PLAIN, untrained_network
from tests.training.test_precision import KilledError, Killer


@pytest.fixture
def taught(trained_run):
    return configs.change(trained_run.config(), {"training.teacher": str(trained_run.path), "seed": 3})


@pytest.mark.usefixtures("eager_here")
def test_targets_are_mixtures_of_annotation_and_teacher(trained_run, taught, documents):
    whole = soft_targets(trained_run, documents, configs.change(taught, {"training.teacher_weight": 1}))
    half = soft_targets(trained_run, documents, taught)
    schema = trained_run.schema()
    for row, document in enumerate(documents):
        own = np.eye(len(schema.tags))[schema.tag_ids(document)]
        np.testing.assert_allclose((own + whole["tag_shift"][row]).sum(axis=1), 1, atol=1e-5)
        assert (own + whole["tag_shift"][row]).min() > -1e-5
        assert np.abs(whole["tag_shift"][row]).max() > 1e-3
        np.testing.assert_allclose(whole["transition_shift"][row].sum(), 0, atol=1e-4)
        for name in ("tag_shift", "transition_shift"):
            np.testing.assert_allclose(half[name][row], whole[name][row] / 2, atol=1e-6)
        teacher = dict(zip(map(tuple, whole["relations"][row]), whole["relation_values"][row]))
        gold = schema.relation_cells(document)
        mixed = dict(zip(map(tuple, half["relations"][row]), half["relation_values"][row]))
        assert set(gold) <= mixed.keys()
        for cell, value in mixed.items():
            assert value == pytest.approx(0.5 * (cell in gold) + 0.5 * teacher.get(cell, 0), abs=1e-5)


@pytest.mark.usefixtures("eager_here")
def test_micro_batches_of_soft_targets_have_the_same_gradient(trained_run, taught, documents):
    network = trained_run.network()
    soft = soft_targets(trained_run, documents, taught)
    batches, _ = training_batches(
        documents, network.schema, network.featurizer, len(documents), seed=1, soft_targets=soft
    )
    features, targets = next(iter(batches))
    assert targets.keys() == {"tags", "relations", *step.SOFT_TARGETS}
    model = network.model
    # Without dropout: each micro-batch would draw another.
    for layer in model._flatten_layers():
        if hasattr(layer, "rate"):
            layer.rate = 0
    found = []
    for size in (0, 2):
        model.compile(tf.keras.optimizers.legacy.SGD(), micro_batch=size, soft_targets=True)
        losses, gradients = step.accumulated_gradients(model, step.joint_gradients(model), features, targets)
        found.append([*losses, *map(tf.convert_to_tensor, gradients)])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("eager_here")
def test_a_resumed_training_has_the_same_targets_and_joins_the_same_sentences(trained_run, documents, tmp_path):
    changes = {"training.teacher": str(trained_run.path), "training.relation_negatives": 0.5, "training.joined": 0.5}
    config = configs.change(configs.from_dict(TINY_PLAIN), changes)

    def train(name, progress=None):
        path = tmp_path / name
        if path.exists():
            run = Run.open(path, trained=False)
        else:
            run = Run.create(path, untrained_network(config, documents), "fingerprint", teacher_sha256="0")
        Trainer(run, run.network(trained=False), documents[:4], documents[2:], progress).fit()
        return run.network().model.weights

    whole = train("whole")
    with pytest.raises(KilledError):
        train("killed", Killer())
    for one, other in zip(train("killed"), whole):
        np.testing.assert_array_equal(one, other, err_msg=one.name)


def test_another_teacher_is_refused(trained_run, taught, tmp_path):
    run = workflow.begin(taught, tmp_path / "run")[0]
    assert len(run.environment()["teacher_sha256"]) == 64
    workflow.resume(run.path)
    about = run.environment()
    (run.path / "environment.json").write_text(json.dumps({**about, "teacher_sha256": "1"}))
    with pytest.raises(InputError, match=r"^Cannot resume .*: the weights of its teacher, .*, changed"):
        workflow.resume(run.path)


def test_a_teacher_of_other_types_is_refused(taught, tmp_path):
    other = configs.change(taught, {"training.teacher": "news"})
    with pytest.raises(InputError, match=r"^`training.teacher` must have the .* types of the training sentences\. Rec"):
        workflow.begin(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_teacher_and_joined_sentences_in_the_graph_of_a_step(trained_run, taught, documents, tmp_path):
    config = configs.change(taught, {"training.joined": 0.5, "training.micro_batch": 2, "training.epochs": 2})
    run = Run.create(tmp_path / "run", untrained_network(config, documents), "fingerprint")
    before = [weight.numpy() for weight in run.network(trained=False).model.trainable_weights]
    history = Trainer(run, run.network(trained=False), documents, []).fit()
    assert [np.isfinite(row["loss"]) for row in history] == [True, True]
    assert not any(map(np.array_equal, before, run.network().model.trainable_weights))
