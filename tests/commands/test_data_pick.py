"""`cman data pick`: texts in, a file for an annotation tool out."""

import json

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli, data
from cman_tf.data import formats
from cman_tf.training.run import Run

TEXT = "Ana lives in Oslo. Bo Ek met Ana in New Lima.\n\nRain fell.\n\nAna lives in Oslo.\n"


@pytest.fixture
def call(monkeypatch, capsys, trained_run, run_predictor, eager_here):
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)

    def call(*argv):
        code = cli.run("cman data", data.command, ["pick", str(trained_run.path), *map(str, argv)])
        return code, *capsys.readouterr()

    return call


def test_picked_sentences_are_pre_annotations(call, tmp_path, run_predictor):
    (tmp_path / "news.txt").write_text(TEXT)
    code, out, err = call(tmp_path / "news.txt", "--count", 2, "--output", tmp_path / "picked.json")
    assert (code, out, err) == (0, "", "2 of 4 sentences\n")
    tasks = json.loads((tmp_path / "picked.json").read_text())
    known = {"Ana lives in Oslo.", "Bo Ek met Ana in New Lima.", "Rain fell."}
    assert {task["data"]["text"] for task in tasks} < known
    for task, document in zip(tasks, formats.read(tmp_path / "picked.json", "label_studio")):
        assert task["data"]["id"].startswith("news.txt:")
        expected = run_predictor(task["data"]["text"])
        assert [(e.start, e.end, e.type) for e in document.entities] == [
            (e.start, e.end, e.type) for e in expected.entities
        ]
    # Of the same sentence twice one is enough.
    assert call(tmp_path / "news.txt", "--count", 9, "--output", tmp_path / "all.json")[2] == "3 of 4 sentences\n"


def test_the_language_is_that_of_the_run(monkeypatch, call, tmp_path, trained_run):
    (tmp_path / "a.txt").write_text("Ana kam am 3. Mai nach Oslo. Bo auch.")
    config = trained_run.config()
    for language, count in (("en", 3), ("de", 2)):
        monkeypatch.setattr(Run, "config", lambda run, lang=language: configs.change(config, {"corpus.language": lang}))
        assert call(tmp_path / "a.txt", "--format", "table")[2] == f"{count} of {count} sentences\n"


def test_annotated_sentences_are_not_picked(call, tmp_path, documents):
    (tmp_path / "news.txt").write_text(TEXT)
    formats.write(documents, tmp_path / "known.json", "spert")
    _, out, err = call(
        tmp_path / "news.txt", "--annotated", tmp_path / "known.json", "--format", "table", "--sentences", "split"
    )
    # "Rain." is not "Rain fell.", but the sentence about Ana is annotated.
    assert err == "2 of 4 sentences\n"
    assert "Rain fell." in out
    assert "lives" not in out


def test_a_line_that_cannot_be_read_does_not_stop_the_others(call, tmp_path):
    path = tmp_path / "news.jsonl"
    path.write_text('{"text": "Ana lives in Oslo."}\n{"text": \n{"text": "Rain fell."}\n')
    code, out, err = call(path, "--format", "table")
    wrong, count, end = err.splitlines()
    assert code == 2
    assert {"Ana lives in Oslo.", "Rain fell."} <= set(out.splitlines())
    assert wrong.startswith("cman data: The file must contain valid JSON. ")
    assert f"{path}, line 2" in wrong
    assert count == "2 of 2 sentences"
    assert end == "cman data: Texts or lines that cannot be read: 1; the sentences are from the others."
    path.write_text('{"text": 3}\n')
    code, out, err = call(path, "--format", "table")
    assert (code, out) == (2, "")
    assert err.endswith("Texts or lines that cannot be read: 1; none is left.\n")


def test_what_is_refused(call, tmp_path):
    (tmp_path / "news.txt").write_text(TEXT)
    for argv, message in (
        ((tmp_path / "news.txt", "--count", "0"), "--count must be 1 or more. Received: 0"),
        ((tmp_path / "none.txt",), "Cannot read "),
        ((tmp_path / "news.txt", "--annotated", tmp_path / "none.json"), "Cannot read "),
        ((tmp_path / "news.txt", "--output", tmp_path), "Cannot write "),
        ((tmp_path / "news.txt", "--format", "brat"), "requires --output FOLDER"),
    ):
        code, out, err = call(*argv)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert message in err
