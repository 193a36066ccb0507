"""One record that cannot be read does not stop the others: it is counted, and `strict` raises its error."""

import json

import pytest

from cman_tf.data import corpora, formats
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

TOKENS = {"tokens": ["Ana", "left"], "entities": [{"type": "Peop", "start": 0, "end": 1}]}
WRONG = {"tokens": ["Ana", "left"], "entities": [{"type": "Peop", "start": 0, "end": 9}]}
SPANS = {"text": "Ana left.", "label": [[0, 3, "Peop"]]}
PRODIGY = {"text": "Ana left.", "spans": [{"start": 0, "end": 3, "label": "Peop"}], "answer": "accept"}
TRIPLES = {"text": "Ana left Oslo .", "triple_list": [["Ana", "Left", "Oslo"]]}
DYGIE = {"sentences": [["Ana", "left"]], "ner": [[[0, 0, "Peop"]]]}
CSV = b"sentence_id,text,start,end,type\n"
DOC = b"#doc %d\n0\tAna\tB-Peop\t['N']\t[0]\n"


def lines(*records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


# Format, the good record, the bad one, why it is bad, the reason that is counted.
FILES = [
    ("jsonl", lines(TOKENS), lines(WRONG), "end=9", "malformed lines"),
    ("jsonl", lines(TOKENS), b'{"tokens": ["Ana", "le', "valid JSON", "malformed lines"),
    ("jsonl", lines(TOKENS), b'{"tokens": ["\xff"]}\n', "UTF-8 text", "malformed lines"),
    ("doccano", lines(SPANS), b'{"text": "Ana le', "valid JSON", "malformed lines"),
    ("doccano", lines(SPANS), b'{"text": "\xff"}\n', "UTF-8 text", "malformed lines"),
    ("prodigy", lines(PRODIGY), b'{"text": "Ana le', "valid JSON", "malformed lines"),
    ("triples", lines(TRIPLES), b'{"text": "Ana le', "valid JSON", "malformed lines"),
    ("dygie", lines(DYGIE), b'{"sentences": [["Ana", "le', "valid JSON", "malformed lines"),
    ("dygie", lines(DYGIE), b"[]\n", "must be a JSON object", "malformed lines"),
    ("iob2", b"Ana\tB-Peop\nleft\tO\n\n", b"Ana\tPerson\nleft\tO\n\n", "'Person'", "malformed sentences"),
    ("multihead", DOC % 1, b"#doc 2\n0\tAna\tB-Peop\n", "5 columns", "malformed sentences"),
]


@pytest.mark.parametrize(("format", "good", "bad", "why", "reason"), FILES)
def test_a_bad_record_is_counted(tmp_path, format, good, bad, why, reason):
    path, reading = tmp_path / "a", Reading()
    first = good * 2 if format != "multihead" else good + DOC % 3
    path.write_bytes(first + bad)
    assert len(formats.read(path, format, reading=reading)) == 2
    assert (reading.left_out, reading.sentences_read) == ({reason: 1}, 2)
    assert why in reading.examples[reason]
    assert f"{path}, line " in reading.examples[reason]
    with pytest.raises(InputError, match=f"{why}.*{path}, line "):
        formats.read(path, format, reading=Reading(strict=True))


@pytest.mark.parametrize(
    ("format", "good", "bad", "why", "reason"),
    [
        *FILES,
        ("jsonl", lines(TOKENS), b'ft."}\n', "valid JSON", "malformed lines"),
        ("jsonl", lines(TOKENS), lines({"version": 3}), "key 'text' or 'tokens'", "malformed lines"),
        ("jsonl", lines(TOKENS), lines({"tokens": [1]}), "list of strings", "malformed lines"),
        ("doccano", lines(SPANS), lines({"text": 5, "label": []}), "must be a string", "malformed texts"),
        ("doccano", lines(SPANS), lines([]), "must be a JSON object", "malformed lines"),
        ("prodigy", lines(PRODIGY), lines({**PRODIGY, "text": None}), "must be a string", "malformed texts"),
        ("multihead", DOC % 1, b"#dc 2\n0\tAna\tO\t['N']\t[0]\n", "must begin with '#doc'", "malformed sentences"),
        ("pubtator", b"7|t|Ana.\n7|a|Left.\n", b"6t|Bo.\n", "must follow the title", "malformed lines"),
    ],
)
def test_a_bad_record_before_good_ones_does_not_hide_the_format(tmp_path, format, good, bad, why, reason):
    path, reading = tmp_path / "a", Reading()
    # Ids of these two are unique.
    others = good if format in ("multihead", "pubtator") else good * 2
    path.write_bytes(bad + (b"" if bad.endswith(b"\n") else b"\n") + others)
    assert formats.recognise(path) == format
    assert formats.read(path, reading=reading)
    assert reading.left_out == {reason: 1}
    assert why in reading.examples[reason]
    with pytest.raises(InputError, match=why):
        formats.read(path, reading=Reading(strict=True))


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("spert", TOKENS, 3),
        ("spert", TOKENS, {"tokens": "Ana left"}),
        ("doccano", SPANS, None),
        ("doccano", SPANS, {"text": 5, "label": []}),
        ("dygie", DYGIE, {"sentences": "Ana left"}),
    ],
)
def test_nor_does_a_bad_object_of_a_list(tmp_path, format, good, bad):
    for found in ([bad, good], {"data": [bad, good]}):
        (tmp_path / "a").write_text(json.dumps(found, indent=1))
        assert formats.recognise(tmp_path / "a") == format
        assert len(formats.read(tmp_path / "a", reading=(reading := Reading()))) == 1
        assert sum(reading.left_out.values()) == 1


