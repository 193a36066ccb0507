import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.answers import annotated
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.errors import InputError
from cman_tf.model.calibration import Calibration, Scale
from cman_tf.model.extraction import Extractor
from cman_tf.model.network import Network
from cman_tf.predictor import Predictor


@pytest.fixture(scope="module")
def model(config, documents, schema):
    return predictor(config, documents, schema)


@pytest.fixture(scope="module")
def eager_to_relate(config, documents, schema):
    """An untrained network finds next to nothing; here every token is an entity, and nearly every pair a relation."""
    made = predictor(config, documents, schema)
    made.network.model.crf.bias.assign([-2, -2, -2, 2, -2])
    return made.with_decoding(threshold=0.001)


def predictor(config, documents, schema):
    vocabulary, _ = Vocabulary.of(documents, config.words)
    return Predictor(Network.build(config, schema, vocabulary))


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


def test_any_text_is_answered_and_offsets_are_those_of_the_text(eager_to_relate):
    found = eager_to_relate(ODD)
    for text, document in zip(ODD, found):
        assert document.text == text
        for token, (start, end) in zip(document.tokens, document.offsets):
            assert text[start:end] == token
        for entity in document.entities:
            start, end = document.char_span(entity)
            assert text[start:end] == document.entity_text(entity)
            assert 0 <= entity.score <= 1
        assert all(0.001 < relation.score <= 1 for relation in document.relations)
    assert any(document.relations for document in found)


@pytest.mark.parametrize(("given", "kind"), [(None, "NoneType"), (b"abc", "bytes"), (["a", None], "NoneType")])
def test_something_else_than_text_is_refused(model, given, kind):
    with pytest.raises(InputError, match=rf"A text must be a string.* Received: {kind} at position"):
        model(given)


def test_a_sentence_too_long_for_the_memory_is_refused(model, documents, monkeypatch):
    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(model, "_from_tokens", exhausted)
    with pytest.raises(InputError, match="Out of memory: sentence 5 has 9 tokens. .* split the sentence"):
        model.extract(documents)


def test_no_sentence_no_answer(model):
    assert model([]) == []


def test_answers_do_not_depend_on_the_batch(eager_to_relate, documents):
    texts = [document.text for document in documents] + ODD + ["word " * 70]
    one, many = [eager_to_relate(text) for text in texts], eager_to_relate(texts)
    assert one == many
    assert any(document.relations for document in one)
    for first, second in zip(one, many):
        for item in ("entities", "relations"):
            scores = [[found.score for found in getattr(document, item)] for document in (first, second)]
            np.testing.assert_allclose(*scores, atol=1e-5)


def test_a_sentence_of_two_thousand_tokens_is_answered(eager_to_relate):
    document = eager_to_relate.with_decoding(threshold=0.999)("Ana met Bo in Lima . " * 334)
    scores = {entity.start: entity.score for entity in document.entities}
    assert len(document) == 2004
    # Far from both ends all repetitions read the same before and after.
    for place in range(900, 906):
        assert scores[place] == pytest.approx(scores[place + 300], abs=1e-5)
    assert max(scores.values()) > min(scores.values()) + 1e-3


def test_gold_tags_reach_the_relations_only(eager_to_relate, documents):
    model = eager_to_relate
    predicted, gold = model.extract(documents), model.extract(documents, label_source="gold")
    assert [d.entities for d in predicted] == [d.entities for d in gold]
    labels = model.network.model.relation_network.get_layer("label_embedding").weights[0]
    kept = labels.numpy()
    labels.assign(kept * 100)
    scores = [[r.score for r in d.relations] for d in model.extract(documents)]
    gold_scores = [[r.score for r in d.relations] for d in model.extract(documents, label_source="gold")]
    labels.assign(kept)
    assert any(scores)
    assert scores != gold_scores


B_LOC, I_LOC, B_PEOP = 1, 2, 3


def forced(config, documents, schema, transitions, **decoding):
    """A predictor of a network whose tags follow from `transitions` alone and whose relation scores are all 0.5."""
    changed = configs.change(config, {"model.encoder": "mlp", **{f"decoding.{k}": v for k, v in decoding.items()}})
    made = predictor(changed, documents, schema)
    crf, pairs = made.network.model.crf, made.network.model.head_selection
    for weight in (*crf.weights, *pairs.weights):
        weight.assign(tf.zeros_like(weight))
    # O comes never, and of two tags that are as likely B-Peop is the first.
    crf.bias.assign([-9, 0, 0, 0.1, -9])
    for pair, score in transitions.items():
        crf.transitions[pair].assign(score)
    return made


