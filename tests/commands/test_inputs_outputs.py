import io
import json
import os
import sys

import pytest
from rich.console import Console

from cman_tf.commands.inputs import read_sentences
from cman_tf.commands.outputs import check_output, write_predictions
from cman_tf.commands.printing import table
from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError, printable
from tests.conftest import sentence
from tests.data.examples import AVAILABLE, written


def tokenize(texts):
    """Splits at blanks; the real one has its own tests."""
    documents = []
    for text in texts:
        offsets, position = [], 0
        for token in text.split():
            start = text.index(token, position)
            position = start + len(token)
            offsets.append((start, position))
        documents.append(Document([text[s:e] for s, e in offsets], text=text, offsets=offsets))
    return documents


def texts(path):
    return [document.text for document in read_sentences([], path, tokenize)]


def given(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_arguments_are_sentences():
    found = read_sentences(["Ana left", "", "x"], None, tokenize)
    assert [document.tokens for document in found] == [("Ana", "left"), (), ("x",)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a b\n\nc\n", ["a b", "", "c"]),
        ("a b\r\n\r\nc", ["a b", "", "c"]),
        ("a\rb\n", ["a\rb"]),
        ("\n", [""]),
        (" \n\t\n", [" ", "\t"]),
        ("\xa0\n", ["\xa0"]),
        ("\x1c", ["\x1c"]),
        ("a\u2028b\x0cc\n", ["a\u2028b\x0cc"]),
        ("\ufeffa\n", ["a"]),
        ("🎈 שלום \x07\n", ["🎈 שלום \x07"]),
    ],
)
def test_each_line_is_a_sentence(tmp_path, monkeypatch, data, expected):
    (tmp_path / "a.txt").write_bytes(data.encode())
    assert texts(str(tmp_path / "a.txt")) == expected
    for path in (None, "-"):
        given(monkeypatch, data.encode())
        assert texts(path) == expected


def test_known_formats_are_recognised(tmp_path, monkeypatch, documents):
    for name in ("a.json", "a.txt", "a.jsonl"):
        formats.write(documents, tmp_path / name)
        expected = [document.tokens for document in documents]
        assert [document.tokens for document in read_sentences([], str(tmp_path / name), tokenize)] == expected
        given(monkeypatch, (tmp_path / name).read_bytes())
        assert [document.tokens for document in read_sentences([], "-", tokenize)] == expected


def test_raw_and_tokenised_lines_may_mix(tmp_path):
    (tmp_path / "a").write_text('{"text": " a  b", "id": "7"}\n{"tokens": ["a b", "c"]}\n')
    raw, tokenised = read_sentences([], str(tmp_path / "a"), tokenize)
    assert (raw.text, raw.tokens, raw.id) == (" a  b", ("a", "b"), "7")
    assert tokenised.tokens == ("a b", "c")


def test_a_pipe_is_read(tmp_path):
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(b"a b\n")
    try:
        assert texts(f"/dev/fd/{reader}") == ["a b"]
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "{} is empty."),
        (b"a\nb \xff\n", "A file must be UTF-8 text. Received: byte 0xff in {}, line 2"),
        (b'{"text": "a"}\n{"text": \n', "{}, line 2"),
        (b'{"text": 3}\n', "{}, line 1"),
        (b"{}\n", "no key in {}"),
        (b'[{"tokens": []', "{}"),
    ],
)
def test_bad_input_is_told_with_its_place(tmp_path, monkeypatch, data, told):
    path = tmp_path / "a"
    path.write_bytes(data)
    given(monkeypatch, data)
    for place, name in ((str(path), str(path)), ("-", "standard input")):
        with pytest.raises(InputError) as caught:
            read_sentences([], place, tokenize)
        assert told.format(name) in str(caught.value)
        assert "/tmp/tmp" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "format"), [(b"a b\nx \xff\nc\n", "text"), (b'{"text": "a b"}\n{"text": \n{"text": "c"}\n', None)]
)
def test_a_bad_line_may_be_reported_and_the_others_are_read(monkeypatch, data, format):
    given(monkeypatch, data)
    told = []
    found = read_sentences([], "-", tokenize, format, report=told.append)
    assert [document.text for document in found] == ["a b", "c"]
    [error] = told
    assert "in standard input, line 2" in str(error)
    given(monkeypatch, data)
    reading = Reading()
    assert len(read_sentences([], "-", tokenize, format, reading)) == 2
    assert reading.left_out == {"lines that cannot be read" if format else "malformed lines": 1}
    given(monkeypatch, data)
    with pytest.raises(InputError, match="line 2"):
        read_sentences([], "-", tokenize, format, Reading(strict=True))


