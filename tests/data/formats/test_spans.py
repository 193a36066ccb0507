"""What a person may choose for annotations that a sentence cannot represent."""

import pytest

from cman_tf.data.formats import across, offsets, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.spans import Link, Span, Text
from cman_tf.errors import InputError

TEXT = "Ana Lima lives in Oslo. She met Bo in Rome."


def read(found, relations=(), text=TEXT, sentences="split", **choices):
    """`(sentences as (text, entities, relations), reading)`; an entity is `(mention or pieces, type)`."""
    reading = Reading(**choices)
    annotated = Text(text, "a.json", "7", {key: Span(pieces(text, *span)[0], span[1]) for key, span in found.items()})
    annotated.relations = [Link(*relation) for relation in relations]
    documents = reading.finish(spans.documents([annotated], "a.json", reading, sentences=sentences), "a.json")
    return [
        (
            d.id,
            [(entity.text, entity.type) for entity in d.entities],
            [(r.head.text, r.type, r.tail.text) for r in d.relations],
        )
        for d in documents
    ], reading


def pieces(text, where, kind):
    if isinstance(where, str):
        return [(text.index(where), text.index(where) + len(where))], kind
    return where, kind


PEOPLE = {1: ("Ana Lima", "Peop"), 2: ("Oslo", "Loc"), 3: ("Bo", "Peop"), 4: ("Rome", "Loc")}


def test_relations_across_sentences():
    links = [(1, 2, "Live_In"), (1, 3, "Met")]
    found, reading = read(PEOPLE, links)
    assert found == [
        ("7:1", [("Ana Lima", "Peop"), ("Oslo", "Loc")], [("Ana Lima", "Live_In", "Oslo")]),
        ("7:2", [("Bo", "Peop"), ("Rome", "Loc")], []),
    ]
    assert reading.left_out == {"relations across sentences": 1}
    found, reading = read(PEOPLE, links, cross_sentence="merge")
    assert [(name, relations) for name, _, relations in found] == [
        ("7", [("Ana Lima", "Live_In", "Oslo"), ("Ana Lima", "Met", "Bo")])
    ]
    assert not reading.left_out
    with pytest.raises(InputError, match="left out. Received: relations across sentences in a.json"):
        read(PEOPLE, links, strict=True)


def test_sentences_are_joined_up_to_a_length():
    text = "Ana left. " + "It rained. " * across.LONGEST + "Bo came."
    found, reading = read({1: ("Ana", "Peop"), 2: ("Bo", "Peop")}, [(1, 2, "Met")], text, cross_sentence="merge")
    assert len(found) == across.LONGEST + 2
    assert reading.left_out == {"relations across sentences that are too long together": 1}


DISCONTINUOUS = {1: ("Ana Lima", "Peop"), 2: ([(0, 3), (9, 14)], "Odd")}


def test_entities_in_pieces():
    found, reading = read(DISCONTINUOUS, [(1, 2, "Is")], text="Ana Lima lives.")
    assert found == [("7", [("Ana Lima", "Peop")], [])]
    assert reading.left_out == {"discontinuous entities": 1, "relations of entities that are left out": 1}
    found, reading = read(DISCONTINUOUS, [(1, 2, "Is")], text="Ana Lima lives.", discontinuous="join")
    assert found == [("7", [("Ana Lima", "Peop"), ("Ana Lima lives", "Odd")], [("Ana Lima", "Is", "Ana Lima lives")])]
    for choices in ({"discontinuous": "refuse"}, {"strict": True}, {"discontinuous": "refuse", "strict": True}):
        with pytest.raises(InputError, match=r"must be continuous\. Received: 'Ana lives' in a\.json$"):
            read(DISCONTINUOUS, text="Ana Lima lives.", **choices)


def test_pieces_with_white_space_between_them_are_one():
    found, reading = read({1: ([(4, 8), (0, 3)], "Peop")})
    assert found[0][1] == [("Ana Lima", "Peop")]
    assert not reading.left_out


