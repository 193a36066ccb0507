"""What `cman predict` reads: texts, lines, folders, JSON lines; how their documents are named; constant memory."""

import io
import itertools
import json
import sys

import pytest

from cman_tf.commands import cli, predict
from cman_tf.commands.streams import SENTENCES, stream
from cman_tf.data import formats
from cman_tf.errors import InputError
from tests.conftest import sentence
from tests.data.examples import AVAILABLE

TEXT = "Ana left\nOslo. Rain.\r\n\n- Bo\n"


def read(path, **options):
    return [(document.id, document.text) for document in stream([], str(path), **options)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "z.txt").write_bytes(b"One.\nTwo.\n")
    (tmp_path / "in" / "b" / "a.txt").write_bytes(TEXT.encode())
    (tmp_path / "in" / "empty.txt").touch()
    (tmp_path / "in" / "other.md").write_text("no text")
    return tmp_path / "in"


def test_a_text_is_one_document(tmp_path):
    (tmp_path / "a.txt").write_bytes(("\ufeff" + TEXT).encode())
    for sentences in (None, "split", "text"):
        assert read(tmp_path / "a.txt", sentences=sentences) == [("a.txt", TEXT)]


def test_lines_are_documents(tmp_path):
    (tmp_path / "a.txt").write_bytes(("\ufeff" + TEXT).encode())
    lines = ["Ana left", "Oslo. Rain.", "", "- Bo"]
    assert read(tmp_path / "a.txt", sentences="lines") == [(f"a.txt:{n}", line) for n, line in enumerate(lines, 1)]
    assert [document.text for document in stream([TEXT, "x"], None, sentences="lines")] == [*lines, "x"]


def test_a_folder_of_texts(folder):
    expected = [("b/a.txt", TEXT), ("empty.txt", ""), ("z.txt", "One.\nTwo.\n")]
    assert read(folder) == expected
    assert read(folder, format="text", sentences="text") == expected
    assert read(folder, sentences="lines")[-2:] == [("z.txt:1", "One."), ("z.txt:2", "Two.")]


def test_json_lines_of_texts(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 7, "text": "One.\\nTwo."}\n\n{"text": "x"}\n{"tokens": ["a", "b"]}\n')
    assert read(tmp_path / "a.jsonl") == [("7", "One.\nTwo."), ("", "x"), ("", "a b")]
    assert read(tmp_path / "a.jsonl", sentences="lines")[:3] == [("7:1", "One."), ("7:2", "Two."), ("", "x")]
    assert list(stream([], str(tmp_path / "a.jsonl")))[2].tokens == ("a", "b")


