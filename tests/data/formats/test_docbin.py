import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import docbin, spacy_docs
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence

spacy_docs.spacy()


def make_doc(words="Ann left Rome . It rains .", ents=((0, 1, "Peop"), (2, 3, "Loc")), relations=(), sents=()):
    """A `Doc` made by hand, with spaCy alone."""
    words = words.split()
    starts = [index in sents for index in range(len(words))] if sents else None
    doc = Doc(spacy.blank("xx").vocab, words=words, sent_starts=starts)
    doc.ents = [Span(doc, *ent[:2], label=ent[2]) for ent in ents]
    doc._.relations = list(relations)
    return doc


def store(path, *docs):
    DocBin(store_user_data=True, docs=docs).to_disk(path)
    return path


LEFT = {"type": "Left", "head": 0, "tail": 1}


def test_reads_what_spacy_wrote(tmp_path):
    doc = make_doc(relations=[LEFT])
    doc.user_data["id"] = "7"
    path = store(tmp_path / "a.spacy", doc, make_doc("Bo left", [(0, 1, "Peop")]))
    first, second = docbin.read(path)
    assert first == Document(
        "Ann left Rome . It rains .".split(),
        [Entity(0, 1, "Peop"), Entity(2, 3, "Loc")],
        [Relation(0, 1, "Left")],
        text="Ann left Rome . It rains . ",
        offsets=first.offsets,
        id="7",
    )
    assert second.entities == (Entity(0, 1, "Peop"),)


def test_sentences_of_a_doc_are_documents(tmp_path):
    words = "It rains . Ann left Rome ."
    doc = make_doc(words, [(3, 4, "Peop"), (5, 6, "Loc")], [{**LEFT, "score": 0.5}], sents=(0, 3))
    doc.user_data["id"] = "7"
    first, second = docbin.read(store(tmp_path / "a", doc))
    assert (first.id, first.text, first.entities) == ("7:1", "It rains .", ())
    assert (second.id, second.text) == ("7:2", "Ann left Rome .")
    assert second.entities == (Entity(0, 1, "Peop"), Entity(2, 3, "Loc"))
    assert second.relations == (Relation(0, 1, "Left"),)
    assert second.relations[0].score == 0.5


def test_spacy_reads_what_is_written(tmp_path):
    text = "\tAnn  Lee left\u2028Rome."
    offsets = [(1, 4), (6, 9), (10, 14), (15, 19), (19, 20)]
    entities = [Entity(3, 4, "Loc", 0.25), Entity(0, 2, "Peop")]
    document = Document(
        [text[s:e] for s, e in offsets], entities, [Relation(1, 0, "Left", 0.75)], text, offsets, id="x y"
    )
    docbin.write([document], tmp_path / "a.spacy")
    [doc] = DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("en").vocab)
    assert doc.text == text
    assert [(span.text, span.label_, span._.score) for span in doc.ents] == [
        ("Ann  Lee", "Peop", None),
        ("Rome", "Loc", 0.25),
    ]
    assert list(doc._.relations) == [{"type": "Left", "head": 0, "tail": 1, "score": 0.75}]
    [back] = docbin.read(tmp_path / "a.spacy")
    assert (back.text, back.offsets, back.id) == (text, document.offsets, "x y")
    assert [entity.score for entity in back.entities] == [None, 0.25]


@pytest.mark.parametrize(
    ("doc", "told"),
    [
        (lambda: make_doc(relations=[{**LEFT, "tail": 2}]), r"indices into doc\.ents\. Received: .* of 2 entities in"),
        (lambda: make_doc(relations=[{**LEFT, "head": -1}]), r"indices into doc\.ents"),
        (lambda: make_doc(relations=[{"type": "Left"}]), r"indices into doc\.ents"),
        (lambda: make_doc(relations=["Left"]), r"indices into doc\.ents"),
        (lambda: make_doc(relations=[{**LEFT, "tail": 0}]), r"two different entities"),
        (lambda: make_doc(relations=[{**LEFT, "type": ""}]), r"and outer blanks\. Received: ''"),
        (lambda: make_doc(ents=[(0, 1, "a\n")]), r"and outer blanks\. Received: 'a\\n'"),
        (lambda: make_doc(ents=[(2, 5, "Loc")], sents=(0, 4)), r"in one sentence of its Doc\. Received: 'Rome \. It'"),
        (lambda: make_doc(relations=[LEFT], sents=(0, 2)), r"left out\. Received: relations across sentences"),
    ],
)
def test_the_message_says_what_and_where(tmp_path, doc, told):
    path = store(tmp_path / "a", make_doc("Rain .", []), doc())
    with pytest.raises(InputError, match=f"{told}.*{path}, Doc 2$"):
        docbin.read(path, reading=Reading(strict=True))
    reading = Reading()
    assert len(docbin.read(path, reading=reading)) >= 2
    assert reading.left_out


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="^Cannot read "):
        docbin.read(tmp_path / "missing")
    path = store(tmp_path / "a", make_doc())
    for data in (b"", b"abc", path.read_bytes()[:50]):
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(InputError, match="must be a spaCy DocBin"):
            docbin.read(tmp_path / "b")
    with pytest.raises(InputError, match="contains no sentences"):
        docbin.read(store(tmp_path / "c"))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (sentence("a b", [(0, 2, "A"), (1, 2, "B")]), "overlap"),
        (Document(["a", "\u2028"]), "visible character"),
        (Document(["a\ud800"]), "lone surrogate"),
    ],
)
def test_sentences_that_cannot_be_written_leave_nothing(tmp_path, document, told):
    with pytest.raises(InputError, match=f"{told}.* in sentence 2"):
        docbin.write([ann(), document], tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


VISIBLE = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=4)


@settings(deadline=None, max_examples=25)
@given(documents(VISIBLE, overlapping=False, scores=True, spaced=True))
def test_documents_come_back(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.spacy"
    docbin.write(drawn, path)
    found = docbin.read(path)
    assert found == drawn
    for one, other in zip(found, drawn):
        assert [item.score for item in one.entities] == [item.score for item in other.entities]


def test_without_spacy_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    message = r'^spacy is not installed\. Install it with: pip install "\.\[spacy\]" in the checkout\.$'
    with pytest.raises(InputError, match=message):
        docbin.write([ann()], tmp_path / "a")
