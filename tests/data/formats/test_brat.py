import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import brat
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence

TEXT = "Ann Lee of Acme lives in Paris.\n\nIt rains.\nBo left Rome.\n"
ANNOTATIONS = (
    "T3\tPeop 43 45\tBo\n"
    "T1\tPeop 0 7\tAnn Lee\n"
    "T4\tLoc 51 55\tRome\n"
    "T9\tLoc 25 30\tParis\n"
    "R1\tLive_In Arg1:T1 Arg2:T9\t\n"
    "R2\tLeft Arg1:T3 Arg2:T4\n"
)


def write(folder, annotations=ANNOTATIONS, text=TEXT, name="7"):
    (folder / f"{name}.txt").parent.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_bytes(annotations.encode())
    return folder


def shown(document):
    entities = [(document.entity_text(entity), entity.type) for entity in document.entities]
    relations = [(entities[r.head][0], r.type, entities[r.tail][0]) for r in document.relations]
    return document.id, entities, relations


def test_each_line_is_a_sentence(tmp_path):
    found = brat.read(write(tmp_path))
    assert [shown(document) for document in found] == [
        ("7:1", [("Ann Lee", "Peop"), ("Paris", "Loc")], [("Ann Lee", "Live_In", "Paris")]),
        ("7:3", [], []),
        ("7:4", [("Bo", "Peop"), ("Rome", "Loc")], [("Bo", "Left", "Rome")]),
    ]
    assert found[0].tokens == ("Ann", "Lee", "of", "Acme", "lives", "in", "Paris", ".")
    assert [document.text for document in found] == [line for line in TEXT.split("\n") if line]


def test_a_text_may_be_one_sentence(tmp_path):
    annotations = ANNOTATIONS + "R3\tMet Arg1:T1 Arg2:T3\n"
    [found] = brat.read(write(tmp_path, annotations), reading=Reading(sentences="text"))
    assert found.text == TEXT
    assert shown(found)[2] == [("Ann Lee", "Live_In", "Paris"), ("Bo", "Left", "Rome"), ("Ann Lee", "Met", "Bo")]


def test_folders_in_folders_and_windows_line_ends(tmp_path):
    write(tmp_path, name="b/c", text="Bo left.\r\nAnn left.\r\n", annotations="T1\tPeop 10 13\tAnn\r\n")
    write(tmp_path, name="a.x", text="Rain", annotations="")
    (tmp_path / "readme.txt").write_text("no annotations beside it")
    assert [shown(document)[:2] for document in brat.read(tmp_path)] == [
        ("a.x", []),
        ("b/c:1", []),
        ("b/c:2", [("Ann", "Peop")]),
    ]


def test_tokens_are_cut_where_an_entity_begins_or_ends(tmp_path):
    text = "non-French-born Bob , left"
    write(tmp_path, "T1\tLoc 4 10\tFrench\nT2\tPeop 15 20\t Bob \n", text)
    [found] = brat.read(tmp_path)
    assert shown(found)[1] == [("French", "Loc"), ("Bob", "Peop")]
    assert found.tokens == ("non-", "French", "-born", "Bob", ",", "left")


