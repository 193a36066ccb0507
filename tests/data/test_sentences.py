"""Sentences of documents: where a text is cut, and what is kept when sentences are taken apart and joined."""

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cman_tf.data import raw_text
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.sentences import LONGEST, extracted, parts, split
from cman_tf.errors import InputError
from tests.conftest import sentence

DOCUMENT = (
    "Ana Lima was born in Lisbon in 1961. She moved to Oslo, where she joined Norsk Data\nas an engineer.\n\n"
    "In 1994 she founded Fjord Systems, a company with offices in Bergen and Trondheim. Its chairman, Per Dahl (born "
    "in Bergen), called the move “a risk.” Dr. Lima disagreed.\n"
)


def cut(text, **options):
    return [text[start:end] for start, end in split(text, **options)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the release of sentencex for older Pythons joins the last two")
def test_a_document():
    assert cut(DOCUMENT) == [
        "Ana Lima was born in Lisbon in 1961.",
        "She moved to Oslo, where she joined Norsk Data\nas an engineer.",
        "In 1994 she founded Fjord Systems, a company with offices in Bergen and Trondheim.",
        "Its chairman, Per Dahl (born in Bergen), called the move “a risk.”",
        "Dr. Lima disagreed.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u2003", []),
        ("No end", ["No end"]),
        ("A title\n\nAna left.", ["A title", "Ana left."]),
        ("A title\r\n \t\r\nAna\r\nleft.", ["A title", "Ana\r\nleft."]),
        ("Ana met Dr.\nEk of Oslo.", ["Ana met Dr.\nEk of Oslo."]),
        ("Offices:\n- Oslo\n- Rome,\n  Italy\n• Lima", ["Offices:", "- Oslo", "- Rome,\n  Italy", "• Lima"]),
        ("Offices\n1. Oslo\n2) Rome\n(3) Lima", ["Offices", "1. Oslo", "2) Rome", "(3) Lima"]),
        ("She was born in\n61. No item.", ["She was born in\n61.", "No item."]),
        ("東京でアナに会った。ボも来た。", ["東京でアナに会った。", "ボも来た。"]),
        ("An\u2028oh. Cod\u2003fish.", ["An\u2028oh.", "Cod\u2003fish."]),
        ("Ana \ud800. Bo left.", ["Ana \ud800.", "Bo left."]),
    ],
)
def test_where_a_text_is_cut(text, expected):
    assert cut(text) == expected


def test_languages_have_their_own_abbreviations():
    text = "Ana wohnt z. B. in Oslo. Bo auch."
    assert cut(text, language="de") == ["Ana wohnt z. B. in Oslo.", "Bo auch."]


@pytest.mark.parametrize("text", ["x" * (2 * LONGEST + 5), "a bc " * LONGEST, "| a | b |\n" * LONGEST])
def test_text_without_an_end_is_cut(text):
    found = split(text)
    assert all(0 < end - start <= LONGEST for start, end in found)
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(text.split())


TEXTS = st.text(st.characters(), max_size=80) | st.text(
    "aB1.!?\"'()[]“”’ \n\r\t-*•…\u2028\u3000\ud800é漢。🎈", max_size=80
)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example("J.\u2028K. Lee left. 1. a\n2. b")
@example("A. \u3000B.\u2029C")
def test_sentences_cover_a_text_in_order(text):
    position, found = 0, ""
    for start, end in split(text):
        assert position <= start < end
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        found += text[position:start] + text[start:end]
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()
    assert (found + text[position:]) == text


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_a_split_document_has_the_tokens_of_its_sentences(text):
    [document] = raw_text.documents([text], split=True)
    assert document.text == text
    own = raw_text.documents([text[start:end] for start, end in split(text)])
    assert document.tokens == tuple(token for part in own for token in part.tokens)
    assert [part.tokens for part in parts(document) if part.tokens] == [part.tokens for part in own if part.tokens]
    for part, (start, end) in zip(parts(document), map(document.sentence_span, range(len(document.sentences)))):
        assert len(document.sentences) < 2 or part.text == text[start:end]


def example_document():
    [document] = raw_text.documents(["Ana left Oslo. Bo left Rome.\n\nRain"], split=True)
    entities = [Entity(4, 5, "Peop", 0.5), Entity(0, 1, "Peop"), Entity(6, 7, "Loc"), Entity(2, 3, "Loc")]
    relations = [Relation(0, 2, "Left", 0.25), Relation(1, 3, "Left")]
    return Document(
        document.tokens, entities, relations, document.text, document.offsets, "7", sentences=document.sentences
    )


def test_parts_of_a_document():
    document = example_document()
    assert document.sentences == ((0, 4), (4, 8), (8, 9))
    assert [document.sentence_of(entity) for entity in document.entities] == [1, 0, 1, 0]
    assert [document.sentence_span(index) for index in range(3)] == [(0, 14), (15, 28), (30, 34)]
    first, second, third = parts(document)
    assert (first.id, first.text, third.id, third.text) == ("7:1", "Ana left Oslo.", "7:3", "Rain")
    assert second.entities == (Entity(0, 1, "Peop"), Entity(2, 3, "Loc"))
    assert second.relations == (Relation(0, 1, "Left"),)
    assert (second.entities[0].score, second.relations[0].score) == (0.5, 0.25)
    assert second.char_span(second.entities[1]) == (8, 12)
    assert (third.entities, third.relations) == ((), ())


def test_a_sentence_is_its_own_part():
    document = sentence("Ana left", [(0, 1, "Peop")], id="7")
    assert parts(document) == [document]
    empty = Document((), text=" ", offsets=())
    assert parts(empty) == [empty]


def test_answers_are_joined():
    document = example_document()
    annotated = iter([*parts(document), sentence("Rain")])
    seen = []

    def extract(sentences):
        seen.extend(sentences)
        return [next(annotated) for _ in sentences]

    found, other = extracted([document, sentence("Rain")], extract)
    assert [item.text for item in seen] == ["Ana left Oslo.", "Bo left Rome.", "Rain", "Rain"]
    assert found.entities == (Entity(0, 1, "Peop"), Entity(2, 3, "Loc"), Entity(4, 5, "Peop"), Entity(6, 7, "Loc"))
    assert found.relations == (Relation(0, 1, "Left"), Relation(2, 3, "Left"))
    assert (found.text, found.id, found.sentences) == (document.text, "7", document.sentences)
    assert found.relations[1].tail.text == "Rome"
    assert other.tokens == ("Rain",)


def test_annotation_across_sentences_is_refused():
    document = example_document()
    with pytest.raises(InputError, match="An entity must be in one sentence. Received: 'Oslo. Bo'"):
        parts(document.with_annotation([Entity(2, 5, "Loc")], []))
    with pytest.raises(InputError, match="one sentence. Received: Left from 'Bo' to 'Oslo', which are in two"):
        parts(document.with_annotation(document.entities, [Relation(0, 3, "Left")]))


@pytest.mark.parametrize(
    ("sentences", "told"),
    [
        ([(0, 1), (2, 3)], "without gaps. Received: 2:3 after 1"),
        ([(0, 0), (0, 3)], "not empty"),
        ([(0, 2)], "must end with the last token, 3. Received: 2"),
        ([(0, 4)], "must end with the last token, 3. Received: 4"),
    ],
)
def test_sentences_must_fit_the_tokens(sentences, told):
    with pytest.raises(InputError, match=told):
        Document(["a", "b", "c"], sentences=sentences)
