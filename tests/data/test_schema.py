import json

import pytest
from hypothesis import given, settings

from cman_tf.data.document import Entity, Relation
from cman_tf.data.formats import multihead
from cman_tf.data.schema import Schema
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence


def test_of_collects_types_in_alphabetical_order_and_signatures():
    schema = Schema.of([ann(), sentence("x", [(0, 1, "Alien")])])
    assert schema.entity_types == ("Alien", "Loc", "Org", "Peop")
    assert schema.relation_types == ("Live_In", "Work_For")
    assert schema.signatures == {("Live_In", "Peop", "Loc"), ("Work_For", "Peop", "Org")}


def test_tags_and_their_ids():
    schema = Schema(["Loc", "Peop"], [])
    assert schema.tags == ("O", "B-Loc", "I-Loc", "B-Peop", "I-Peop")
    assert schema.tag_ids(sentence("a b c d e", [(3, 5, "Loc"), (0, 2, "Peop"), (2, 3, "Peop")])) == [3, 4, 3, 1, 2]


def test_a_relation_links_last_tokens():
    schema = Schema.of([ann()])
    assert schema.relation_cells(ann()) == [(1, 3, 1), (1, 6, 0)]


def test_a_relation_annotated_twice_is_one_cell():
    twice = sentence("a b", [(0, 1, "A"), (1, 2, "A")], [(0, 1, "R"), (0, 1, "R")])
    assert Schema.of([twice]).relation_cells(twice) == [(0, 1, 0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), r"at least one entity type\. Received: none"),
        ((["A", "A"], []), r"`entity_types` must not repeat a name\. Received: A, A"),
        ((["A"], ["R", "R"]), r"`relation_types` must not repeat a name"),
        ((["A "], []), r"outer blanks\. Received: 'A '"),
        (([""], []), r"non-empty string"),
        ((["A"], [3]), r"relation type must be a non-empty string .*Received: 3"),
        ((["A"], ["R"], [("R", "A", "B")]), r"signature must use known types\. Received: R: A -> B"),
        ((["A"], ["R"], [("S", "A", "A")]), r"signature must use known types\. Received: S: A -> A"),
    ],
)
def test_what_breaks_a_rule_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Schema(*arguments)


def test_overlapping_entities_have_no_tags():
    nested = sentence("New York City", [(0, 3, "Loc"), (0, 2, "Loc")])
    with pytest.raises(
        InputError, match=r"overlap drop_sentences\|keep_outer\|keep_inner\. Received: 'New York City' and 'New York'"
    ):
        Schema.of([nested]).tag_ids(nested)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            ann().with_annotation([Entity(0, 1, "Alien")], []),
            r"Every entity type must be one of Loc, Org, Peop\. .*'Alien'",
        ),
        (
            ann().with_annotation([Entity(0, 1, "Peop"), Entity(2, 3, "Loc")], [Relation(0, 1, "Eats")]),
            r"Every relation type must be one of Live_In, Work_For\. Received: 'Eats' in sentence '7'",
        ),
    ],
)
def test_unknown_labels_are_refused(document, message):
    with pytest.raises(InputError, match=message):
        Schema.of([ann()]).check(document)


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"entity_types": 3, "relation_types": []}', '{"entities": []}'])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(InputError, match="schema must"):
        Schema.from_json(text)


@settings(deadline=None)
@given(documents())
def test_json_gives_the_schema_back(drawn):
    if any(document.entities for document in drawn):
        schema = Schema.of(drawn)
        assert Schema.from_json(schema.to_json()) == schema
        assert json.loads(schema.to_json())["entity_types"] == list(schema.entity_types)


@settings(deadline=None)
@given(documents(overlapping=False))
def test_tags_hold_the_entities(drawn):
    drawn = [document for document in drawn if document.entities]
    for document in drawn:
        schema = Schema.of(drawn)
        tags = [schema.tags[index] for index in schema.tag_ids(document)]
        assert set(multihead.entities_of(tags)) == set(document.entities)
