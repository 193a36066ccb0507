import json
from dataclasses import replace

import pytest

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, entities_only, written


@pytest.mark.parametrize("name", written())
def test_files_are_recognised_whatever_their_name(tmp_path, name):
    expected = entities_only(ann()) if name == "iob2" else ann()
    formats.write([ann()], tmp_path / "a.xyz", name)
    assert formats.recognise(tmp_path / "a.xyz") == name
    assert formats.read(tmp_path / "a.xyz") == [expected]
    assert formats.read(tmp_path / "a.xyz", name) == [expected]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('\n [\n {"tokens": ["a"]}]', "spert"),
        ("[]", "spert"),
        ('\r\n{ "tokens": ["a"]}', "jsonl"),
        ("{'tokens': 3}", None),
        ("#doc 3", "multihead"),
        ("[Applause] Thank you.", None),
        ("{sic}", None),
        ("# doc", None),
        ("Ann left.", None),
        ("", None),
    ],
)
def test_recognise_looks_at_the_content(tmp_path, text, name):
    (tmp_path / "a.json").write_text(text)
    assert formats.recognise(tmp_path / "a.json") == name


TEXT = {"text": "Ana left."}
SPAN = {"start": 0, "end": 3, "label": "Peop"}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("first", "later", "name"),
    [
        (TEXT, {**TEXT, "entities": [SPAN]}, "doccano"),
        (TEXT, {**TEXT, "label": [[0, 3, "Peop"]]}, "doccano"),
        ({**TEXT, "answer": "ignore", "_input_hash": 7}, {**TEXT, "spans": [SPAN], "answer": "accept"}, "prodigy"),
    ],
)
def test_texts_without_annotation_do_not_hide_that_of_later_ones(tmp_path, first, later, name, listed):
    records = [first, first, later]
    text = json.dumps(records) if listed else "\n".join(map(json.dumps, records))
    (tmp_path / "a").write_text(text)
    assert formats.recognise(tmp_path / "a") == name
    assert formats.read(tmp_path / "a")[-1].entities == (Entity(0, 1, "Peop"),)


def test_annotation_far_behind_raw_texts_is_reported(tmp_path, caplog):
    lines = [json.dumps(TEXT)] * 5000 + [json.dumps({**TEXT, "spans": [SPAN]})]
    (tmp_path / "a").write_text("\n".join(lines))

    def tokenize(texts):
        return [Document(text.split()) for text in texts]

    assert len(formats.read(tmp_path / "a", tokenize=tokenize)) == 5000
    assert "malformed lines: 1 (`spans` must come with 'tokens'" in caplog.text
    message = r"`spans` must come with 'tokens'.* --input-format .*, line 5001$"
    with pytest.raises(InputError, match=message):
        formats.read(tmp_path / "a", tokenize=tokenize, reading=Reading(strict=True))


def test_blank_lines_do_not_hide_the_content(tmp_path):
    (tmp_path / "a").write_text("\n" * 5000 + '{"tokens": ["a"]}')
    assert formats.recognise(tmp_path / "a") == "jsonl"


@pytest.mark.parametrize("name", written())
def test_types_that_no_reader_takes_are_not_written(tmp_path, name):
    document = ann("").with_annotation([Entity(0, 1, "a\n")], [])
    with pytest.raises(InputError, match=r"outer blanks\. Received: .* in sentence 2$"):
        formats.write([ann(""), document], tmp_path / "a", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", written())
def test_types_have_any_letters_and_blanks(tmp_path, name):
    types = ["natural person", "\u0627\u0644\u0645\u062f\u06cc\u0646\u0629 x", "Ort: " + "ä" * 100]
    entities = [Entity(entity.start, entity.end, kind) for entity, kind in zip(ann().entities, types)]
    relations = [Relation(0, 1, "works for"), Relation(0, 2, "lives/in")]
    document = ann().with_annotation(entities, relations)
    formats.write([document], tmp_path / "a", name)
    expected = entities_only(document) if name == "iob2" else document
    if name == "brat":
        expected = document.with_annotation(
            *([replace(item, type=item.type.replace(" ", "_")) for item in items] for items in (entities, relations))
        )
    assert formats.read(tmp_path / "a") == [expected]


def test_no_file_is_of_no_format(tmp_path):
    assert formats.recognise(tmp_path / "a.json") is None


@pytest.mark.parametrize(
    ("suffix", "name"), [(".json", "spert"), (".txt", "multihead"), (".jsonl", "jsonl"), (".spacy", "docbin")]
)
def test_the_suffix_chooses_what_is_written(tmp_path, suffix, name):
    formats.write([ann()], tmp_path / f"a{suffix}")
    assert formats.recognise(tmp_path / f"a{suffix}") == name


def test_a_mistyped_format_gets_the_nearest(tmp_path):
    for call in (lambda: formats.read(tmp_path / "a", "json"), lambda: formats.write([], tmp_path / "a", "json")):
        with pytest.raises(InputError, match="one of spert, .*Received: json; nearest: jsonl"):
            call()


def test_an_unknown_suffix_needs_a_format(tmp_path):
    with pytest.raises(
        InputError, match=r"end in \.json, \.txt, \.jsonl, \.spacy, or its format must be given .*Received: .*a\.csv"
    ):
        formats.write([ann()], tmp_path / "a.csv")


def test_a_file_of_another_kind_names_the_formats(tmp_path):
    (tmp_path / "a.txt").write_text("Ann left.")
    with pytest.raises(
        InputError, match=r"formats spert, .*, iob2.*--input-format text\. Received: 'Ann left\.' in .*a\.txt$"
    ):
        formats.read(tmp_path / "a.txt")


def test_tokenize_serves_raw_lines_only(tmp_path):
    def tokenize(texts):
        return [Document(text.split()) for text in texts]

    (tmp_path / "a").write_text('{"text": "a b"}')
    assert formats.read(tmp_path / "a", tokenize=tokenize)[0].tokens == ("a", "b")
    formats.write([ann()], tmp_path / "b", "spert")
    assert formats.read(tmp_path / "b", tokenize=tokenize) == [ann()]
