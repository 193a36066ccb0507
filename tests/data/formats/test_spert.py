import json

import pytest
from hypothesis import given, settings

from cman_tf.data import formats
from cman_tf.data.document import Entity, Relation
from cman_tf.data.formats import spert
from tests.data.examples import TEXT, ann, documents, write_json


def test_reads_what_the_format_says(tmp_path):
    record = {
        "tokens": ["Ann", "left", "Rome"],
        "entities": [{"type": "Loc", "start": 2, "end": 3, "note": "ignored"}, {"type": "Peop", "start": 0, "end": 1}],
        "relations": [{"type": "Left", "head": 1, "tail": 0}],
        "orig_id": 8,
    }
    (document,) = spert.read(write_json(tmp_path / "a.json", [record]))
    assert document.tokens == ("Ann", "left", "Rome")
    assert document.entities == (Entity(2, 3, "Loc"), Entity(0, 1, "Peop"))
    assert document.relations == (Relation(1, 0, "Left"),)
    assert document.id == "8"


def test_entities_relations_and_id_may_be_missing(tmp_path):
    (document,) = spert.read(write_json(tmp_path / "a.json", [{"tokens": ["a"]}]))
    assert (document.entities, document.relations, document.id) == ((), (), "")


def test_sentences_without_id_may_be_many(tmp_path):
    assert (
        len(spert.read(write_json(tmp_path / "a.json", [{"tokens": ["a"]}, {"tokens": ["a"], "orig_id": ""}] * 2))) == 4
    )


def test_a_byte_order_mark_is_no_content(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf[{"tokens": ["a"]}]')
    assert formats.recognise(tmp_path / "a.json") == "spert"
    assert spert.read(tmp_path / "a.json")[0].tokens == ("a",)


def test_writes_plain_spert_json(tmp_path):
    spert.write([ann()], tmp_path / "a.json")
    (record,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert list(record) == ["tokens", "entities", "relations", "orig_id"]
    assert record["entities"][1] == {"type": "Org", "start": 3, "end": 4}
    assert record["relations"][1] == {"type": "Live_In", "head": 0, "tail": 2}
    assert record["orig_id"] == 7


@pytest.mark.parametrize("id", ["0", "07", "-7", "\u0663", "9" * 19, "1" * 5000, " 7"])
def test_any_id_comes_back(tmp_path, id):
    spert.write([ann(id)], tmp_path / "a.json")
    assert spert.read(tmp_path / "a.json") == [ann(id)]


def test_the_published_files_come_back_byte_for_byte(tmp_path, public_data):
    path = public_data / "conll04" / "spert" / "conll04_dev.json"
    spert.write(spert.read(path), tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == path.read_bytes()


@settings(deadline=None)
@given(documents(TEXT.filter(bool)))
def test_what_is_written_is_read_back(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.json"
    spert.write(drawn, path)
    assert formats.recognise(path) == "spert"
    assert spert.read(path) == drawn