def test_blanks_at_the_ends_are_counted():
    found, reading = read({1: ([(0, 9)], "Peop"), 2: ([(17, 22)], "Loc"), 3: ("Bo", "Peop")}, strict=True)
    assert [entities for _, entities, _ in found] == [[("Ana Lima", "Peop"), ("Oslo", "Loc")], [("Bo", "Peop")]]
    assert reading.left_out == {"blanks at the ends of spans": 2}
    found, reading = read({1: ([(0, 9)], "Peop"), 2: ("Ana Lima", "Peop")}, [(2, 1, "Is")])
    assert found[0][1] == [("Ana Lima", "Peop")]
    assert reading.left_out["entities annotated twice"] == 1


NESTED = {1: ("Ana Lima", "Peop"), 2: ("Lima", "Loc"), 3: ("Oslo", "Loc"), 4: ("Rome", "Loc")}


@pytest.mark.parametrize(
    ("nested", "expected", "left_out"),
    [
        ("keep", ["Ana Lima", "Lima", "Oslo", "Rome"], {}),
        ("keep_outer", ["Ana Lima", "Oslo", "Rome"], {"nested entities": 1, "relations of nested entities": 1}),
        ("keep_inner", ["Lima", "Oslo", "Rome"], {"nested entities": 1, "relations of nested entities": 1}),
        ("drop_sentence", ["Rome"], {"sentences with nested entities": 1}),
    ],
)
def test_nested_entities(nested, expected, left_out):
    links = [(1, 3, "Live_In")] if nested != "keep_outer" else [(2, 3, "In")]
    found, reading = read(NESTED, links, nested=nested)
    assert [mention for _, entities, _ in found for mention, _ in entities] == expected
    assert reading.left_out == left_out


def test_a_border_inside_an_entity_is_none():
    found, reading = read({1: ("Oslo. She", "Odd"), 2: ("Bo", "Peop")})
    assert found == [("7", [("Oslo. She", "Odd"), ("Bo", "Peop")], [])]


def test_sentences_lines_and_text():
    text = "Ana left. Bo came.\n\nIt rains."
    assert [name for name, *_ in read({}, text=text)[0]] == ["7:1", "7:2", "7:3"]
    assert [name for name, *_ in read({}, text=text, sentences="lines")[0]] == ["7:1", "7:3"]
    assert [name for name, *_ in read({}, text=text, sentences="text")[0]] == ["7"]


def test_mistakes_are_counted_and_the_rest_is_read():
    bad = {
        **PEOPLE,
        5: ([(40, 99)], "Loc"),
        6: ([(8, 9)], "Loc"),
        7: ([(3, 3)], "Loc"),
        8: ("Oslo", ""),
        9: ("Ana Lima", "Peop"),
    }
    links = [(9, 2, "Live_In"), (1, 2, "Live_In"), (1, 9, "Is"), (1, 8, "Is"), (1, 77, "Is"), (1, 2, "")]
    found, reading = read(bad, links)
    assert found[0][2] == [("Ana Lima", "Live_In", "Oslo")]
    assert reading.left_out == {
        "entities that do not fit their text": 4,
        "entities annotated twice": 1,
        "relations annotated twice": 1,
        "relations that do not fit their entities": 3,
        "relations of entities that are left out": 1,
    }
    assert "start=40, end=99 in a text of 43 characters in a.json" in str(reading)


def test_nothing_but_mistakes_is_refused():
    with pytest.raises(
        InputError, match=r"^All entities of a\.json are left out: .*use --ends inclusive.* in a\.json\)\.$"
    ):
        read({1: ([(3, 3)], "Loc")})


def test_offsets_of_other_programs():
    text = "😀 A & B"
    found = {1: Span([(3, 12)], "Org", mention="A &amp; B")}
    assert offsets.aligned([text, "😀 A &amp; B"], found) == (
        "😀 A &amp; B",
        {1: Span([(2, 11)], "Org", mention="A &amp; B")},
    )


def test_only_texts_of_several_sentences_get_a_number_as_id():
    texts = [Text("Ana left.", "a"), Text("It rains. It pours.", "a"), Text("Bo came.", "a", "2")]
    documents = spans.documents(texts, "a", Reading())
    assert [document.id for document in documents] == ["", "2~2:1", "2~2:2", "2"]
