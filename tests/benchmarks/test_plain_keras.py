"""The plain build is a fair opponent only if it computes the same thing: same weights in, same losses and steps out."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.plain_keras import PlainCman, plain_inputs
from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.assembly import build_cman

pytestmark = pytest.mark.slow  # the stock parts take long to trace

SIZES = {
    "words.size": 5,
    "words.min_count": 1,
    "characters.size": 4,
    "characters.hidden_size": 3,
    "model.hidden_size": 6,
    "model.num_heads": 3,
    "model.label_size": 4,
    "model.relation_size": 5,
    "model.embedding_dropout": 0.0,
    "model.lstm_dropout": 0.0,
}

DOCUMENTS = [
    Document("Ana Lima left Oslo .".split(), [Entity(0, 2, "Peop"), Entity(3, 4, "Loc")], [Relation(0, 1, "Live_In")]),
    Document("It rained .".split()),
    Document(
        "The Opera of Oslo hired Bo .".split(),
        [Entity(1, 4, "Org"), Entity(5, 6, "Peop")],
        [Relation(1, 0, "Work_For")],
    ),
]


@pytest.fixture(scope="module")
def pair():
    """`((project, its batch), (plain, its batch))` with equal weights and no dropout."""
    config = configs.change(configs.Config(), SIZES)
    schema = Schema.of(DOCUMENTS)
    vocabulary, _ = Vocabulary.of(DOCUMENTS, config.words)
    featurizer = Featurizer(vocabulary, config.characters.max_length)
    random = np.random.default_rng(0)
    vectors = [random.standard_normal([len(document), 1, 7]).astype(np.float16) for document in DOCUMENTS]
    dataset, _ = training_batches(DOCUMENTS, schema, featurizer, 4, seed=1, contextual={"contextual_1": vectors})
    batch = next(iter(dataset))

    sizes = {"num_trained_words": vocabulary.num_trained + 2, "num_characters": featurizer.num_characters}
    project = build_cman(config, schema, num_fixed_words=0, contextual=[(1, 7)], **sizes)
    plain = PlainCman(config, schema, *sizes.values(), (1, 7))
    plain_batch = plain_inputs(*batch, len(schema.relation_types))
    for layer, weights in stock_weights(project, plain):
        layer.set_weights(weights)
    plain.transitions.assign(project.crf.transitions)
    return (project, batch), (plain, plain_batch)


def test_same_number_of_parameters(pair):
    (project, _), (plain, _) = pair
    assert sum(tf.size(weight) for weight in plain.trainable_weights) == sum(
        tf.size(weight) for weight in project.trainable_weights
    )


def test_same_loss(pair):
    (project, (features, targets)), (plain, plain_batch) = pair
    embeddings = project.token_embedding({name: features[name] for name in project.token_embedding.input_names})
    losses = project.joint_loss(embeddings, targets["tags"], targets["relations"], features["lengths"], training=False)
    assert float(sum(losses)) == pytest.approx(plain_loss(plain, *plain_batch), rel=1e-3)


def test_same_adversarial_step(pair):
    (project, batch), (plain, plain_batch) = pair
    before = plain_loss(plain, *plain_batch)
    project.compile(tf.keras.optimizers.SGD(0.002), adversarial_alpha=0.5)
    plain.compile(tf.keras.optimizers.SGD(0.002))
    plain.alpha = 0.5  # large, so that the second pass is far from the first
    loss = float(plain.train_step(plain_batch)["loss"])

    assert float(project.train_step(batch)["loss"]) == pytest.approx(loss, rel=1e-3)
    assert loss > 2 * before + 0.01
    # Equal weights after the step: so were the gradients of both passes.
    assert plain_loss(plain, *plain_batch) < before - 0.1
    for layer, weights in stock_weights(project, plain):
        for found, expected in zip(layer.get_weights(), weights):
            np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=layer.name)
    np.testing.assert_allclose(plain.transitions, project.crf.transitions, atol=1e-5)


def plain_loss(plain, features, targets):
    embeddings = plain.embed({name: features[name] for name in plain.embed.input_names})
    return float(plain.joint_loss(embeddings, targets, features["lengths"], training=False))


def stock_weights(project, plain):
    """Each weighted layer of the plain build with the project's weights in that layer's own order."""
    embedding, entities, relations = project.token_embedding, project.entity_network, project.relation_network
    characters = embedding.get_layer("character_encoder")
    yield plain.embed.get_layer("words_in"), [embedding.get_layer("word_embedding").trained.numpy()]
    yield plain.embed.get_layer("characters_in"), characters.embedding.get_weights()
    yield plain.embed.get_layer("character_bilstm"), bilstm_weights(characters.bilstm)
    yield plain.embed.get_layer("scalar_mix_1"), embedding.get_layer("scalar_mix_1").get_weights()

    stock = plain.network.get_layer
    for network, name in ((entities, "bsa_1"), (entities, "bsa_2"), (relations, "bla_1"), (relations, "bla_2")):
        unit = network.get_layer(name)
        yield stock(f"{name}_bilstm"), bilstm_weights(unit.sequence_encoder)
        attention = stock(f"{name}_attention")
        kernels = zip(unit.attention.get_weights(), attention.weights)
        yield attention, [kernel.reshape(stocks.shape) for kernel, stocks in kernels]
        yield stock(f"{name}_normalization"), unit.normalization.get_weights()
    yield stock("fusion_bilstm"), bilstm_weights(relations.get_layer("fusion"))
    yield stock("labels"), relations.get_layer("label_embedding").get_weights()
    yield stock("emissions"), [project.crf.kernel.numpy(), project.crf.bias.numpy()]
    selection = relations.get_layer("head_selection")
    yield stock("pair_scores").head, [selection.head_kernel.numpy()]
    yield stock("pair_scores").tail, [selection.tail_kernel.numpy(), selection.bias.numpy()]
    yield ScorerOf(stock("pair_scores")), [selection.scorer.numpy()[:, :, 0]]


class ScorerOf:
    """The weight of a pair layer itself, without those of its sub-layers."""

    def __init__(self, layer):
        self.name, self.scorer = layer.name, layer.scorer

    def get_weights(self):
        return [self.scorer.numpy()]

    def set_weights(self, weights):
        self.scorer.assign(weights[0])


def bilstm_weights(layer):
    """Both directions side by side -> Keras: input's kernel, recurrent kernel and bias of each."""
    weights = []
    for way, columns in enumerate(np.split(np.arange(8 * layer.units), 2)):
        weights += [
            layer.kernel.numpy()[:, columns],
            layer.recurrent_kernel.numpy()[way],
            layer.bias.numpy()[columns],
        ]
    return weights
