import json

import pytest

from cman_tf.commands import cli, convert
from cman_tf.data import formats
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