def spans(document):
    return [(entity.start, entity.end, entity.type) for entity in document.entities]


@pytest.mark.usefixtures("eager_here")
def test_decoding_is_bio_constrained_where_the_config_says_so(config, documents, schema):
    likely = {(B_PEOP, I_LOC): 9.0}
    free, constrained = (forced(config, documents, schema, likely, bio_constrained=on) for on in (False, True))
    assert spans(free("Ana left")) == [(0, 1, "Peop"), (1, 2, "Loc")]
    assert spans(constrained("Ana left")) == [(0, 1, "Peop"), (1, 2, "Peop")]
    assert spans(constrained.with_decoding(bio_constrained=True, threshold=0.4)("Ana left")) == [
        (0, 1, "Peop"), (1, 2, "Peop")
    ]  # fmt: skip
    for made, on in ((free, True), (constrained, False)):
        with pytest.raises(
            ValueError, match=rf"load the run with it .*{on}}}\)\. Received: {on} for .* with {not on}$"
        ):
            made.with_decoding(bio_constrained=on)


@pytest.mark.usefixtures("eager_here")
def test_relations_are_type_constrained_where_the_config_says_so(config, documents, schema):
    in_turn = {(B_PEOP, B_LOC): 9.0, (B_LOC, B_PEOP): 9.0}
    options = {"threshold": 0.4, "type_constrained": True}
    constrained = forced(config, documents, schema, in_turn, **options)

    def found(made):
        document = made("Ana Oslo Bo")
        assert spans(document) == [(0, 1, "Peop"), (1, 2, "Loc"), (2, 3, "Peop")]
        assert all(relation.score == 0.5 for relation in document.relations)
        return {(relation.head, relation.tail, relation.type) for relation in document.relations}

    # Of (Loc, Loc) that can be Located_In there is no pair here.
    allowed = {(0, 1, "Live_In"), (2, 1, "Live_In")}
    every = {
        (head, tail, name) for head in range(3) for tail in range(3) if head != tail for name in schema.relation_types
    }
    assert found(constrained) == allowed
    free = constrained.with_decoding(type_constrained=False)
    assert found(free) == every
    assert found(free.with_decoding(type_constrained=True)) == allowed
    assert found(constrained) == allowed


@pytest.mark.usefixtures("eager_here")
def test_fitted_thresholds_are_those_of_the_network(config, documents, schema):
    made = forced(config, documents, schema, {(B_PEOP, B_LOC): 9.0, (B_LOC, B_PEOP): 2.0}, threshold=0.4)
    before = made("Ana Oslo Bo")
    assert [entity.type for entity in before.entities] == ["Peop", "Loc", "Peop"]
    lowest, second, _ = sorted(entity.score for entity in before.entities)
    assert lowest < second - 1e-3
    between = (lowest + second) / 2
    calibration = Calibration(between, {"Live_In": 0.6}, relation_scale=Scale(1.0, 1.0))
    # As an export calls it, without arguments.
    network = dataclasses.replace(made.network, calibration=calibration)
    found = Extractor(network).from_tokens(tf.constant([["Ana", "Oslo", "Bo"]]))
    kept = [entity for entity in before.entities if entity.score > between]
    assert len(kept) == 2
    document = annotated(before, {name: value.numpy() for name, value in found.items()}, 0, schema)
    assert document.entities == tuple(kept)
    assert np.count_nonzero(found["tags"]) == len(kept)
    scores = [relation.score for relation in document.relations]
    assert scores == pytest.approx([1 / (1 + np.exp(-1))] * 4)
    with_less = made.with_calibration(Calibration(0.0, {"Live_In": 0.6, "Located_In": 0.4}))("Ana Oslo Bo")
    assert {relation.type for relation in with_less.relations} == {"Located_In"}


def test_the_graph_has_stock_operations_only(model):
    graph = model._from_tokens.get_concrete_function().graph.as_graph_def()
    operations = {node.op for node in graph.node}
    operations |= {node.op for function in graph.library.function for node in function.node_def}
    assert not {name for name in operations if "PyFunc" in name}