def test_other_annotations_are_counted(tmp_path):
    others = "E1\tDie:T1\n#1\tAnnotatorNotes T1\tsure?\nA1\tNegation E1\n*\tEquiv T1 T3\nA2\tX T1\n"
    reading = Reading()
    assert len(brat.read(write(tmp_path, ANNOTATIONS + others), reading=reading)) == 3
    assert reading.left_out == {"events": 1, "notes": 1, "attributes": 2, "equivalences": 1}
    assert reading.examples["events"] == f"{tmp_path / '7.ann'}, line 7"


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ("T1\tPeop 0 3;8 10\tAnn of\n", r"must be continuous\. Received: .* in FILE, line 1$"),
        ("T1\tPeop 0\tAnn\n", r"must be 'T1<tab>TYPE START END<tab>TEXT'\. Received: .* in FILE, line 1$"),
        ("\nT1 Peop 0 3 Ann\n", r"must be 'T1<tab>.* in FILE, line 2$"),
        (
            "T1\tPeop 0 7\tBob Lee\n",
            r"must be that at its offsets\. .*'Bob Lee', but 'Ann Lee' at 0:7 in FILE, line 1$",
        ),
        ("T1\tPeop 50 70\tBob\n", r"start=50, end=70 in a text of 57 characters in FILE, line 1$"),
        ("T1\tPeop 3 3\t\n", r"start=3, end=3 .* in FILE, line 1$"),
        ("T1\tLoc 25 35\tParis.\n\nIt\n", r"lines of other kinds in FILE, line 3$"),
        (ANNOTATIONS + "T1\tLoc 25 30\tParis\n", r"keys must be unique\. Received: T1 again in FILE, line 7$"),
        ("R1\tLeft T1 T2\n", r"must be 'R1<tab>TYPE Arg1:T1 Arg2:T2'\. .* in FILE, line 1$"),
        ("R1\tLeft Arg1:T1 Arg2:T2\n", r"entities of its text\. Received: T1, .* in FILE, line 1$"),
        (
            ANNOTATIONS + "R3\tMet Arg1:T1 Arg2:T3\n",
            r"out\. Received: relations across sentences in FILE, line 7$",
        ),
        (ANNOTATIONS + "R3\tMet Arg1:T1 Arg2:T1\n", r"two different entities\. .* in FILE, line 7$"),
        ("T1\tLoc 7 8\t \n", r"a visible character\. Received: ' ' in FILE, line 1$"),
    ],
)
def test_the_message_says_what_and_where(tmp_path, annotations, told):
    write(tmp_path, annotations)
    with pytest.raises(InputError, match=told.replace("FILE", str(tmp_path / "7.ann"))):
        brat.read(tmp_path, reading=Reading(strict=True))
    # Otherwise it is counted.
    reading = Reading()
    brat.read(tmp_path, reading=reading)
    assert sum(reading.left_out.values()) >= 1


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InputError, match="not a folder$"):
        brat.read(tmp_path / "missing")
    with pytest.raises(InputError, match="contains no sentences"):
        brat.read(tmp_path)
    (tmp_path / "a.ann").write_text("")
    with pytest.raises(InputError, match=r"no sentences: texts .* read \(.*a\.ann has no text: a\.txt is missing\)\.$"):
        brat.read(tmp_path)
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(InputError, match="contains no sentences"):
        brat.read(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a \xff")
    with pytest.raises(InputError, match="UTF-8 text.*0xff"):
        brat.read(tmp_path)
    with pytest.raises(InputError, match="one of split, lines, text. Received: line; nearest: lines"):
        Reading(sentences="line")


def test_what_is_read_is_written_into_the_same_texts(tmp_path):
    write(tmp_path / "a", name="news/7")
    write(tmp_path / "a", name="x", text="Ann left.\n", annotations="T1\tPeop 0 3\tAnn\n")
    found = brat.read(tmp_path / "a")
    brat.write(found, tmp_path / "b")
    assert brat.read(tmp_path / "b") == found
    for name in ("news/7.txt", "x.txt", "x.ann"):
        assert (tmp_path / "b" / name).read_text() == (tmp_path / "a" / name).read_text()


def test_ids_that_are_no_file_names_stay_in_the_folder(tmp_path):
    ids = ["../../x", "/etc/x", "a/../b", ".hidden", "a b", "C:\\x", "", "a//b", "x:0", "sentences"]
    brat.write([sentence("Ann left", id=id) for id in ids], tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == ["sentences.ann", "sentences.txt"]
    assert [document.id for document in brat.read(tmp_path / "out")] == [f"sentences:{n}" for n in range(1, 11)]


def test_a_text_of_its_own_stays_as_it_is(tmp_path):
    text = "\nAnn\r\nLee left.  \n\n Bo met Ann Lee."
    offsets = [(word.start(), word.end()) for word in re.finditer(r"\w+|\.", text)]
    tokens = [text[start:end] for start, end in offsets]
    entities = [Entity(4, 5, "Peop"), Entity(0, 2, "Peop"), Entity(6, 8, "Peop")]
    document = Document(tokens, entities, [Relation(0, 1, "Knows")], text, offsets, "news/7.txt", [(0, 4), (4, 9)])
    brat.write([document, sentence("It rains", id="8.txt")], tmp_path / "out")
    assert (tmp_path / "out" / "news" / "7.txt").read_bytes().decode() == text + "\n"
    assert (tmp_path / "out" / "news" / "7.ann").read_bytes().decode() == (
        "T1\tPeop 20 22\tBo\nT2\tPeop 1 4;6 9\tAnn Lee\nT3\tPeop 27 34\tAnn Lee\nR1\tKnows Arg1:T1 Arg2:T2\n"
    )
    assert (tmp_path / "out" / "8.txt").read_text() == "It rains\n"
    [found] = brat.read(tmp_path / "out" / "news", reading=Reading(sentences="text"))
    assert shown(found)[1:] == shown(document)[1:]


def test_texts_that_share_a_file_have_a_line_for_each_sentence(tmp_path):
    document = Document(["a", "b"], [Entity(0, 2, "X")], text="a\nb", offsets=[(0, 1), (2, 3)])
    several = Document(["c", "d"], text="c\n\nd", offsets=[(0, 1), (3, 4)], sentences=[(0, 1), (1, 2)])
    brat.write([document, several], tmp_path / "out")
    assert (tmp_path / "out" / "sentences.txt").read_text() == "a b\nc\nd\n"
    assert brat.read(tmp_path / "out")[0].entities == (Entity(0, 2, "X"),)
    brat.write([several], tmp_path / "alone")
    assert (tmp_path / "alone" / "sentences.txt").read_text() == "c\n\nd\n"


def test_blanks_in_types_become_underscores(tmp_path, caplog):
    entities = [Entity(0, 1, "natural person"), Entity(1, 2, "lives_in")]
    document = sentence("Ann Rome", id="7").with_annotation(entities, [Relation(0, 1, "lives in")])
    brat.write([document], tmp_path / "out")
    [found] = brat.read(tmp_path / "out")
    assert [entity.type for entity in found.entities] == ["natural_person", "lives_in"]
    assert found.relations == (Relation(0, 1, "lives_in"),)
    assert caplog.messages == [
        "brat has no blanks in types: 2 are written with _, such as natural_person for 'natural person'"
    ]
    other = sentence("Bo").with_annotation([Entity(0, 1, "natural_person")], [])
    with pytest.raises(
        InputError, match=r"only _\. Received: both 'natural person' and 'natural_person' in sentence 2$"
    ):
        brat.write([document, other], tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["out"]


def test_sentences_that_cannot_be_written_leave_nothing(tmp_path):
    with pytest.raises(InputError, match=r"lone surrogate\. .* in sentence 1$"):
        brat.write([Document(["\ud800"])], tmp_path / "out")
    assert os.listdir(tmp_path) == []
    (tmp_path / "out").mkdir()
    brat.write([ann()], tmp_path / "out")
    with pytest.raises(InputError, match="new or empty"):
        brat.write([ann()], tmp_path / "out")
    with pytest.raises(InputError, match="new or empty"):
        brat.write([ann()], tmp_path / "out" / "7.txt")


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=50)
@given(documents(WORDS, spaced=True, names=WORDS))
def test_entities_and_relations_come_back(tmp_path_factory, drawn):
    # A tab or line separator within a sentence is nothing special to brat; a line end is.
    folder = tmp_path_factory.mktemp("brat") / "a"
    brat.write(drawn, folder)
    found = brat.read(folder)
    expected = {(d.text, *(tuple(map(str, part)) for part in shown(d)[1:])) for d in drawn if d.text.strip()}
    assert {(d.text, *(tuple(map(str, part)) for part in shown(d)[1:])) for d in found} == expected


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([*"TR123 \t\n;:", "T1\t", "R1\t", "A ", "0 2", "Arg1:T1", "Arg2:T2", "é"]), max_size=20)
)
def test_any_annotations_give_documents_or_an_input_error(tmp_path_factory, pieces):
    folder = tmp_path_factory.getbasetemp() / "fuzz-brat"
    write(folder, "".join(pieces), "éa b\nc")
    message = refused(folder)
    assert message is None or (str(folder) in message and "Received: " in message)


def refused(folder):
    """The message of the `InputError`, or None if there are documents; any other error goes through."""
    try:
        assert brat.read(folder)
    except InputError as error:
        return str(error)
    return None
