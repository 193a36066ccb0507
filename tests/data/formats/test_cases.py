"""Files as annotation tools write them, in `cases/`: what is read of each, and what is counted as left out."""

from pathlib import Path

import pytest

from cman_tf.data import formats
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

CASES = Path(__file__).parent / "cases"
ANA = [("Ana Lima", "Peop"), ("Oslo", "Loc")]
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
