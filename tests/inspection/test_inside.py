import numpy as np
import pytest
import tensorflow as tf

from cman_tf.errors import InputError
from cman_tf.inspection.inside import look_inside, sentence_features, token_embeddings

TEXT = "Ana and Bo live in Lima , Peru ."


@pytest.fixture(scope="module")
def inside(predictor):
    return look_inside(predictor, TEXT)


def test_it_sees_what_prediction_answers(predictor, inside):
    document = predictor(TEXT)
    assert inside.tokens == document.tokens
    ids = predictor.network.schema.tag_ids(document)
    assert [predictor.network.schema.tags[i][-4:] for i in ids] == [tag[-4:] for tag in inside.tags]
    for relation in document.relations:
        row, column = (document.entities[i].end - 1 for i in (relation.head, relation.tail))
        kind = inside.relation_names.index(relation.type)
        assert inside.relations[row, column, kind] == pytest.approx(relation.score, abs=1e-5)
    assert document.relations
    entity = document.entities[0]
    assert inside.marginals[entity.start].max() >= entity.score - 1e-5


def test_shapes_and_sums(inside, schema):
    n = len(inside.tokens)
    assert list(inside.attention) == ["bsa_1", "bsa_2", "bla_1", "bla_2"]
    for attention in inside.attention.values():
        assert attention.shape == (2, n, n)
        np.testing.assert_allclose(attention.sum(axis=2), 1, atol=1e-5)
    assert inside.marginals.shape == (n, len(schema.tags))
    np.testing.assert_allclose(inside.marginals.sum(axis=1), 1, atol=1e-4)
    assert inside.relations.shape == (n, n, len(schema.relation_types))


def test_marginals_are_those_of_all_tag_sequences(predictor):
    inside = look_inside(predictor, "Ana left")
    _, features = sentence_features(predictor, "Ana left")
    network = predictor.network.model.entity_network
    inputs = {"embeddings": token_embeddings(predictor.network.model, features), "lengths": features["lengths"]}
    emissions, crf = network(inputs)["emissions"], predictor.network.model.crf
    expected = np.zeros_like(inside.marginals)
    for first in range(crf.num_tags):
        for second in range(crf.num_tags):
            chance = tf.exp(crf.log_likelihood(emissions, tf.constant([[first, second]]), tf.constant([2])))[0]
            expected[0, first] += chance
            expected[1, second] += chance
    np.testing.assert_allclose(inside.marginals, expected, atol=1e-5)


def test_attention_is_that_of_the_unit(predictor, inside):
    """The first unit alone, computed by hand from its weights."""
    _, features = sentence_features(predictor, TEXT)
    unit = predictor.network.model.entity_network.get_layer("bsa_1")
    hidden = unit.sequence_encoder(token_embeddings(predictor.network.model, features), mask=None)[0]
    query, key, *_ = (weight.numpy() for weight in unit.attention.weights)
    query, key = np.split(hidden @ query, unit.num_heads, axis=1), np.split(hidden @ key, unit.num_heads, axis=1)
    scores = np.stack([q @ k.T / np.sqrt(q.shape[1]) for q, k in zip(query, key)])
    expected = tf.nn.softmax(scores).numpy()
    np.testing.assert_allclose(inside.attention["bsa_1"], expected, atol=1e-5)


def test_ablations_have_no_attention_where_they_have_none(make):
    assert list(look_inside(make(**{"model.bla": False}), TEXT).attention) == ["bsa_1", "bsa_2"]
    assert list(look_inside(make(**{"model.bsa_attention": False}), TEXT).attention) == ["bla_1", "bla_2"]


def test_one_token_and_none(predictor):
    assert look_inside(predictor, "Ana").attention["bla_2"].shape == (2, 1, 1)
    with pytest.raises(InputError, match=r"at least one token\. Received: ' '"):
        look_inside(predictor, " ")