@pytest.mark.parametrize("text", ["Ana left:\n%s", "[1] Ana left.\n%s", "[Ana]\n%s", "{Ana} left.\nBo left.\n%s"])
def test_text_with_a_line_of_json_is_text(tmp_path, text):
    (tmp_path / "a").write_text(text % json.dumps(SPANS))
    assert formats.recognise(tmp_path / "a") is None


@pytest.mark.parametrize(("format", "good", "bad", "why", "reason"), FILES)
def test_nothing_but_bad_records_is_refused(tmp_path, format, good, bad, why, reason):
    (tmp_path / "a").write_bytes(bad)
    with pytest.raises(InputError, match=f"{why}|contains no"):
        formats.read(tmp_path / "a", format)


def test_a_bad_sentence_of_a_list_is_counted(tmp_path):
    reading = Reading()
    (tmp_path / "a").write_text(json.dumps([TOKENS, WRONG, 3, {**TOKENS, "orig_id": 1}, {**TOKENS, "orig_id": 1}]))
    assert len(formats.read(tmp_path / "a", reading=reading)) == 2
    assert reading.left_out == {"malformed sentences": 3}
    assert reading.examples["malformed sentences"].endswith(f"in {tmp_path / 'a'}, sentence 2")
    with pytest.raises(InputError, match="end=9 .*sentence 2$"):
        formats.read(tmp_path / "a", reading=Reading(strict=True))


def test_ends_that_seem_to_be_inclusive_are_refused(tmp_path):
    long = {"tokens": ["Ana", "Lima", "left"], "entities": [{"type": "Peop", "start": 0, "end": 2}]}
    empty = {"tokens": ["Ana", "left"], "entities": [{"type": "Peop", "start": 0, "end": 0}]}
    (tmp_path / "a").write_text(json.dumps([long, empty]))
    with pytest.raises(InputError, match="empty entities and none of one token; .*use --ends inclusive"):
        formats.read(tmp_path / "a")
    (tmp_path / "a").write_text(json.dumps([long, empty, TOKENS]))
    reading = Reading()
    assert len(formats.read(tmp_path / "a", reading=reading)) == 2
    assert reading.left_out == {"malformed sentences": 1}


def test_a_list_that_was_cut_is_refused(tmp_path):
    (tmp_path / "a").write_text(json.dumps([TOKENS, TOKENS])[:-20])
    with pytest.raises(InputError, match="must contain valid JSON"):
        formats.read(tmp_path / "a", "spert")


def test_a_bad_row_of_a_table_is_counted_and_relations_keep_their_entities(tmp_path):
    rows = b"7,Ana left Oslo,0,99,Odd\n7,Ana left Oslo,0,3,Peop\n7,Ana left Oslo,9,13,Loc\n8,Bo,0,2,Peop\n"
    (tmp_path / "entities.csv").write_bytes(CSV + rows)
    (tmp_path / "relations.csv").write_bytes(b"sentence_id,type,head,tail\n7,Left,1,2\n7,Left,0,2\n7,Left,1,1\n")
    reading = Reading()
    first, _ = formats.read(tmp_path, reading=reading)
    assert [(r.head.text, r.tail.text) for r in first.relations] == [("Ana", "Oslo")]
    assert reading.left_out == {"malformed rows": 3}
    with pytest.raises(InputError, match="end=99 .* in row 1 of entities"):
        formats.read(tmp_path, reading=Reading(strict=True))


def test_bad_texts_of_a_folder_are_counted(tmp_path):
    for name, text in (("a", b"Ana left."), ("b", b"\xff left."), ("c", None)):
        (tmp_path / f"{name}.ann").write_text("T1\tPeop 0 3\tAna\n")
        if text:
            (tmp_path / f"{name}.txt").write_bytes(text)
    reading = Reading()
    assert [document.text for document in formats.read(tmp_path, reading=reading)] == ["Ana left."]
    assert reading.left_out == {"texts that cannot be read": 2}
    with pytest.raises(InputError, match=r"UTF-8 text.*b\.txt"):
        formats.read(tmp_path, reading=Reading(strict=True))


def test_a_corpus_is_read_with_a_warning_and_strictly_on_request(tmp_path, caplog):
    (tmp_path / "train.jsonl").write_bytes(lines(TOKENS) * 3 + b'{"tokens": ["Ana')
    assert len(corpora.load(tmp_path, splits=["train"]).splits["train"]) == 3
    assert "malformed lines: 1 (" in caplog.text
    with pytest.raises(InputError, match="line 4"):
        corpora.load(tmp_path, splits=["train"], strict=True)
