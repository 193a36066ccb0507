import pytest

from cman_tf.data import raw_text
from cman_tf.data.document import Entity, Relation
from cman_tf.errors import InputError


def test_tokens_keep_their_place_in_the_text():
    texts = ["Ana Lima left.", "", " \t", "🎈 x\x07y", "a\ud800b"] * 60  # more than one chunk
    found = raw_text.documents(texts)
    assert [document.text for document in found] == texts
    assert [document.tokens for document in found[:4]] == [("Ana", "Lima", "left", "."), (), (), ("🎈", "x", "y")]


@pytest.mark.parametrize(
    ("text", "span", "tokens", "entity"),
    [
        ("Ana left", (0, 3), ("Ana", "left"), (0, 1)),
        ("Ana left", (0, 4), ("Ana", "left"), (0, 1)),
        ("non-French", (4, 10), ("non-", "French"), (1, 2)),
        ("Franco-German", (0, 6), ("Franco", "-German"), (0, 1)),
        ("abc", (1, 2), ("a", "b", "c"), (1, 2)),
        ("a\x07b c", (1, 3), ("a", "b", "c"), (1, 2)),
    ],
)
def test_tokens_are_cut_where_an_entity_begins_or_ends(text, span, tokens, entity):
    found = raw_text.annotated(raw_text.documents([text])[0], [(*span, "A", 0.5)])
    assert found.tokens == tokens
    assert found.entities == (Entity(*entity, "A"),)
    assert found.entities[0].score == 0.5


def test_entities_keep_their_order_for_relations():
    [document] = raw_text.documents(["Ana left Oslo"])
    found = raw_text.annotated(document, [(9, 13, "Loc", None), (0, 3, "Peop", None)], [Relation(1, 0, "Left")], "7")
    assert found.entities == (Entity(2, 3, "Loc"), Entity(0, 1, "Peop"))
    assert (found.relations, found.id) == ((Relation(1, 0, "Left"),), "7")


@pytest.mark.parametrize("span", [(3, 4), (0, 0), (-1, 2), (2, 99), (5, 2)])
def test_spans_that_are_no_entities(span):
    [document] = raw_text.documents(["Ana left"])
    with pytest.raises(InputError, match="An entity must "):
        raw_text.annotated(document, [(*span, "A", None)])
