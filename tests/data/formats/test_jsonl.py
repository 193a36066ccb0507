import json

import numpy as np
import pytest
from hypothesis import given, settings

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import jsonl
from cman_tf.errors import InputError
from tests.data.examples import TEXT, documents


def write_lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def split(texts):
    return [
        Document(text.split(), text=" ".join(text.split()), offsets=Document(text.split()).offsets) for text in texts
    ]


def test_reads_tokenised_lines_with_and_without_annotation(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl",
        {"tokens": ["a", "b"]},
        {
            "id": 3,
            "tokens": ["Ann", "left", "Rome"],
            "entities": [{"type": "Peop", "start": 0, "end": 1, "score": 0.5}, {"type": "Loc", "start": 2, "end": 3}],
            "relations": [{"type": "Left", "head": 0, "tail": 1, "score": 1}],
        },
    )
    first, second = jsonl.read(path)
    assert first == Document(["a", "b"])
    assert second.entities == (Entity(0, 1, "Peop"), Entity(2, 3, "Loc"))
    assert [entity.score for entity in second.entities] == [0.5, None]
    assert second.relations[0].score == 1
    assert second.id == "3"


def test_tokens_are_found_in_the_text(tmp_path):
    (document,) = jsonl.read(write_lines(tmp_path / "a", {"text": "😀a  aa.", "tokens": ["a", "a", "a", "."]}))
    assert document.offsets == ((1, 2), (4, 5), (5, 6), (6, 7))
    assert document.text == "😀a  aa."


def test_raw_lines_are_tokenised_at_once_and_keep_their_place(tmp_path):
    path = write_lines(tmp_path / "a", {"text": "a b", "id": "x"}, {"tokens": ["c"]}, {"text": ""}, {"text": "d"})
    calls = []

    def tokenize(texts):
        calls.append(texts)
        return split(texts)

    assert [(document.tokens, document.id) for document in jsonl.read(path, tokenize)] == [
        (("a", "b"), "x"),
        (("c",), ""),
        ((), ""),
        (("d",), ""),
    ]
    assert calls == [["a b", "", "d"]]


@pytest.mark.parametrize("key", ["entities", "relations", "spans", "label"])
def test_raw_lines_have_no_annotation(tmp_path, key):
    path = write_lines(tmp_path / "a", {"text": "a b", key: [{"type": "A", "start": 0, "end": 1}]})
    with pytest.raises(InputError, match=rf"malformed lines \(`{key}` must come with 'tokens'.* line 1\)\.$"):
        jsonl.read(path, split)


def test_blank_lines_are_skipped(tmp_path):
    (tmp_path / "a").write_bytes(b'\n{"tokens": ["a"]}\r\n  \n{"tokens": ["b"]}')
    assert [document.tokens for document in jsonl.read(tmp_path / "a")] == [("a",), ("b",)]


def test_writes_characters_and_text_of_entities(tmp_path):
    document = Document(
        ["In", "New", "York"],
        [Entity(1, 3, "Loc", np.float32(0.5)), Entity(0, 1, "X")],
        [Relation(0, 1, "R", 0.25)],
        "In  New York",
        [(0, 2), (4, 7), (8, 12)],
        "é",
    )
    jsonl.write([document], tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8")) == {
        "id": "é",
        "text": "In  New York",
        "tokens": ["In", "New", "York"],
        "offsets": [[0, 2], [4, 7], [8, 12]],
        "entities": [
            {"type": "Loc", "start": 1, "end": 3, "text": "New York", "char_start": 4, "char_end": 12, "score": 0.5},
            {"type": "X", "start": 0, "end": 1, "text": "In", "char_start": 0, "char_end": 2},
        ],
        "relations": [{"type": "R", "head": 0, "tail": 1, "score": 0.25}],
    }


def test_line_separators_and_lone_surrogates_survive(tmp_path):
    document = Document(["a\u2028b", "\ud83d", "\n"])
    jsonl.write([document, document], tmp_path / "a")
    assert (tmp_path / "a").read_bytes().count(b"\n") == 2
    assert jsonl.read(tmp_path / "a") == [document, document]


@settings(deadline=None)
@given(documents(TEXT.filter(bool), scores=True, spaced=True))
def test_what_is_written_is_read_back_with_scores(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.jsonl"
    jsonl.write(drawn, path)
    found = jsonl.read(path)
    assert formats.recognise(path) == "jsonl"
    assert found == drawn
    for one, other in zip(found, drawn):
        assert [item.score for item in one.entities + one.relations] == [
            item.score for item in other.entities + other.relations
        ]
