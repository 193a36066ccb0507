"""Files as annotation tools write them, in `cases/`: what is read of each, and what is counted as left out."""

from pathlib import Path

import pytest

from cman_tf.data import formats
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

CASES = Path(__file__).parent / "cases"
ANA = [("Ana Lima", "Peop"), ("Oslo", "Loc")]
NORSK = [("Norsk Data", "Org")]
LIVES = ("Ana Lima", "Live_In", "Oslo")


def shown(document):
    entities = [(entity.text, entity.type) for entity in document.entities]
    return entities, [(r.head.text, r.type, r.tail.text) for r in document.relations]


def read(name, **choices):
    """`(what was read of each sentence, the reading)`."""
    reading = Reading(**choices)
    return [shown(document) for document in formats.read(CASES / name, reading=reading)], reading


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("tags.iob2", "iob2", [(ANA, []), ([("Port Authority", "Org")], [])]),
        ("wrapped.json", "spert", [(ANA, [LIVES])]),
        ("char_spans.jsonl", "doccano", [(ANA, [LIVES]), (NORSK, [])]),
        ("prodigy.jsonl", "prodigy", [(ANA, [LIVES]), (NORSK, [])]),
        ("dygie.jsonl", "dygie", [(ANA, [LIVES]), (NORSK, [])]),
        ("triples.jsonl", "triples", [(ANA, [LIVES])]),
        ("semicolon_csv", "csv", [(ANA, [LIVES])]),
        ("relation_component.spacy", "docbin", [([("Ann", "Peop"), ("Rome", "Loc")], [("Ann", "Live_In", "Rome")])]),
        ("brat_wrapped", "brat", [([("Norsk\nData", "Org")], [])]),
        ("brat_bom", "brat", [(ANA, [])]),
    ],
)
def test_all_of_it_is_read(name, format, expected):
    assert formats.recognise(CASES / name) == format
    found, reading = read(name)
    assert found == expected
    assert not reading.left_out
    assert (reading.sentences_read, reading.entities) == (len(expected), sum(len(entities) for entities, _ in expected))


def test_brat_with_pieces_notes_and_relations_across_lines():
    found, reading = read("brat")
    assert found == [([*ANA, ("She", "Peop")], [LIVES]), ([("Norsk Data", "Org")], [])]
    assert reading.left_out == {
        "discontinuous entities": 1,
        "relations across sentences": 2,
        "attributes": 1,
        "notes": 1,
        "equivalences": 1,
    }
    assert str(reading).startswith("read: 1 documents, 2 sentences, 4 entities, 1 relations\nleft out:\n")


def test_brat_in_sentences_instead_of_lines():
    found, reading = read("brat", sentences="split")
    assert found == [(ANA, [LIVES]), ([("She", "Peop"), ("Norsk Data", "Org")], [("She", "Work_For", "Norsk Data")])]
    assert reading.left_out["relations across sentences"] == 1


def test_inclusive_ends():
    with pytest.raises(InputError, match=r"use --ends inclusive\. Received: start=4, end=4 .*, sentence 1$"):
        read("inclusive_end.json")
    assert read("inclusive_end.json", ends="inclusive")[0] == [(ANA, [LIVES])]


@pytest.mark.parametrize(("name", "format"), [("doccano.jsonl", "doccano"), ("label_studio.json", "label_studio")])
def test_a_relation_across_sentences_is_counted_or_joins_them(name, format):
    assert formats.recognise(CASES / name) == format
    found, reading = read(name)
    assert found == [(ANA, [LIVES]), (NORSK, [])]
    assert (reading.documents, reading.left_out) == (1, {"relations across sentences": 1})
    found, reading = read(name, cross_sentence="merge")
    # The direction of Label Studio's is `left`, from the organization to the person.
    assert found == [([*ANA, *NORSK], [LIVES, ("Ana Lima", "Work_For", "Norsk Data")])]
    assert not reading.left_out


def test_webanno_with_emoji_ids_and_linguistic_layers():
    assert formats.recognise(CASES / "webanno") == formats.recognise(CASES / "webanno" / "doc.tsv") == "webanno"
    found, reading = read("webanno")
    assert found == [(ANA, [LIVES]), (NORSK, [])]
    assert reading.left_out == {"annotations of the layer POS": 1, "relations across sentences": 1}
    found, _ = read("webanno", cross_sentence="merge")
    assert found == [([*ANA, *NORSK], [LIVES, ("Ana Lima", "Work_For", "Norsk Data")])]


ASPIRIN = [("Aspirin", "Chemical"), ("asthma", "Disease")]
CAUSES = ("Aspirin", "CID", "asthma")


def test_pubtator_links_the_nearest_mentions_of_concepts():
    assert formats.recognise(CASES / "abstracts.pubtator") == "pubtator"
    found, reading = read("abstracts.pubtator")
    assert found == [(ASPIRIN, [CAUSES]), (ASPIRIN, []), ([], []), ([], [])]
    assert reading.left_out == {"relations of concepts without mentions": 1}


@pytest.mark.parametrize("name", ["bioc.json", "bioc.xml"])
def test_bioc(name):
    assert formats.recognise(CASES / name) == "bioc"
    found, reading = read(name)
    assert found == [([], []), (ASPIRIN, [CAUSES])]
    assert reading.left_out == {"relations that do not fit their entities": 1}
