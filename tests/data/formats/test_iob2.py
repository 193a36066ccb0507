import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.document import Entity
from cman_tf.data.formats import iob2
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, entities_only, sentence


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A B-A", [(0, 2), (3, 4), (4, 5)]),
        ("I-A I-A O I-A I-B", [(0, 2), (3, 4), (4, 5)]),
        ("B-A E-A S-A O", [(0, 2), (2, 3)]),
        ("B-A L-A U-A U-A", [(0, 2), (2, 3), (3, 4)]),
        ("O O", []),
    ],
)
def test_schemes_of_tags(tags, expected):
    assert [(entity.start, entity.end) for entity in iob2.entities_of(tags.split())] == expected


def test_the_column_may_be_chosen(tmp_path):
    path = tmp_path / "a"
    path.write_text("Ana\tB-Peop\tB-NP\n\nleft\tO\tB-VP\n")
    assert [document.entities for document in iob2.read(path)] == [(Entity(0, 1, "NP"),), (Entity(0, 1, "VP"),)]
    assert iob2.read(path, reading=Reading(column=2))[0].entities == (Entity(0, 1, "Peop"),)
    for column, told in ((4, "must have 4 columns"), (1, "must be 2 or more")):
        with pytest.raises(InputError, match=told):
            iob2.read(path, reading=Reading(column=column))


def test_entities_in_another_column_are_counted(tmp_path):
    (tmp_path / "a").write_text("Ana B-Peop B-NP O\nleft O B-VP O\nOslo B-Loc B-NP B-Town\n")
    reading = Reading()
    assert formats.read(tmp_path / "a", reading=reading)[0].entities == (Entity(2, 3, "Town"),)
    assert reading.left_out == {"entities in column 2, which --column 2 reads": 2}
    chosen = Reading(column=4, strict=True)
    assert formats.read(tmp_path / "a", reading=chosen)[0].entities == (Entity(2, 3, "Town"),)


def test_entities_in_another_column_alone_are_refused(tmp_path):
    (tmp_path / "a").write_text("Ana B-Peop O\nleft O O\n")
    with pytest.raises(InputError, match="left out: entities in column 2, which --column 2 reads"):
        formats.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana B-Peop\nleft O\n", True),
        ("# sent_id = 1\nAna\tB-Peop\n", True),
        ("-DOCSTART- -X- O O\n\nAna NNP O O\n", True),
        # One line of a different kind is a mistake, which is reported.
        ("Ana B-Peop\n" * 9 + "left\n", True),
        ("Ana B-Peop\n" * 9 + "left X\n", True),
        ("Ana left Oslo.\nShe lives in Rome.\n", False),
        ("Plan O\n", False),
        ("Vitamin B-12 helps.\nIt is good.\n", False),
    ],
)
def test_columns_are_not_taken_for_text(tmp_path, text, expected):
    (tmp_path / "a.txt").write_text(text)
    assert (formats.recognise(tmp_path / "a.txt") == "iob2") == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ana B-Peop\nleft\n", "a token and a tag. Received: 'left' in .*line 2$"),
        ("Ana B-Peop\nleft VBD\n", "a tag|A tag must be O, .*--column. Received: 'VBD' in .*line 2$"),
        ("\n\n", "is empty"),
        ("-DOCSTART- O\n", "no sentences"),
    ],
)
def test_the_message_says_what_and_where(tmp_path, text, told):
    (tmp_path / "a").write_text(text)
    with pytest.raises(InputError, match=told):
        formats.read(tmp_path / "a", "iob2", reading=Reading(strict=True))


def test_what_columns_cannot_hold_is_refused(tmp_path):
    for document, told in (
        (sentence("a b", [(0, 2, "A"), (0, 1, "A")]), "overlapping"),
        (sentence("-DOCSTART- b"), "like a comment"),
    ):
        with pytest.raises(InputError, match=told):
            iob2.write([document], tmp_path / "a")
    iob2.write([ann()], tmp_path / "a")
    assert (tmp_path / "a").read_text().startswith("Ann\tB-Peop\nLee\tI-Peop\nof\tO\n")


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (["ab", "c", "de"], ["1:1", "1:2", "", "3:1", "3:2"]),
        # A header.
        (["abc"], ["", "", ""]),
    ],
)
def test_sentences_of_one_document_have_its_number(tmp_path, documents, expected):
    text = "".join("-DOCSTART- O\n\n" + "".join(f"{token} B-X\n\n" for token in tokens) for tokens in documents)
    (tmp_path / "a").write_text(text)
    assert [document.id for document in formats.read(tmp_path / "a")] == expected


def test_a_sign_that_begins_comments_may_be_a_token(tmp_path):
    (tmp_path / "a").write_text("#\tB-Tag\nfun\tI-Tag\n\nAna\tB-Peop\n")
    found = formats.read(tmp_path / "a")
    assert [document.tokens for document in found] == [("#", "fun"), ("Ana",)]
    formats.write(found, tmp_path / "b", "iob2")
    assert formats.read(tmp_path / "b", "iob2") == found


WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=50)
@given(documents(WORDS, overlapping=False))
def test_entities_come_back(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.iob2"
    formats.write(drawn, path, "iob2")
    found = formats.read(path, "iob2")
    expected = [entities_only(document) for document in drawn]
    assert [item.tokens for item in found] == [item.tokens for item in expected]
    assert [set(item.entities) for item in found] == [set(item.entities) for item in expected]
