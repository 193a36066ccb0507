import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.adversarial import perturbation
from cman_tf.model.assembly import build_cman
from cman_tf.model.step import batch_gradients

ABLATIONS = {
    "whole": {"model.bsa_units": 2},
    "no self-attention": {"model.bsa_attention": False},
    "no BLA": {"model.bla": False},
    "no units": {"model.bsa_attention": False, "model.bla": False},
    "MLP": {"model.encoder": "mlp"},
    "one unit": {"model.bsa_units": 1},
    "shared projection": {"model.relation_projection": "shared"},
    "pair context": {"model.pair_context": 3},
    "contextual": {"encoder.modules": ["one"]},
    "projected": {"encoder.modules": ["one", "two"], "encoder.projection": 3},
}


@pytest.fixture
def make(config, documents, schema):
    def make(changes=None, dropout=False):
        off = {} if dropout else {"model.embedding_dropout": 0, "model.lstm_dropout": 0}
        changed = configs.change(config, {**off, **(changes or {})})
        vocabulary, _ = Vocabulary.of(documents, changed.words)
        featurizer = Featurizer(vocabulary, changed.characters.max_length)
        shapes = [(2, 5), (3, 4)][: len(changed.encoder.modules)]
        model = build_cman(
            changed,
            schema,
            num_trained_words=vocabulary.num_trained + 2,
            num_fixed_words=0,
            num_characters=featurizer.num_characters,
            contextual=shapes,
        )
        random = np.random.default_rng(0)
        contextual = {
            f"contextual_{number}": [random.normal(size=(len(d), *shape)).astype(np.float16) for d in documents]
            for number, shape in enumerate(shapes, 1)
        }
        dataset, _ = training_batches(documents, schema, featurizer, 5, 1, contextual=contextual)
        return model, featurizer, next(iter(dataset))

    return make


# Layers that a variant has, and that it lacks.
LAYERS = {
    "whole": ({"bsa_1", "bsa_2", "bla_1", "bla_2", "fusion"}, {"pair_context", "contextual_projection"}),
    "no BLA": ({"bsa_1"}, {"bla_1", "fusion", "label_embedding"}),
    "one unit": ({"bsa_1"}, {"bsa_2"}),
    "pair context": ({"pair_context"}, set()),
    "contextual": ({"scalar_mix_1"}, {"contextual_projection"}),
    "projected": ({"scalar_mix_1", "scalar_mix_2", "contextual_projection"}, set()),
}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("whole", "no units", "pair context") else pytest.param(name, marks=pytest.mark.slow)
        for name in ABLATIONS
    ],
)
def test_every_variant_has_its_layers_learns_with_all_its_weights_and_serialises(make, name):
    model, _, (features, targets) = make(ABLATIONS[name], dropout=True)
    parts = model.token_embedding, model.entity_network, model.relation_network
    layers = {layer.name for part in parts for layer in part.layers}
    there, absent = LAYERS.get(name, (set(), set()))
    assert there <= layers
    assert not absent & layers
    if name == "no self-attention":
        assert not model.entity_network.get_layer("bsa_1").attention.weights
    names = model.token_embedding.input_names
    with tf.GradientTape() as tape:
        embeddings = model.token_embedding({name: features[name] for name in names})
        losses = model.joint_loss(embeddings, targets["tags"], targets["relations"], features["lengths"], training=True)
        loss = sum(losses)
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights)):
        assert gradient is not None, weight.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.name
    inputs = {name: {**features, "tags": targets["tags"]}[name] for name in model.input_names}
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for name, value in model(inputs).items():
        np.testing.assert_allclose(copy(inputs)[name], value, atol=1e-5)


def test_a_sentence_alone_and_in_a_padded_batch_has_the_same_answer(make, documents):
    model, featurizer, _ = make()
    rows = [[token.encode() for token in document.tokens] for document in documents]
    batch = tf.ragged.constant(rows).to_tensor("")
    tags = tf.ones_like(batch == "", tf.int32) * 3

    def outputs(tokens, tags):
        features = featurizer(tokens)
        return model(
            {**{name: features[name] for name in ("words", "spellings", "spelling_index", "lengths")}, "tags": tags}
        )

    together = outputs(batch, tags)
    for row, tokens in enumerate(rows):
        alone = outputs(tf.constant([tokens]), tags[:1, : len(tokens)])
        n = len(tokens)
        np.testing.assert_allclose(together["emissions"][row, :n], alone["emissions"][0], atol=1e-5)
        np.testing.assert_allclose(together["relation_scores"][row, :n, :n], alone["relation_scores"][0], atol=1e-5)


