# ruff: noqa: E501
"""What is wrong with a file is told in one sentence, with the file and the line or sentence."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

ROW = "0\tAnn\tB-Peop\t['N']\t[0]\n"


def spert(**changes):
    """A SpERT file's text: a good sentence, then one with `changes`; a change to None takes the key away."""
    record = {
        "tokens": ["Ann", "left", "Rome"],
        "entities": [{"type": "Peop", "start": 0, "end": 1}, {"type": "Loc", "start": 2, "end": 3}],
        "relations": [{"type": "Left", "head": 0, "tail": 1}],
        "orig_id": 8,
    }
    return json.dumps([{**record, "orig_id": 7}, {**record, **changes}])


def entity(**changes):
    return {"type": "Loc", "start": 1, "end": 2, **changes}


def relation(**changes):
    return {"type": "Left", "head": 1, "tail": 0, **changes}


def without(item, key):
    return {name: value for name, value in item.items() if name != key}


SPERT = [
    ('[{"tokens": [}]', r"valid JSON\. Received: expecting value in FILE, line 1, column 14$"),
    ('[{"tokens":\n["a"],\n"entities" []}]', r"valid JSON\. .*delimiter in FILE, line 3, column 12$"),
    ("[{}", r"valid JSON\. Received: expecting ',' delimiter in FILE, line 1"),
    ("[" * 100_000, r"nested less than 1000 levels deep .* in FILE, line 1$"),
    ("[]", r"^FILE contains no sentences\.$"),
    ("3", r"SpERT JSON must be a list of sentences\. Received: 3 in FILE$"),
    ("[3]", r"A sentence must be a JSON object\. Received: 3 in FILE, sentence 1$"),
    ("[{}]", r"Every sentence must have a key 'tokens'\. Received: no key in FILE, sentence 1$"),
    ('[{"token": []}]', r"key 'tokens'\. Received: keys 'token' in FILE, sentence 1$"),
    ('[{"tokens": null}]', r"`tokens` must be a list of strings\. Received: null in FILE, sentence 1$"),
    (spert(tokens=["Ann", 3, "Rome"]), r"`tokens` must be a list of strings\. .* in FILE, sentence 2 \(id 8\)$"),
    (spert(tokens=["Ann", "", "Rome"]), r"non-empty string\. Received: token 1 is '' in FILE, sentence 2 \(id 8\)$"),
    (spert(orig_id=True), r"`orig_id` must be a string or a whole number\. Received: true in FILE, sentence 2"),
    (
        spert(orig_id=7),
        r"ids must be unique\. Received: '7' twice, in sentence 1 \(id 7\) and in FILE, sentence 2 \(id 7\)$",
    ),
    (spert(entities={}), r"`entities` must be a list\. Received: {} in FILE, sentence 2"),
    (spert(entities=[3]), r"An entity must be a JSON object\. Received: 3 in FILE, sentence 2"),
    (spert(entities=[entity(start="3")]), r"`start` must be a whole number\. Received: '3' in FILE, sentence 2"),
    (spert(entities=[entity(start=None)]), r"`start` must be a whole number\. Received: null in FILE, sentence 2"),
    (spert(entities=[entity(start=True)]), r"`start` must be a whole number\. Received: true in FILE, sentence 2"),
    (spert(entities=[entity(end=2.0)]), r"`end` must be a whole number\. Received: 2\.0 in FILE, sentence 2"),
    (spert(entities=[entity(type=3)]), r"`type` must be a non-empty string .*blanks\. Received: 3 in FILE"),
    (spert(entities=[entity(type="")]), r"`type` must be a non-empty string .*blanks\. Received: '' in FILE"),
    (spert(entities=[entity(type="A\tb")]), r"outer blanks\. Received: 'A\\tb' in FILE, sentence 2"),
    (spert(entities=[entity(type="\ud800")]), r"`type` must be .*Received: '\\ud800' in FILE, sentence 2"),
    (
        spert(entities=[without(entity(), "end")]),
        r"Every entity must have a key 'end'\. Received: keys 'type', 'start' in",
    ),
    (spert(entities=[without(entity(), "type")]), r"Every entity must have a key 'type'\. .* in FILE, sentence 2"),
    (spert(entities=[entity(end=4)]), r"Received: start=1, end=4 in a sentence of 3 tokens in FILE, sentence 2"),
    (spert(entities=[entity(start=-1)]), r"Received: start=-1, end=2 in a sentence of 3 tokens in FILE, sentence 2"),
    (spert(entities=[entity(end=1)]), r"0 <= start < end .*Received: start=1, end=1 .* in FILE, sentence 2"),
    (spert(entities=[entity(end=0)]), r"0 <= start < end .*Received: start=1, end=0 .* in FILE, sentence 2"),
    (spert(relations=[relation(head=2)]), r"relation's head must .*head=2 .*2 entities in FILE, sentence 2"),
    (spert(relations=[relation(tail=-1)]), r"relation's tail must .*tail=-1 .* in FILE, sentence 2"),
    (spert(relations=[relation(tail=1)]), r"two different entities\. Received: head=tail=1 in FILE, sentence 2"),
    (spert(relations=[without(relation(), "tail")]), r"Every relation must have a key 'tail'\. .* in FILE, sentence 2"),
    (spert(relations=[relation(head=[])]), r"`head` must be a whole number\. Received: \[\] in FILE, sentence 2"),
]

