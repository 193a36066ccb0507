import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence


def test_text_and_offsets_default_to_tokens_between_spaces():
    document = Document(["a", "😀b", "é"])
    assert document.text == "a 😀b é"
    assert document.offsets == ((0, 1), (2, 4), (5, 6))
    assert len(document) == 3


def test_an_entity_knows_its_characters():
    text = "In  New York."
    document = Document(
        ["In", "New", "York", "."], [Entity(1, 3, "Loc")], (), text, [(0, 2), (4, 7), (8, 12), (12, 13)]
    )
    assert document.char_span(document.entities[0]) == (4, 12)
    assert document.entity_text(document.entities[0]) == "New York"


def test_scores_are_not_compared():
    assert Entity(0, 1, "A", 0.5) == Entity(0, 1, "A")
    assert Relation(0, 1, "R", 0.5) == Relation(0, 1, "R")
    assert Entity(0, 1, "A") != Entity(0, 1, "B")


def test_a_document_keeps_no_list_of_the_caller():
    tokens = ["a", "b"]
    document = Document(tokens, [Entity(0, 1, "A")])
    tokens.append("c")
    assert document.tokens == ("a", "b")
    assert document.entities == (Entity(0, 1, "A"),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a", ""],), r"non-empty string\. Received: token 1 is ''"),
        ((["a", 3],), r"non-empty string\. Received: token 1 is 3"),
        ((["a"], [Entity(0, 2, "A")]), r"Received: start=0, end=2 in a sentence of 1 token"),
        ((["a"], [Entity(-1, 1, "A")]), r"start=-1, end=1"),
        ((["a", "b"], [Entity(1, 1, "A")]), r"start=1, end=1"),
        ((["a", "b"], [Entity(2, 1, "A")]), r"start=2, end=1"),
        ((["a"], [Entity(0, 1, "A")], [Relation(0, 1, "R")]), r"relation's tail must .* tail=1 .* 1 entities"),
        ((["a"], [Entity(0, 1, "A")], [Relation(-1, 0, "R")]), r"relation's head must .* head=-1"),
        ((["a"], [Entity(0, 1, "A")], [Relation(0, 0, "R")]), r"two different entities\. Received: head=tail=0"),
        (("Ana left",), r"`tokens` must be a sequence of strings\. Received: the string 'Ana left'"),
        ((["a"], [Entity(0, 1.0, "A")]), r"entity's start and end must be whole numbers\. Received: 0 and 1\.0"),
        ((["a"], [Entity(0, True, "A")]), r"entity's start and end must be whole numbers\. Received: 0 and True"),
        ((["a"], [Entity(0, 1, "")]), r"A type must be a non-empty string\. Received: ''"),
        ((["a"], [Entity(0, 1, None)]), r"A type must be a non-empty string\. Received: None"),
        (
            (["a", "b"], [Entity(0, 1, "A"), Entity(1, 2, "A")], [Relation("0", 1, "R")]),
            r"relation's head and tail must be whole numbers\. Received: '0' and 1",
        ),
        ((["a"], (), (), "a"), r"`offsets` must be given with `text`"),
        ((["a"], (), (), "a", []), r"one pair for each token\. Received: 0 pairs for 1 tokens"),
        ((["a"], (), (), "ba", [(0, 1)]), r"must be the token\. Received: 'b' at 0:1 for token 'a'"),
        ((["a"], (), (), "ba", [(-1, 2)]), r"be ascending and not overlap\. Received: -1:2 for token 'a'"),
        ((["a"], (), (), "ba", [(1, 3)]), r"must be the token\. Received: 'a' at 1:3 for token 'a'"),
        (
            (["b", "a"], (), (), "ab", [(1, 2), (0, 1)]),
            r"be ascending and not overlap\. Received: 0:1 for token 'a' after 2",
        ),
        (
            (["ab", "b"], (), (), "ab", [(0, 2), (1, 2)]),
            r"be ascending and not overlap\. Received: 1:2 for token 'b' after 2",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Document(*arguments)


def test_with_annotation_keeps_the_sentence():
    document = ann().with_annotation([Entity(0, 1, "Peop")], [])
    assert (document.tokens, document.text, document.id) == (ann().tokens, ann().text, "7")
    assert document.entities == (Entity(0, 1, "Peop"),)
    assert document.relations == ()


def test_overlapping_gives_each_pair_once():
    document = sentence("a b c d e", [(3, 5, "A"), (0, 3, "A"), (1, 2, "A"), (2, 4, "A")])
    assert set(map(frozenset, document.overlapping())) == {frozenset(p) for p in [(1, 2), (1, 3), (3, 0)]}
    assert ann().overlapping() == []


@settings(deadline=None)
@given(documents(), st.data())
def test_overlapping_is_sharing_a_token(drawn, data):
    for document in drawn:
        entities = document.entities
        shared = {
            frozenset((i, j))
            for i in range(len(entities))
            for j in range(i)
            if set(range(entities[i].start, entities[i].end)) & set(range(entities[j].start, entities[j].end))
        }
        assert set(map(frozenset, document.overlapping())) == shared


@settings(deadline=None)
@given(documents(spaced=True))
def test_offsets_give_the_tokens(drawn):
    for document in drawn:
        assert tuple(document.text[start:end] for start, end in document.offsets) == document.tokens