def test_adversarial_step_is_the_sum_of_both_losses(make):
    model, _, (features, targets) = make({"model.encoder": "mlp"})
    arguments = targets["tags"], targets["relations"], features["lengths"]
    with tf.GradientTape() as tape:
        embeddings = model.token_embedding({name: features[name] for name in model.token_embedding.input_names})
        tape.watch(embeddings)
        clean = sum(model.joint_loss(embeddings, *arguments, training=True))
    eta = perturbation(tape.gradient(clean, embeddings), 0.005, features["lengths"])
    moved = sum(model.joint_loss(embeddings + eta, *arguments, training=True))
    assert moved > clean

    # One step of plain gradient descent shows the gradient that was used.
    with tf.GradientTape() as tape:
        inside = model.token_embedding({name: features[name] for name in model.token_embedding.input_names})
        total = sum(model.joint_loss(inside, *arguments, training=True))
        total += sum(model.joint_loss(inside + eta, *arguments, training=True))
    expected = [
        weight - 0.001 * tf.convert_to_tensor(gradient)
        for weight, gradient in zip(model.trainable_weights, tape.gradient(total, model.trainable_weights))
    ]
    model.compile(tf.keras.optimizers.SGD(0.001), adversarial_alpha=0.005)
    found = model.train_step((features, targets))
    np.testing.assert_allclose(found["loss"], clean + moved, rtol=1e-5)
    for weight, value in zip(model.trainable_weights, expected):
        np.testing.assert_allclose(weight, value, atol=1e-5, err_msg=weight.name)


def test_a_step_may_score_the_pairs_of_entities_ends_alone(make):
    model, _, (features, targets) = make({"model.pair_context": 3})
    arguments = targets["tags"], targets["relations"], features["lengths"]
    embeddings = model.token_embedding({name: features[name] for name in model.token_embedding.input_names})
    ner, re = model.joint_loss(embeddings, *arguments, training=True)
    model.compile(tf.keras.optimizers.SGD(0.001), relation_negatives=0.0)
    few_ner, few_re = model.joint_loss(embeddings, *arguments, training=True)
    entities = model.entity_network({"embeddings": embeddings, "lengths": features["lengths"]})
    scores = model.relation_network({**entities, "tags": targets["tags"], "lengths": features["lengths"]})["scores"]
    expected = 0.0
    for row, tags in enumerate(targets["tags"].numpy()):
        follows = np.append(tags[1:], 0)
        ends = [t for t, tag in enumerate(tags) if tag and not (follows[t] and follows[t] % 2 == 0)]
        related = {tuple(cell) for cell in targets["relations"][row].numpy()}
        for i in ends:
            for j in ends:
                for k, score in enumerate(scores[row, i, j].numpy()):
                    expected += np.log1p(np.exp(score)) - score * ((i, j, k) in related)
    np.testing.assert_allclose(few_re, expected / len(scores), rtol=1e-5)
    assert few_re < re
    np.testing.assert_allclose(few_ner, ner, rtol=1e-6)


def test_training_lowers_the_loss_and_is_traced_once_for_all_shapes_and_both_passes(make, documents, schema):
    model, featurizer, _ = make(dropout=True)
    model.compile(tf.keras.optimizers.legacy.Adam(0.02), adversarial_alpha=0.01)
    dataset, steps = training_batches(documents, schema, featurizer, 2, 1)
    shapes = {tuple(features["words"].shape) for features, _ in dataset.take(3 * steps)}
    assert len(shapes) > 1
    losses = model.fit(dataset, steps_per_epoch=steps, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert model.train_function.experimental_get_tracing_count() == 1
    joint_gradients = model._joint
    assert joint_gradients.experimental_get_tracing_count() == 1
    # Decoding has no place in it; ReverseSequence is how crf_decode walks back.
    definition = joint_gradients.get_concrete_function().graph.as_graph_def()
    operations = {node.op for node in definition.node}
    operations |= {node.op for function in definition.library.function for node in function.node_def}
    assert "TensorListSplit" in operations
    assert "ReverseSequence" not in operations


@pytest.mark.usefixtures("eager_here")
def test_micro_batches_make_the_same_gradient(make, monkeypatch):
    plain = {"model.encoder": "mlp", "model.bla": False}
    batch = make(plain)[2]
    tokens = batch[0]["words"].shape[1]
    options = [{}, {"micro_batch": 2}, {"most_cells": 3 * tokens**2}, {"most_cells": 1}]
    sizes = [[5], [2, 2, 1], [3, 2], [1, 1, 1, 1, 1]]
    models, losses, seen = [], [], []
    for option in options:
        model = make(plain)[0]
        model.compile(tf.keras.optimizers.SGD(0.001), adversarial_alpha=0.01, **option)
        seen.append([])
        monkeypatch.setattr("cman_tf.model.step.batch_gradients", recorded(batch_gradients, seen[-1]))
        losses.append(model.train_step(batch)["loss"])
        models.append(model)
    assert [[len(lengths) for lengths, _ in parts] for parts in seen] == sizes
    # No part is wider than its longest sentence, or contains words of others.
    assert all(words.shape[1] == max(lengths) for parts in seen for lengths, words in parts)
    for model, loss in zip(models[1:], losses[1:]):
        np.testing.assert_allclose(loss, losses[0], rtol=1e-5)
        for one, other in zip(models[0].trainable_weights, model.trainable_weights):
            np.testing.assert_allclose(one, other, atol=1e-5, err_msg=one.name)


def recorded(function, seen):
    """A `batch_gradients` that notes the lengths and words of each call."""

    def call(model, joint, features, targets):
        seen.append((features["lengths"].numpy(), features["words"]))
        assert len(features["spellings"]) <= tf.size(features["words"])
        return function(model, joint, features, targets)

    return call
