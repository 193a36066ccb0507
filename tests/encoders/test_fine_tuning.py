"""Encoders whose weights are trained: their gradient and their learning rates."""

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.encoders.combined import Encoders
from cman_tf.model.adversarial import perturbation
from cman_tf.training.fine_tuning import FineTuning
from cman_tf.training.workflow import begin
from tests.encoders.toys import LAYERS

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def tuned_step(tmp_path_factory, corpus, config, module):
    """Makes one step of a network with the Toy encoder; gives `(encoder's gradient, expected gradient)`."""
    values = {"corpus.name": str(corpus), "encoder.modules": [module], "encoder.trainable": True}
    values |= {"model.encoder": "mlp", "model.bla": False, "model.embedding_dropout": 0, "model.lstm_dropout": 0}
    changed = configs.change(config, values)
    run, _, corpus = begin(changed, tmp_path_factory.mktemp("runs") / "run")
    alpha = 0.01

    def step(micro_batch):
        network = run.network(trained=False)
        model, featurizer = network.model, network.featurizer
        tuning = FineTuning(Encoders([module]), changed, steps=1)
        variables = tuning.variables
        dataset, _ = training_batches(corpus.splits["train"], run.schema(), featurizer, 5, 1, keep_tokens=True)
        features, targets = next(iter(dataset))
        arguments = targets["tags"], targets["relations"], features["lengths"]

        def embed():
            inputs = {**features, **tuning.encode(features["tokens"])}
            return model.token_embedding({name: inputs[name] for name in model.token_embedding.input_names})

        with tf.GradientTape() as tape:
            embeddings = embed()
            clean = sum(model.joint_loss(embeddings, *arguments, training=True))
        eta = perturbation(tape.gradient(clean, embeddings), alpha, features["lengths"])
        with tf.GradientTape() as tape:
            embeddings = embed()
            total = sum(model.joint_loss(embeddings, *arguments, training=True))
            total += sum(model.joint_loss(embeddings + eta, *arguments, training=True))
        expected = [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(total, variables)]

        # One step of plain gradient descent shows the gradient that was used.
        tuning.optimizers = [tf.keras.optimizers.legacy.SGD(1.0) for _ in tuning.groups]
        model.compile(
            tf.keras.optimizers.legacy.SGD(1.0), adversarial_alpha=alpha, micro_batch=micro_batch, fine_tuning=tuning
        )
        before = [variable.numpy() for variable in variables]
        model.train_step((features, targets))
        return [old - new.numpy() for old, new in zip(before, variables)], expected

    return step


@pytest.mark.parametrize("micro_batch", [0, 2])
def test_a_step_moves_the_encoder_by_the_gradient_of_both_losses(tuned_step, micro_batch):
    found, expected = tuned_step(micro_batch)
    assert len(found) == LAYERS
    for one, other in zip(found, expected):
        assert np.abs(other).max() > 1e-2
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_encoders_rates_rise_over_the_warm_up(config, module):
    values = {"encoder.learning_rate": 0.1, "encoder.layer_decay": 0.5, "training.warmup_epochs": 2.0}
    tuning = FineTuning(Encoders([module]), configs.change(config, values), steps=3)
    assert list(tuning.groups) == [0, 1, 2]
    for optimizer, level in zip(tuning.optimizers, tuning.groups):
        full = 0.1 * 0.5**level
        rates = [float(optimizer.learning_rate(step)) for step in (0, 2, 5, 6)]
        assert rates == pytest.approx([full / 6, full / 2, full, full])


def test_lower_layers_learn_more_slowly(config, module):
    values = {"encoder.learning_rate": 0.1, "encoder.layer_decay": 0.5, "encoder.modules": [module]}
    tuning = FineTuning(Encoders([module]), configs.change(config, values), steps=3)
    rates = {}
    for optimizer, rows in zip(tuning.optimizers, tuning.groups.values()):
        for row in rows:
            rates[tuning.variables[row].name.split("/")[0]] = float(optimizer.learning_rate(0))
    assert rates == pytest.approx({"layer_2": 0.1, "layer_1": 0.05, "layer_0": 0.025})