def test_a_format_may_be_named(tmp_path):
    path = tmp_path / "a"
    path.write_text("{Berlin} is a city.\n", encoding="utf-8")
    assert [document.text for document in read_sentences([], str(path), tokenize, "text")] == ["{Berlin} is a city."]
    with pytest.raises(InputError, match=r"must end in \.txt or be read .*Received: '{Berlin} is"):
        read_sentences([], str(path), tokenize)
    with pytest.raises(InputError, match="#doc"):
        read_sentences([], str(path), tokenize, "multihead")


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing", "a\0b"):
        with pytest.raises(InputError, match=r"^Cannot read .*\.$"):
            read_sentences([], str(path), tokenize)
    with pytest.raises(InputError, match=r"not both\. Received: both, --input a"):
        read_sentences(["a"], "a", tokenize)


def test_closed_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is empty"):
        read_sentences([], None, tokenize)


FOUND = [
    sentence("Ana lives in Łódź .", [(0, 1, "Peop"), (3, 4, "Loc")], [(0, 1, "Live_In")]),
    sentence("[red] \x1b[2J \ud800", [(0, 1, "[b]")]),
    Document([], text=" ", offsets=[]),
]


def test_a_table_shows_text_as_it_is():
    console = Console(file=io.StringIO(), width=20)
    table(FOUND, console)
    assert console.file.getvalue().split("\n\n") == [
        "Ana lives in Łódź .\n  Peop         Ana  [0:3]\n  Loc          Łódź  [13:17]\n  Ana --Live_In--> Łódź",
        "[red] \\x1b[2J \\ud800\n  [b]          [red]  [0:5]",
        " ",
        "",
    ]


def test_printable():
    assert printable("a\tb\n\x00\x9b\u202e é") == "a\tb\\n\\x00\\x9b\\u202e é"


def test_offsets_in_json_lines_give_the_entities(capsys):
    write_predictions(FOUND, "jsonl")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == [document.text for document in FOUND]
    found = [(line["text"][e["char_start"] : e["char_end"]], e["text"]) for line in lines for e in line["entities"]]
    assert found == [("Ana", "Ana"), ("Łódź", "Łódź"), ("[red]", "[red]")]


@pytest.mark.parametrize("format", ["table", "jsonl", "html"])
def test_a_file_holds_what_is_printed(tmp_path, capsys, format):
    write_predictions(FOUND, format)
    printed = capsys.readouterr().out
    assert "Łódź" in printed
    write_predictions(FOUND, format, tmp_path / "a")
    assert (tmp_path / "a").read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out == ""


PLAIN = [FOUND[0], Document([], text=" ", offsets=[])]


@pytest.mark.parametrize("format", [*written("jsonl"), "graphml", "cypher", "jsonld"])
def test_every_format_can_be_written(tmp_path, capfdbinary, format):
    write_predictions(PLAIN, format, tmp_path / "a")
    if format in formats.FOLDERS:
        with pytest.raises(InputError, match=f"{format} consists of several files. It requires --output FOLDER"):
            write_predictions(PLAIN, format)
        with pytest.raises(InputError, match="new or empty"):
            check_output(format, tmp_path / "a")
    else:
        write_predictions(PLAIN, format)
        assert capfdbinary.readouterr().out == (tmp_path / "a").read_bytes()
    if format in formats.FORMATS:
        assert formats.read(tmp_path / "a")[0].entities == FOUND[0].entities


def test_a_folder_of_a_known_format_is_read(tmp_path):
    for format in set(formats.FOLDERS) & set(AVAILABLE):
        formats.write(PLAIN, tmp_path / format, format)
        assert read_sentences([], str(tmp_path / format), tokenize)[0].tokens == FOUND[0].tokens


@pytest.mark.parametrize("format", ["table", "jsonl", "html"])
def test_no_sentence_is_no_error(tmp_path, format):
    write_predictions([], format, tmp_path / "a")
    assert (tmp_path / "a").exists()


@pytest.mark.parametrize("format", ["jsonl", "html"])
def test_output_is_utf8_whatever_the_terminal_is(monkeypatch, format):
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding="ascii"))
    write_predictions(FOUND, format)
    assert "Łódź" in data.getvalue().decode("utf-8")
