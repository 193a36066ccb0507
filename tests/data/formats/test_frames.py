import pandas
import pytest

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats.frames import ENTITIES, RELATIONS, documents_from_frames, frames
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, sentence

TEXT = "Ann left Rome."
ROW = {"sentence_id": "7", "text": TEXT, "start": 0, "end": 3, "type": "Peop"}
ROME = {**ROW, "start": 9, "end": 13, "type": "Loc"}
LEFT = {"sentence_id": "7", "type": "Left", "head": 0, "tail": 1}


def table(*rows):
    return pandas.DataFrame(rows)


def test_a_row_for_each_entity_and_relation():
    found = Document(
        ["Ann", "left", "Rome", "."],
        [Entity(0, 1, "Peop", 0.5), Entity(2, 3, "Loc", 0.25)],
        [Relation(0, 1, "Left", 0.75)],
        TEXT,
        [(0, 3), (4, 8), (9, 13), (13, 14)],
    )
    entities, relations = frames([found, sentence("It rains", id="x")])
    assert [tuple(row) for row in entities.itertuples(index=False)] == [
        ("#1", TEXT, 0, 0, 3, "Peop", "Ann", 0.5),
        ("#1", TEXT, 1, 9, 13, "Loc", "Rome", 0.25),
    ]
    assert [tuple(row) for row in relations.itertuples(index=False)] == [
        ("#1", "Left", 0, 1, "Ann", "Peop", "Rome", "Loc", 0.75)
    ]
    assert list(frames([found, sentence("It rains", id="x")], unannotated=True)[0]["sentence_id"]) == ["#1", "#1", "x"]


def test_no_document_gives_frames_without_rows():
    entities, relations = frames([])
    assert (len(entities), tuple(entities.columns)) == (0, ENTITIES)
    assert (len(relations), tuple(relations.columns)) == (0, RELATIONS)
    assert documents_from_frames(entities, relations) == []


def test_documents_come_back():
    written = [ann(), sentence("It rains", id="8"), ann("9")]
    assert documents_from_frames(*frames(written, unannotated=True)) == written


def test_what_a_person_may_leave_out():
    [found] = documents_from_frames(table(ROW, ROME), table(LEFT))
    assert found.entities == (Entity(0, 1, "Peop"), Entity(2, 3, "Loc"))
    assert found.relations == (Relation(0, 1, "Left"),)
    # A blank makes a column of numbers one of fractions.
    blank = {"sentence_id": "8", "text": "Rain", "start": None, "end": None, "type": None}
    assert documents_from_frames(table(ROW, ROME, blank))[0].entities == found.entities


def test_blanks_at_the_ends_are_counted_as_those_of_other_formats():
    reading, wide = Reading(), {**ROW, "end": 4}
    found = documents_from_frames(table(wide, {**ROME, "start": 8}, ROW), table({**LEFT, "head": 2}), reading=reading)
    assert [found[0].entity_text(entity) for entity in found[0].entities] == ["Ann", "Rome"]
    assert found[0].relations == (Relation(0, 1, "Left"),)
    assert reading.left_out == {"blanks at the ends of spans": 2, "entities annotated twice": 1}
    # Blanks alone do not stop a strict reading.
    assert documents_from_frames(table(wide))[0].entities == (Entity(0, 1, "Peop"),)


@pytest.mark.parametrize(
    ("entities", "relations", "told"),
    [
        ([{"sentence_id": "7"}], [], r"must have columns .*Received: sentence_id$"),
        ([ROW], [{"sentence_id": "7"}], r"A frame of relations must have columns"),
        ([ROW, {**ROME, "text": "Other"}], [], r"Received: another one for sentence 7 in row 2 of entities$"),
        ([ROW, {**ROME, "start": None}], [], r"`start` must not be blank\. .* in row 2 of entities$"),
        ([{**ROW, "start": 0.5}], [], r"`start` must be a whole number\. Received: 0\.5 in row 1 of entities$"),
        ([{**ROW, "text": 3}], [], r"`text` must be a string\. Received: 3 in row 1 of entities$"),
        ([{**ROW, "type": " a"}], [], r"outer blanks\. Received: ' a' in row 1 of entities$"),
        ([{**ROW, "end": 99}], [], r"start=0, end=99 in a text of 14 characters in row 1 of entities$"),
        ([{**ROW, "mention": "Bob"}], [], r"Received: 'Ann' for 'Bob' in row 1 of entities$"),
        ([{**ROW, "entity": 3}, {**ROME, "entity": "3"}], [], r"unique in a sentence\. Received: 3 again in row 2"),
        ([{**ROW, "score": "high"}], [], r"`score` must be a number\. Received: 'high' in row 1 of entities$"),
        ([ROW], [LEFT], r"Received: 1 in sentence 7 in row 1 of relations$"),
        ([ROW], [{**LEFT, "sentence_id": "8"}], r"Received: 0 in sentence 8 in row 1 of relations$"),
        ([ROW, ROME], [{**LEFT, "tail": 0}], r"two different entities.* in row 1 of relations$"),
    ],
)
def test_the_message_says_what_and_where(entities, relations, told):
    with pytest.raises(InputError, match=told):
        documents_from_frames(table(*entities), table(*relations) if relations else None)


def test_without_pandas_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(InputError, match=r'pip install "\.\[frames\]"'):
        frames([])
