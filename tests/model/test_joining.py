"""Two sentences as one for the relation network."""

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.data.batches import pad, training_batches
from cman_tf.model.joining import join
from cman_tf.model.losses import relation_loss
from cman_tf.model.step import accumulated_gradients, joint_gradients
from reproduction.joined import join as join_documents
from tests.conftest import untrained_network


def batch(documents, schema):
    """Tags, relation cells and lengths of sentences, padded, as tensors."""
    tags = pad([np.array(schema.tag_ids(document), np.int32) for document in documents], 0)
    cells = [np.array(schema.relation_cells(document), np.int32).reshape(-1, 3) for document in documents]
    lengths = np.array([len(document) for document in documents], np.int32)
    return tuple(map(tf.constant, (tags, pad(cells, -1), lengths)))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("chosen", [True, False])
def test_pairs_have_the_tokens_and_relations_of_both(documents, schema, count, chosen):
    tags, cells, lengths = batch(documents[-count:], schema)
    values = tf.cast(tf.range(tf.size(cells[:, :, 0])), tf.float32)
    values = tf.reshape(values, tf.shape(cells)[:2])
    found = join(lengths, tf.shape(tags)[1], cells, values, tf.constant(chosen))
    pairs = count // 2 if chosen else 0
    used = documents[-count:]
    expected = [join_documents(used[i], used[pairs + i]) for i in range(pairs)] + used[2 * pairs :]
    np.testing.assert_array_equal(found.lengths, [len(document) for document in expected])
    numbers = tf.reshape(tf.range(1, tf.size(tags) + 1), tf.shape(tags))[:, :, None]
    for row, document in enumerate(expected):
        length = len(document)
        assert found.tokens(tags)[row].numpy()[:length].tolist() == schema.tag_ids(document)
        inside = found.tokens(numbers)[row, :, 0].numpy()
        assert inside[:length].all()
        assert not inside[length:].any()
        there = [tuple(cell) for cell in found.relations[row].numpy().tolist() if cell[0] >= 0]
        assert sorted(there) == schema.relation_cells(document)
    kept = tf.boolean_mask(found.values, found.relations[:, :, 0] >= 0)
    given = tf.boolean_mask(values, cells[:, :, 0] >= 0)
    assert sorted(kept.numpy().tolist()) == sorted(given.numpy().tolist())


@pytest.mark.usefixtures("eager_here")
def test_the_relation_network_alone_reads_pairs(config, documents):
    network = untrained_network(config, documents)
    model = network.model
    model.compile(tf.keras.optimizers.legacy.SGD(), joined=1.0)
    tags, cells, lengths = batch(documents[2:], network.schema)
    embeddings = tf.random.stateless_normal([3, tags.shape[1], model.token_embedding.output_shape[-1]], [1, 2])
    joined = join(lengths, tf.shape(tags)[1], cells, tf.ones(tf.shape(cells)[:2]), tf.constant(True))
    plain = model.joint_loss(embeddings, tags, cells, lengths, False)
    found = model.joint_loss(embeddings, tags, cells, lengths, False, joined=joined)
    assert found[0] == plain[0]
    assert abs(found[1] - plain[1]) > 1e-2

    # The same from concatenated token vectors. The second sentence of the pair is that in the middle of the batch.
    tokens = model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)["tokens"].numpy()
    both = np.concatenate([tokens[0, : lengths[0]], tokens[1, : lengths[1]]])[None]
    alone = tokens[2:, : lengths[2]]
    losses = []
    for vectors, document in ((both, join_documents(documents[2], documents[3])), (alone, documents[4])):
        own, relations, length = batch([document], network.schema)
        scores = model.relation_network({"tokens": vectors, "tags": own, "lengths": length}, training=False)["scores"]
        losses.append(relation_loss(scores, relations, length)[0])
    np.testing.assert_allclose(found[1], sum(losses) / 3, rtol=1e-5)


@pytest.mark.usefixtures("eager_here")
def test_a_network_without_relations_ignores_it(config, documents):
    sentences = [document.with_annotation(document.entities, ()) for document in documents]
    network = untrained_network(config, sentences)
    network.model.compile(tf.keras.optimizers.legacy.SGD(), joined=1.0)
    dataset, _ = training_batches(sentences, network.schema, network.featurizer, len(sentences), seed=1)
    (ner, re), _ = accumulated_gradients(network.model, joint_gradients(network.model), *next(iter(dataset)))
    assert ner > 0
    assert re == 0
