"""What prediction prints, writes and refuses."""

import json
import os
import re
import subprocess
import sys

import pytest

from cman_tf.data import formats
from tests.commands.conftest import files


@pytest.mark.slow
def test_predict_sentences_in_a_process_of_its_own(trained):
    command = [sys.executable, "-m", "cman_tf.predict", trained, "--format", "jsonl", "--input", "-"]
    command += ["--sentences", "lines"]
    done = subprocess.run(command, input="Ana lives in Oslo.\n\nŁódź 🎈 ‏עברית\n".encode(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["Ana lives in Oslo.", "", "Łódź 🎈 ‏עברית"]
    for line in lines:
        for entity in line["entities"]:
            assert line["text"][entity["char_start"] : entity["char_end"]] == entity["text"]


def test_predict_arguments(quick, trained, answered):
    out = answered("cman predict", trained, "Ana lives in Oslo.", "Rain.")
    assert out.splitlines()[0] == "Ana lives in Oslo."
    assert "\nRain.\n" in out
    # Options may stand anywhere.
    lines = answered("cman predict", trained, "--format", "jsonl", "Ana lives in Oslo.", "").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["Ana lives in Oslo.", ""]


def test_the_language_is_that_of_the_run(quick, copy, answered):
    text = "Ana kam am 3. Mai nach Oslo. Bo auch."
    config = copy / "config.yaml"
    for language, options, count in (("en", (), 3), ("de", (), 2), ("de", ("--language", "en"), 3)):
        config.write_text(re.sub(r"language: \w+", f"language: {language}", config.read_text()))
        answer = json.loads(answered("cman predict", copy, text, "--format", "jsonl", *options))
        assert len(answer["sentences"]) == count


@pytest.mark.parametrize("format", ["table", "jsonl", "html"])
def test_predict_writes_what_it_prints(quick, trained, answered, tmp_path, format):
    printed = answered("cman predict", trained, "Ana \x1b[2J lives in Łódź.", "--format", format)
    assert "Łódź" in printed
    output = tmp_path / "new" / "output"
    assert answered("cman predict", trained, "Ana \x1b[2J lives in Łódź.", "--format", format, "--output", output) == ""
    assert output.read_text(encoding="utf-8") == printed
    assert files(tmp_path / "new") == ["output"]
    assert "\x1b" not in printed


def test_predict_what_it_wrote(quick, trained, answered, tmp_path, documents):
    formats.write(documents, tmp_path / "a.json", "spert")
    first = answered("cman predict", trained, "--input", tmp_path / "a.json", "--format", "jsonl")
    (tmp_path / "b.jsonl").write_text(first, encoding="utf-8")
    assert answered("cman predict", trained, "--input", tmp_path / "b.jsonl", "--format", "jsonl") == first


def test_what_predict_refuses(quick, trained, refused, tmp_path):
    (tmp_path / "file").touch()
    told = refused("cman predict", trained, "Rain .", "--input", tmp_path / "file")
    assert "not both. Received: both" in told
    assert " is empty." in refused("cman predict", trained, "--input", tmp_path / "file")
    missing = tmp_path / "missing"
    assert f"Cannot read {missing}: no such file" in refused("cman predict", trained, "--input", missing)
    for format in ("table", "jsonl", "html"):
        output = ["Rain .", "--format", format, "--output"]
        assert "Cannot write " in refused("cman predict", trained, *output, tmp_path / "file" / "a")
        assert "Cannot write " in refused("cman predict", trained, *output, tmp_path)
        if os.path.exists("/dev/full"):
            assert "/dev/full: no space left on device." in refused("cman predict", trained, *output, "/dev/full")
    assert files(tmp_path) == ["file"]


def test_decoding_options_are_checked(trained, refused):
    told = refused("cman predict", trained, "Rain .", "--decoding.threshold", "1.5")
    assert "`decoding.threshold` must be less than 1. Received: 1.5 in the options" in told


def test_min_score_leaves_out_what_is_less_certain(quick, trained, answered, refused):
    def entities(*options):
        lines = answered("cman predict", trained, "Ana lives in Oslo.", "Bo Ek.", "--format", "jsonl", *options)
        return [entity for line in lines.splitlines() for entity in json.loads(line)["entities"]]

    every = entities()
    middle = sorted(entity["score"] for entity in every)[len(every) // 2]
    kept = [entity for entity in every if entity["score"] >= middle]
    assert 0 < len(kept) < len(every)
    assert entities("--min-score", middle) == kept
    assert "must be from 0 to 1. Received: 1.5" in refused("cman predict", trained, "Rain .", "--min-score", "1.5")