def test_standard_input_has_no_name(monkeypatch):
    for path in (None, "-"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
        assert [(document.id, document.text) for document in stream([], path)] == [("", TEXT)]


@pytest.mark.parametrize("text", ["{Ana} lives in Oslo.", '[{"a": Ana', '{"tokens": ["a"]}'])
def test_a_text_may_begin_like_json(tmp_path, text):
    (tmp_path / "braces.txt").write_text(text)
    assert read(tmp_path / "braces.txt") == [("braces.txt", text)]


def test_annotated_texts_are_split_in_their_language(tmp_path):
    text = {"text": "Ana kam am 3. Mai nach Oslo. Bo auch.", "label": [[0, 3, "Peop"]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(text) + "\n")
    assert len(list(stream([], str(tmp_path / "a.jsonl")))) == 3
    assert len(list(stream([], str(tmp_path / "a.jsonl"), language="de"))) == 2


def test_known_formats_keep_their_tokens(tmp_path, documents):
    for format in AVAILABLE:
        name = tmp_path / (f"{format}.txt" if format == "multihead" else format)
        formats.write(documents, name, format)
        assert [document.tokens for document in stream([], str(name))] == [document.tokens for document in documents]
        if format != "jsonl" and format not in formats.SPLIT:
            with pytest.raises(InputError, match=f"not split into sentences. Received: .* in format {format}"):
                read(name, sentences="lines")
    (tmp_path / "brat" / "sentences.txt").write_text("One.\nTwo.\n")
    (tmp_path / "brat" / "sentences.ann").write_text("")
    assert [text for _, text in read(tmp_path / "brat", sentences="text")] == ["One.\nTwo.\n"]


def test_what_is_refused(tmp_path):
    (tmp_path / "empty.txt").touch()
    with pytest.raises(InputError, match=r"empty\.txt is empty\."):
        read(tmp_path / "empty.txt")
    with pytest.raises(InputError, match=r"empty\.txt is empty\."):
        read(tmp_path / "empty.txt", sentences="lines")
    with pytest.raises(InputError, match=r"Cannot read .*missing: no such file"):
        read(tmp_path / "missing")
    (tmp_path / "none").mkdir()
    with pytest.raises(
        InputError,
        match=r"must contain \.txt files or be in a known format \(brat, csv, cas_json, cas_xmi\)\. Rec.*none$",
    ):
        read(tmp_path / "none")
    (tmp_path / "none" / "bad.txt").write_bytes(b"a\nb\xff")
    for options in ({}, {"sentences": "lines"}):
        with pytest.raises(InputError, match=r"UTF-8 text. Received: byte 0xff in .*bad\.txt, line 2$"):
            read(tmp_path / "none", **options)
        with pytest.raises(InputError, match=r"UTF-8 text. Received: byte 0xff in .*bad\.txt, line 2$"):
            read(tmp_path / "none" / "bad.txt", **options)
    with pytest.raises(InputError, match="not both. Received: both, --input a"):
        list(stream(["Ana"], "a"))


def test_input_is_read_as_it_is_used(tmp_path):
    with open(tmp_path / "a.jsonl", "w") as file:
        file.writelines(json.dumps({"text": f"{number}"}) + "\n" for number in range(1000))
        file.write("{broken\n")
    first = list(itertools.islice(stream([], str(tmp_path / "a.jsonl")), 600))
    assert first[-1].text == "599"
    with pytest.raises(InputError, match="line 1001"):
        list(stream([], str(tmp_path / "a.jsonl")))
    (tmp_path / "a.txt").write_bytes(b"x\n" * 1000 + b"\xff\n")
    assert len(list(itertools.islice(stream([], str(tmp_path / "a.txt"), sentences="lines"), 900))) == 900


def test_documents_through_the_command(quick, trained, answered, folder, tmp_path):
    lines = [
        json.loads(line)
        for line in answered("cman predict", trained, "--input", folder, "--format", "jsonl").splitlines()
    ]
    assert [(line["id"], line["text"]) for line in lines] == read(folder)
    assert lines[0]["sentences"] == [[0, 4], [4, 6], [6, 8]]
    for sentences, count in zip(SENTENCES, (3, 7, 3)):
        arguments = "--input", folder, "--sentences", sentences, "--format", "jsonl", "--output", tmp_path / "out"
        assert answered("cman predict", trained, *arguments) == ""
        found = formats.read(tmp_path / "out")
        assert len(found) == count
        assert all(len(document.sentences) < 2 for document in found) == (sentences != "split")
    table = answered("cman predict", trained, "--input", folder)
    assert table.startswith("id: b/a.txt\nAna left Oslo.\n")
    assert "\n\nRain.\n" in table


def test_offsets_of_the_table_are_those_of_the_document(capsys):
    from cman_tf.commands.outputs import write_predictions
    from tests.data.formats.test_documents import example

    write_predictions([example(), sentence("Ana left", [(0, 1, "Peop")])], "table")
    assert capsys.readouterr().out == (
        "id: news.txt\nAnn left Rome.\n  Peop         Ann  [0:3]\n  Loc          Rome  [9:13]\n"
        "  Ann --Left--> Rome  0.250\n\nBo met Ann.\n  Peop         Bo  [17:19]  0.500\n  Peop         Ann  [24:27]\n"
        "  Bo --Met--> Ann\n\nAna left\n  Peop         Ana  [0:3]\n\n"
    )


def predicted(capsys, *argv):
    """`(exit code, ids of the documents, lines on standard error)`."""
    code = cli.run("cman predict", predict.command, [*map(str, argv), "--format", "jsonl"])
    out, told = capsys.readouterr()
    return code, [json.loads(line)["id"] for line in out.splitlines()], told.splitlines()


def test_what_cannot_be_read_is_told_and_the_rest_is_predicted(quick, trained, capsys, folder, monkeypatch):
    (folder / "c.txt").write_bytes("Zoë left.".encode("latin-1"))
    code, ids, told = predicted(capsys, trained, "--input", folder)
    assert (code, ids) == (2, ["b/a.txt", "empty.txt", "z.txt"])
    assert told == [
        f"cman predict: A file must be UTF-8 text. Received: byte 0xeb in {folder / 'c.txt'}, line 1",
        "cman predict: Texts or lines that cannot be read: 1; the others are predicted.",
    ]
    lines = b'{"id": 1, "text": "Ana left."}\n{"text": "B\n{"text": "\xff"}\n[]\n{"id": 5, "text": "Bo."}\n'
    (folder / "in.jsonl").write_bytes(lines)
    code, ids, told = predicted(capsys, trained, "--input", folder / "in.jsonl")
    assert (code, ids, len(told)) == (2, ["1", "5"], 4)
    for number, line in enumerate(told[:3], 2):
        assert f"in {folder / 'in.jsonl'}, line {number}" in line
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert "in standard input, line 2, column" in predicted(capsys, trained, "--input", "-")[2][0]
    (folder / "lines.txt").write_bytes(b"Ana left.\n\xff\nBo left.")
    code, ids, told = predicted(capsys, trained, "--input", folder / "lines.txt", "--sentences", "lines")
    assert (code, ids, len(told)) == (2, ["lines.txt:1", "lines.txt:3"], 2)
    bad = {"tokens": ["Ana"], "entities": [{"type": "Peop", "start": 0, "end": 9}]}
    (folder / "in.json").write_text(json.dumps([{"tokens": ["Ana"], "orig_id": 7}, bad]))
    code, ids, told = predicted(capsys, trained, "--input", folder / "in.json")
    assert (code, ids, len(told)) == (2, ["7"], 2)


def test_nothing_is_written_if_nothing_can_be_read(quick, trained, capsys, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"\xff")
    code, ids, told = predicted(capsys, trained, "--input", tmp_path / "in", "--output", tmp_path / "out")
    assert (code, ids, told[1:]) == (2, [], ["cman predict: Texts or lines that cannot be read: 1; none is left."])
    assert not (tmp_path / "out").exists()
