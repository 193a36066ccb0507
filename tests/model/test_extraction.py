import numpy as np
import pytest

from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.assembly import build_cman
from cman_tf.predictor import Predictor


@pytest.fixture(scope="module")
def model(config, documents, schema):
    return predictor(config, documents, schema)


def predictor(config, documents, schema, **options):
    vocabulary, _ = Vocabulary.of(documents, config.words)
    featurizer = Featurizer(vocabulary, config.characters.max_length)
    model = build_cman(
        config,
        schema,
        num_trained_words=vocabulary.num_trained + 2,
        num_fixed_words=0,
        num_characters=featurizer.num_characters,
    )

    return Predictor(model, featurizer, schema, config, **options)


ODD = [
    "",
    "   ",
    "one",
    "😀 👩‍👩‍👧 in Oslo",
    "مرحبا بالعالم من Oslo",
    "a\x00b\x1bc \u200bd",
    "Ana\tlives\nin Oslo",
    "e\u0301te\u0301",
    "\ud800 x",
]


def test_any_text_is_answered_and_offsets_are_those_of_the_text(model):
    found = model(ODD)
    for text, document in zip(ODD, found):
        assert document.text == text
        for token, (start, end) in zip(document.tokens, document.offsets):
            assert text[start:end] == token
        for entity in document.entities:
            start, end = document.char_span(entity)
            assert text[start:end] == document.entity_text(entity)
            assert 0 <= entity.score <= 1
        assert all(0.5 < relation.score <= 1 for relation in document.relations)
    assert any(document.entities for document in found)


def test_no_sentence_no_answer(model):
    assert model([]) == []


def test_answers_do_not_depend_on_the_batch(model, documents):
    texts = [document.text for document in documents] + ODD + ["word " * 70]
    one, many = [model(text) for text in texts], model(texts)
    assert one == many
    for first, second in zip(one, many):
        np.testing.assert_allclose([e.score for e in first.entities], [e.score for e in second.entities], atol=1e-4)


def test_a_sentence_of_two_thousand_tokens_is_answered(model):
    document = model("Ana met Bo in Lima . " * 334)
    assert len(document) == 2004


def test_gold_tags_reach_the_relations_only(model, documents):
    # An untrained network may well relate nothing; here every pair is a relation.
    model = model.with_decoding(threshold=0.001)
    predicted, gold = model.extract(documents), model.extract(documents, label_source="gold")
    assert [d.entities for d in predicted] == [d.entities for d in gold]
    labels = model.model.relation_network.get_layer("label_embedding").weights[0]
    kept = labels.numpy()
    labels.assign(kept * 100)
    scores = [[r.score for r in d.relations] for d in model.extract(documents)]
    gold_scores = [[r.score for r in d.relations] for d in model.extract(documents, label_source="gold")]
    labels.assign(kept)
    assert any(scores)
    assert scores != gold_scores


def test_the_graph_has_stock_operations_only(model):
    graph = model._from_tokens.get_concrete_function().graph.as_graph_def()
    operations = {node.op for node in graph.node}
    operations |= {node.op for function in graph.library.function for node in function.node_def}
    assert not {name for name in operations if "PyFunc" in name}
