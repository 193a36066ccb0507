"""Training steps in half precision."""

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.layers.attention import MultiHeadAttention
from cman_tf.layers.bilstm import BiLSTM
from tests.conftest import TINY, untrained_network

HALF = {"mixed_float16": tf.float16, "mixed_bfloat16": tf.bfloat16}
# float16 does more: it scales the loss.
ONE = ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
# Without dropout, so that precisions can be compared; with all parts of the network.
CHANGES = {"model.embedding_dropout": 0.0, "model.lstm_dropout": 0.0, "model.pair_context": 3}


def made(precision, documents, changes=None, optimizer=None, **compiled):
    """`(model, dataset)`: the model for training steps, compiled as a run's is, and batches of all documents."""
    config = configs.change(configs.from_dict(TINY), {**CHANGES, **(changes or {}), "training.precision": precision})
    network = untrained_network(config, documents)
    model = network.trained_model()
    optimizer = optimizer or tf.keras.optimizers.legacy.Adam(0.02)
    if precision == "mixed_float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=compiled.pop("scale", 256.0))
    model.compile(optimizer, **compiled)
    dataset, _ = training_batches(documents, network.schema, network.featurizer, len(documents), 1)
    return model, dataset


@pytest.mark.usefixtures("eager_here")
@pytest.mark.parametrize("precision", HALF)
def test_gradients_are_those_of_float32_but_for_rounding(precision, documents):
    found = {}
    for name in ("float32", precision):
        model, dataset = made(name, documents)
        features, targets = next(iter(dataset))
        inputs = {name: features[name] for name in model.token_embedding.input_names}
        with tf.GradientTape() as tape:
            arguments = targets["tags"], targets["relations"], features["lengths"]
            loss = sum(model.joint_loss(model.token_embedding(inputs), *arguments, training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        found[name] = loss, [tf.reshape(tf.convert_to_tensor(gradient), [-1]) for gradient in gradients]
    (loss, expected), (rounded_loss, gradients) = found.values()
    np.testing.assert_allclose(rounded_loss, loss, rtol=5e-3)
    assert rounded_loss != loss
    for weight, gradient, whole in zip(model.trainable_weights, gradients, expected):
        assert gradient.dtype == weight.dtype == tf.float32
        error = tf.norm(gradient - whole) / tf.norm(whole)
        assert error < 0.05, weight.name


@pytest.mark.usefixtures("eager_here")
@pytest.mark.parametrize("precision", ONE)
def test_products_are_in_half_precision_and_answers_in_float32(precision, documents):
    before = tf.keras.mixed_precision.global_policy().name
    model, dataset = made(precision, documents)
    unit = model.entity_network.get_layer("bsa_1")
    parts = unit, unit.sequence_encoder, unit.attention, model.relation_network.get_layer("fusion")
    assert {part.compute_dtype for part in parts} == {HALF[precision].name}
    assert {weight.dtype for weight in model.weights} == {tf.float32}
    features, targets = next(iter(dataset))
    inputs = {name: {**features, "tags": targets["tags"]}[name] for name in model.input_names}
    answers = model(inputs)
    assert {answer.dtype for answer in answers.values()} == {tf.float32}
    copy = type(model).from_config(model.get_config())
    for layer, other in zip(model.layers, copy.layers):
        other.set_weights(layer.get_weights())
    for name, value in answers.items():
        np.testing.assert_array_equal(copy(inputs)[name], value)
    assert tf.keras.mixed_precision.global_policy().name == before


@pytest.mark.parametrize("precision", ONE)
def test_training_lowers_the_loss_and_is_traced_once(precision, documents):
    changes = {} if precision == "mixed_float16" else {"model.encoder": "mlp"}
    model, dataset = made(precision, documents, changes, adversarial_alpha=0.01, clip_norm=5.0)
    losses = model.fit(dataset, steps_per_epoch=1, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] / 2
    assert {weight.dtype for weight in model.weights} == {tf.float32}
    assert model.train_function.experimental_get_tracing_count() == 1
    assert model._joint.experimental_get_tracing_count() == 1


@pytest.mark.usefixtures("eager_here")
def test_a_step_whose_gradient_overflows_is_skipped(documents):
    class Encoders:
        """Trained encoders that add nothing to the inputs of the network."""

        variables = []
        updates = 0

        def encode(self, tokens):
            return {}

        def apply_gradients(self, gradients):
            self.updates += 1

    encoders = Encoders()
    # Not Adam, for which the scale of a gradient does not matter.
    optimizer = tf.keras.optimizers.legacy.SGD(0.001)
    compiled = {"optimizer": optimizer, "adversarial_alpha": 0.01, "scale": 2.0**18, "fine_tuning": encoders}
    model, dataset = made("mixed_float16", documents, {"model.encoder": "mlp", "model.bla": False}, **compiled)
    features, targets = next(iter(dataset))
    weights = [weight.numpy() for weight in model.trainable_weights]
    found = model.train_step(({**features, "tokens": None}, targets))
    assert np.isfinite(found["loss"])
    assert all(map(np.array_equal, model.trainable_weights, weights))
    assert encoders.updates == 0
    assert model.optimizer.loss_scale == 2.0**17
    while not encoders.updates:
        model.train_step(({**features, "tokens": None}, targets))
    changes = [np.abs(new - old).max() for new, old in zip(model.trainable_weights, weights)]
    assert min(changes) > 0
    assert max(changes) < 1


@pytest.mark.parametrize("precision", ONE)
def test_a_layer_casts_what_it_is_given(precision):
    inputs = tf.random.normal([2, 5, 6])
    states = BiLSTM(4, dtype=precision)(inputs, training=True)
    layer = MultiHeadAttention(2, dtype=precision)
    attended, scores = layer(states, tf.cast(states, tf.float32), return_attention_scores=True)
    assert states.dtype == attended.dtype == HALF[precision]
    assert scores.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(scores, axis=-1), tf.ones([2, 2, 5]), rtol=1e-6)
