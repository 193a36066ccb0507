import io
import json
import sys

import pytest

from cman_tf.commands import cli, convert
from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from tests.data.examples import AVAILABLE, ann, written


def run(capsys, *argv):
    code = cli.run("cman convert", convert.command, [str(argument) for argument in argv])
    return (code, *capsys.readouterr())


@pytest.mark.parametrize("target", written())
def test_between_all_formats(tmp_path, capsys, target):
    for source in AVAILABLE:
        formats.write([ann()], tmp_path / source, source)
        out = tmp_path / f"{source}-{target}"
        code, said, told = run(capsys, tmp_path / source, out, "--format", target)
        relations = 0 if source == "iob2" else 2
        assert (code, said) == (0, f"{out}: 1 sentences, 3 entities, {relations} relations\n")
        assert told.endswith(f"1 sentences, 3 entities, {relations} relations\nleft out: nothing\n")
        assert formats.recognise(out) == target
        if "iob2" not in (source, target):
            assert formats.read(out) == [ann()]


def test_plain_text_can_be_annotated(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("Ann left Rome.\nIt rains.\n")
    assert run(capsys, tmp_path / "a.txt", tmp_path / "out", "--format", "brat")[0] == 0
    assert (tmp_path / "out" / "sentences.txt").read_text() == "Ann left Rome.\nIt rains.\n"
    assert (tmp_path / "out" / "sentences.ann").read_text() == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("iob2", "Ann B-Peop\nleft O\nRome B-Loc\n"),
        ("pubtator", "1|t|Aspirin and asthma.\n1\t0\t7\tAspirin\tChemical\tD001241\n"),
    ],
)
def test_a_text_file_that_looks_like_another_format_is_told(tmp_path, capsys, name, text):
    (tmp_path / "a.txt").write_text(text)
    code, _, told = run(capsys, tmp_path / "a.txt", tmp_path / "out.json")
    assert code == 0
    assert told.startswith(f"{tmp_path / 'a.txt'} is read as plain text. It looks like {name}, which --input-format ")
    code, _, told = run(capsys, tmp_path / "a.txt", tmp_path / "named.json", "--input-format", name)
    assert (code, told[:5]) == (0, "read:")


def test_whole_texts_as_sentences(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Ann\nleft Rome.")
    (tmp_path / "in" / "a.ann").write_text("T1\tPeop 0 3\tAnn\nT2\tLoc 9 13\tRome\nR1\tLeft Arg1:T1 Arg2:T2\n")
    code, _, told = run(capsys, tmp_path / "in", tmp_path / "out.json")
    assert (code, told.split("\n")[:2]) == (0, ["read: 1 documents, 2 sentences, 2 entities, 0 relations", "left out:"])
    assert "  relations across sentences: 1 (" in told
    code, _, told = run(capsys, tmp_path / "in", tmp_path / "strict.json", "--strict")
    assert (code, told.count("\n"), (tmp_path / "strict.json").exists()) == (2, 1, False)
    assert "With --strict, nothing may be left out. Received: relations across sentences in " in told
    assert run(capsys, tmp_path / "in", tmp_path / "out.json", "--sentences", "text")[0] == 0
    assert formats.read(tmp_path / "out.json")[0].tokens == ("Ann", "left", "Rome", ".")


def test_texts_are_split_in_their_language(tmp_path, capsys):
    text = {"text": "Ana kam am 3. Mai nach Oslo. Bo auch.", "label": [[0, 3, "Peop"]]}
    (tmp_path / "in.jsonl").write_text(json.dumps(text) + "\n")
    for options, count in (([], 3), (["--language", "de"], 2)):
        out = tmp_path / f"{count}.json"
        code, said, _ = run(capsys, tmp_path / "in.jsonl", out, *options)
        assert (code, said) == (0, f"{out}: {count} sentences, 1 entities, 0 relations\n")


def test_an_entity_in_pieces_is_refused_if_the_user_says_so(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Ana Lima lives.")
    (tmp_path / "in" / "a.ann").write_text("T1\tPeop 0 8\tAna Lima\nT2\tOdd 0 3;9 14\tAna lives\n")
    code, said, told = run(capsys, tmp_path / "in", tmp_path / "out.json", "--discontinuous", "refuse")
    assert (code, said, (tmp_path / "out.json").exists()) == (2, "", False)
    place = f"{tmp_path / 'in' / 'a.ann'}, line 2"
    assert told == f"cman convert: An entity must be continuous. Received: 'Ana lives' in {place}\n"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["missing", "out.json"], "Cannot read missing: no such file"),
        (["missing", "out.xyz"], "or its format must be given"),
        (["missing", "out", "--format", "xml"], "invalid choice: 'xml'"),
        (["missing", "out.json", "--nested", "all"], "invalid choice: 'all'"),
    ],
)
def test_refused(tmp_path, monkeypatch, capsys, argv, told):
    monkeypatch.chdir(tmp_path)
    code, said, sentence = run(capsys, *argv)
    assert (code, said) == (2, "")
    assert told in sentence
    assert list(tmp_path.iterdir()) == []


def test_a_cut_file_is_read_up_to_there_and_the_loss_is_counted(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Ana left.", "label": [[0, 3, "Peop"]]}\n{"text": "Bo le')
    code, said, told = run(capsys, path, tmp_path / "out.json")
    assert (code, said) == (0, f"{tmp_path / 'out.json'}: 1 sentences, 1 entities, 0 relations\n")
    assert "left out:\n  malformed lines: 1 (The file must contain valid JSON. Received: unterminated" in told
    code, said, told = run(capsys, path, tmp_path / "strict.json", "--strict")
    assert (code, said, (tmp_path / "strict.json").exists()) == (2, "", False)
    assert "must contain valid JSON" in told
    assert "line 2" in told
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert "in standard input, line 2, column" in run(capsys, "-", tmp_path / "out.json")[2]


@pytest.mark.parametrize(
    ("choice", "expected"), [("drop", "2 sentences, 2 entities, 0"), ("merge", "1 sentences, 2 entities, 1")]
)
def test_relations_across_sentences_of_a_document(tmp_path, capsys, choice, expected):
    entities, relations = [Entity(0, 1, "Peop"), Entity(2, 3, "Peop")], [Relation(0, 1, "Met")]
    document = Document(["Ana", "left", "Bo"], entities, relations, id="d", sentences=[(0, 2), (2, 3)])
    formats.write([document], tmp_path / "a.jsonl")
    out = tmp_path / "out.json"
    assert run(capsys, tmp_path / "a.jsonl", out, "--cross-sentence", choice)[0] == 0
    found = formats.read(out)
    counts = [sum(map(len, items)) for items in zip(*((d.entities, d.relations) for d in found))]
    assert f"{len(found)} sentences, {counts[0]} entities, {counts[1]}" == expected