JSONL = [
    ('{"tokens": ["a"]}\n{"tokens": }\n', r"valid JSON\. Received: expecting value in FILE, line 2, column 12$"),
    ('{"tokens": ["a"]}\n\n[]', r"A line must be a JSON object\. Received: \[\] in FILE, line 3$"),
    ('{"tokens": ["a"]}\n{"id": 3}', r"key 'text' or 'tokens'\. Received: keys 'id' in FILE, line 2$"),
    ('{"tokens": ["a"]}\n{"text": "a b"}', r"raw text is read for prediction only\. .* in FILE, line 2$"),
    (
        '{"tokens": ["a"], "id": 3}\n{"tokens": ["b"], "id": "3"}',
        r"Received: '3' twice, in line 1 and in FILE, line 2$",
    ),
    ('{"tokens": ["a"], "id": null}', r"`id` must be a string or a whole number\. Received: null in FILE, line 1$"),
    ('{"tokens": ["a"], "text": 3}', r"`text` must be a string\. Received: 3 in FILE, line 1$"),
    (
        '{"tokens": ["a"], "text": "b"}',
        r"`text` must contain the tokens in order\. Received: 'a', which is missing, in FILE",
    ),
    ('{"tokens": ["b", "a"], "text": "a b"}', r"Received: 'a', which is missing, in FILE, line 1$"),
    (
        '{"tokens": ["a"], "text": "a", "offsets": [0, 1]}',
        r"`offsets` must be a list of pairs of whole numbers\. .* line 1",
    ),
    (
        '{"tokens": ["a"], "text": "a", "offsets": [[0, true]]}',
        r"`offsets` must be a list of pairs of whole numbers\. ",
    ),
    ('{"tokens": ["a"], "text": "ba", "offsets": [[0, 1]]}', r"must be the token\. .* in FILE, line 1$"),
    ('{"tokens": ["a"], "entities": [{"type": "A", "start": 0, "end": 2}]}', r"start=0, end=2 .* in FILE, line 1$"),
    (
        '{"tokens": ["a"], "entities": [{"type": "A", "start": 0, "end": 1, "score": "high"}]}',
        r"`score` must be a number\. Received: 'high' in FILE, line 1$",
    ),
    (
        '{"tokens": ["a"], "entities": [{"type": "A", "start": 0, "end": 1, "score": 1' + "0" * 400 + "}]}",
        r"`score` must be a number\. Received: 1000.* in FILE, line 1$",
    ),
    (
        '{"tokens": ["a"], "entities": [{"type": "A", "start": 0, "end": 1, "score": NaN}]}',
        r"`score` must be a number\. Received: nan in FILE, line 1$",
    ),
]

MULTIHEAD = [
    (ROW, r"must begin with '#doc'\. .* in FILE, line 1$"),
    ("#doc 1\n" + ROW + "#doc 1\n" + ROW, r"Received: '1' twice, in line 1 and in FILE, line 3$"),
    ("#doc 1\n0\tAnn\tO\n", r"5 columns between tabs.*Received: 3 in .* in FILE, line 2$"),
    ("#doc 1\n0 Ann O ['N'] [0]\n", r"5 columns between tabs.*Received: 1 in .* in FILE, line 2$"),
    ("#doc 1\n" + ROW + ROW, r"numbered from 0 in each sentence\. Received: '0' for row 1 in FILE, line 3$"),
    ("#doc 1\n0\t\tO\t['N']\t[0]\n", r"non-empty string\. .* in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tPeop\t['N']\t[0]\n", r"O, B-type or I-type\. Received: 'Peop' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tB-\t['N']\t[0]\n", r"O, B-type or I-type\. Received: 'B-' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tU-Peop\t['N']\t[0]\n", r"O, B-type or I-type\. Received: 'U-Peop' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t[N]\t[0]\n", r"list of names, such as .*Received: '\[N\]' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t'N'\t[0]\n", r"list of names, such as .* in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[True]\n", r"list of indices, such as .*Received: '\[True\]' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[__import__('os')]\n", r"list of indices, such as .* in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t" + "[" * 9000 + "\n", r"list of indices, such as .* in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t" + "[" + "-" * 9000 + "1]\n", r"list of indices, such as .* in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[0, 1]\n", r"one head for each relation\. Received: 1 and 2 in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[1]\n", r"index of a row\. Received: 1 in a sentence of 1 tokens in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[-1]\n", r"index of a row\. Received: -1 in a sentence of 1 tokens in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['N']\t[1]\n1\tb\tO\t['N']\t[1]\n", r"own row as head\. Received: 1 in row 0 in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tO\t['']\t[0]\n", r"type must be a non-empty .*Received: '' in FILE, line 2$"),
    ("#doc 1\n0\tAnn\tB-A\t['R']\t[0]\n", r"two different entities\. Received: R from token 0 to itself in FILE, line 2$"),
    ("#doc 1\n" + ROW + "1\tb\tO\t['R']\t[0]\n", r"last tokens of two entities\. .*where 1 does not end an entity in FILE, line 3$"),
    ("#doc 1\n0\tAnn\tB-A\t['R']\t[1]\n1\tb\tO\t['N']\t[1]\n", r"where 1 does not end an entity in FILE, line 2$"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [("spert", *case) for case in SPERT]
    + [("jsonl", *case) for case in JSONL]
    + [("multihead", *case) for case in MULTIHEAD],
)
def test_the_message_says_what_and_where(tmp_path, format, text, message):
    path = tmp_path / "train.txt"
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match=message.replace("FILE", str(path))):
        formats.read(path, format, reading=Reading(strict=True))


