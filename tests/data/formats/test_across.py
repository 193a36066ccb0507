"""Relations across sentences in the formats with tokens: left out, or their sentences are joined."""

import json

import pytest

from cman_tf.data import corpora, formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import across
from cman_tf.data.formats.losses import Reading
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from tests.data.formats.test_cases import shown

WORDS = "Ana left Oslo . She met Bo . It rains .".split()
SENTENCES = [(0, 4), (4, 8), (8, 11)]
ENTITIES = [Entity(0, 1, "Peop"), Entity(2, 3, "Loc"), Entity(6, 7, "Peop")]
RELATIONS = [Relation(0, 1, "Left"), Relation(0, 2, "Met")]
INSIDE, CROSSING = ("Ana", "Left", "Oslo"), ("Ana", "Met", "Bo")


def write_jsonl(path):
    formats.write([Document(WORDS, ENTITIES, RELATIONS, id="d", sentences=SENTENCES)], path, "jsonl")


def write_dygie(path):
    record = {
        "doc_key": "d",
        "sentences": [WORDS[start:end] for start, end in SENTENCES],
        "ner": [[[0, 0, "Peop"], [2, 2, "Loc"]], [[6, 6, "Peop"]], []],
        "relations": [[[0, 0, 2, 2, "Left"], [0, 0, 6, 6, "Met"]], [], []],
    }
    path.write_text(json.dumps(record))


def write_docbin(path):
    spacy = pytest.importorskip("spacy")
    from cman_tf.data.formats import spacy_docs

    document = Document(WORDS, ENTITIES, RELATIONS, id="d", sentences=SENTENCES)
    doc = spacy_docs.to_doc(document, spacy_docs.spacy().blank("xx").vocab)
    spacy.tokens.DocBin(store_user_data=True, docs=[doc]).to_disk(path)


@pytest.fixture(params=[write_jsonl, write_dygie, write_docbin])
def path(request, tmp_path):
    request.param(tmp_path / "a")
    return tmp_path / "a"


def test_they_are_left_out(path):
    reading = Reading()
    found = list(each(formats.read(path, reading=reading)))
    assert [(document.id, shown(document)[1]) for document in found] == [("d:1", [INSIDE]), ("d:2", []), ("d:3", [])]
    assert reading.left_out == {"relations across sentences": 1}
    with pytest.raises(InputError, match=r"left out\. Received: relations across sentences in .*a, "):
        formats.read(path, reading=Reading(strict=True))


def test_they_join_their_sentences(path):
    reading = Reading(cross_sentence="merge")
    found = list(each(formats.read(path, reading=reading)))
    assert [(document.id, shown(document)[1]) for document in found] == [("d:1", [INSIDE, CROSSING]), ("d:2", [])]
    assert found[0].tokens == tuple(WORDS[:8])
    assert not reading.left_out


def test_an_entity_across_sentences_joins_them():
    document = Document(WORDS, [Entity(2, 5, "Odd")], sentences=SENTENCES)
    assert across.resolved(document, Reading(), "a").sentences == ((0, 8), (8, 11))


def test_sentences_are_joined_up_to_a_length():
    words = [*WORDS[:4], *["rain"] * across.LONGEST, "Bo"]
    borders = [(0, 4), (4, len(words) - 1), (len(words) - 1, len(words))]
    entities = [Entity(0, 1, "Peop"), Entity(len(words) - 1, len(words), "Peop")]
    document, reading = Document(words, entities, RELATIONS[:1], sentences=borders), Reading(cross_sentence="merge")
    found = across.resolved(document, reading, "a")
    assert (found.sentences, found.relations) == (tuple(borders), ())
    assert reading.left_out == {"relations across sentences that are too long together": 1}


def test_a_corpus_with_them_is_read(tmp_path, caplog):
    write_jsonl(tmp_path / "train.jsonl")
    found = corpora.load(tmp_path, splits=["train"]).splits["train"]
    assert [len(document.relations) for document in found] == [1, 0, 0]
    assert "relations across sentences: 1 (" in caplog.text