# The formats that are text, and what each is made of.
ALPHABET = {
    "spert": ['"tokens"', '"entities"', '"relations"', '"type"', '"start"', '"end"', '"head"', '"orig_id"', *"[]{},:"],
    "jsonl": [
        '"tokens"',
        '"text"',
        '"offsets"',
        '"entities"',
        '"score"',
        '"type"',
        '"start"',
        '"end"',
        "\n",
        *"[]{},:",
    ],
    "multihead": [
        "#doc",
        "\t",
        "\n",
        "\r",
        "B-A",
        "I-A",
        "O",
        "['N']",
        "['R']",
        "[0]",
        "[1]",
        "[0, 1]",
        "-",
        "(",
        "\\",
    ],
}


@pytest.mark.parametrize("format", [None, *ALPHABET])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^Cannot read FILE: no such file or directory\.$"),
        ("folder", r"^Cannot read FILE: is a directory\.$"),
        (b"", r"^FILE is empty\.$"),
        (b" \n\r\n", r"^FILE is empty\.$"),
        (b'{"tokens": ["a"]}\n["\xff"]}]', r"A file must be UTF-8 text\. Received: byte 0xff in FILE, line 2$"),
    ],
)
def test_a_file_that_is_no_text(tmp_path, format, content, message):
    path = tmp_path / "a"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message.replace("FILE", str(path))):
        formats.read(path, format, reading=Reading(strict=True))


def test_a_name_that_no_file_can_have():
    with pytest.raises(InputError, match="Cannot read a"):
        formats.read("a\0b")


@pytest.mark.parametrize("name", ALPHABET)
@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xef\xbb\xbf")
@example(b"\x00")
def test_any_bytes_give_documents_or_an_input_error(tmp_path_factory, name, data):
    check_bytes(tmp_path_factory, name, data)


COMMON = ["0", "1", "-1", "1e999", "null", "true", "NaN", '"a"', '"\\ud800"', " ", "\x00", "é"]


@pytest.mark.parametrize("name", ALPHABET)
@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_pieces_of_the_format_give_documents_or_an_input_error(tmp_path_factory, name, data):
    pieces = data.draw(st.lists(st.sampled_from(ALPHABET[name] + COMMON), max_size=30))
    check_bytes(tmp_path_factory, name, "".join(pieces).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 4) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", ["spert", "jsonl"])
@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_json_in_the_place_of_a_value_gives_documents_or_an_input_error(tmp_path_factory, name, data):
    record = json.loads(spert())[0]
    record.update(text="Ann left Rome", offsets=[[0, 3], [4, 8], [9, 13]])
    item = data.draw(st.sampled_from([record, *record["entities"], *record["relations"]]))
    item[data.draw(st.sampled_from([*item, "score", "id"]))] = data.draw(JSON)
    check_bytes(tmp_path_factory, name, json.dumps([record] if name == "spert" else record).encode())


def check_bytes(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    path.write_bytes(data)
    for format in (name, None):
        message = refused(path, format)
        assert (
            message is None
            or (str(path) in message and "Received: " in message)
            or message in (f"{path} is empty.", f"{path} contains no sentences.")
        )


def refused(path, format):
    """The message of the `InputError`, or None if there are documents; any other error goes through."""
    try:
        assert formats.read(path, format)
    except InputError as error:
        return str(error)
    return None
