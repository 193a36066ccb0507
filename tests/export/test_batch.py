"""Files of sentences through Beam: what a server would answer, once each, and what is wrong with the other lines."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys

import pytest

from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.errors import InputError
from export import batch
from export.offline.lines import read_lines
from tests.export.serving import ROOT, eventually
from tests.export.tiny import Extractor

# Reading a line needs no Beam.


def lines_of(content):
    return [
        (number, found if isinstance(found, InputError) else (found.id, list(found.tokens), found.text))
        for number, _, found in read_lines(io.BytesIO(content), "f")
    ]


def test_a_text_file_has_a_sentence_a_line_blank_ones_too():
    content = "\ufeff\r\nAna left .\r\n\n{no JSON here\nlast".encode()
    assert lines_of(content) == [
        (number, ("", [], text)) for number, text in enumerate(["", "Ana left .", "", "{no JSON here", "last"], 1)
    ]
    assert lines_of(b"\n \n") == [(1, ("", [], "")), (2, ("", [], " "))]
    assert lines_of(b"") == []


def test_json_lines_are_read_as_everywhere():
    content = b'\n{"id": 7, "text": "Ana left ."}\n\n{"id": "a", "tokens": ["Ana", "left"], "text": "Ana  left"}\n'
    assert lines_of(content) == [(2, ("7", [], "Ana left .")), (4, ("a", ["Ana", "left"], "Ana  left"))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": 3}', "`text` must be a string. Received: 3 in f, line 2"),
        (b'{"tokens": ["a", ""]}', "Every token must be a non-empty string. Received: token 1 is '' in f, line 2"),
        (b'{"tokens": "Ana"}', "`tokens` must be a list of strings. Received: 'Ana' in f, line 2"),
        (b"[1", "The file must contain valid JSON. Received: expecting ',' delimiter in f, line 2, column 3"),
        (b"[1]", "A line must be a JSON object. Received: [1] in f, line 2"),
        (b'{"text": "a\xff"}', "A line must be UTF-8 text. Received: byte 0xff in f, line 2"),
        (b'{"text": "\\ud800"}', "A sentence must be Unicode text. Received: a lone surrogate in f, line 2"),
        (b"{}", "A line must have a key 'text' or 'tokens'. Received: no key in f, line 2"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_with_its_place_and_the_next_is_read(line, said):
    _, (_, error), (_, good) = lines_of(b'{"text": "x"}\n' + line + b'\n{"text": "y"}\n')
    assert str(error).startswith(said)
    assert good == ("", [], "y")


# The whole.


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """The command in a new folder: `(exit code, standard output, standard error)`."""
    pytest.importorskip("apache_beam", reason="needs the extra [beam]")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()

    def call(*options, model="models"):
        output = [] if "--output" in options else ["--output", "out/found"]
        code = cli.run("cman-batch", batch.command, ["--model", str(model), *output, *options])
        return code, *capsys.readouterr()

    return call


def read(pattern, folder):
    return [json.loads(line) for path in sorted(folder.glob(pattern)) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_thirty_lines_are_answered_as_by_the_run(run, tmp_path, exported, documents, run_predictor):
    documents = documents * 3
    texts = [document.text for document in documents] + ["", "🙂 Ana lives in Oslo 🙂"]
    tokenised = [{"id": f"n{i}", "tokens": list(document.tokens)} for i, document in enumerate(documents[:13])]
    (tmp_path / "in" / "a.txt").write_text("\n".join(texts[:10]) + "\n")
    with gzip.open(tmp_path / "in" / "b.txt.gz", "wt") as file:
        file.write("\n".join(texts[10:]) + "\n")
    (tmp_path / "in" / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in tokenised) + "{\n")

    code, out, err = run("--input", "in/*", "--shards", "2", "--batch-size", "4", model=exported)
    assert (code, err) == (0, "")
    assert sorted(os.listdir("out")) == [
        "found-00000-of-00002.jsonl",
        "found-00001-of-00002.jsonl",
        "found-errors-00000-of-00001.jsonl",
    ]

    raw = run_predictor(texts, split=False)
    given = run_predictor.extract(documents[:13])
    formats.write(raw + given, tmp_path / "expected.jsonl")
    expected = [json.loads(line) for line in (tmp_path / "expected.jsonl").read_text().splitlines()]
    for line, identifier in zip(expected[len(texts) :], tokenised):
        line["id"] = identifier["id"]

    def key(line):
        return line.get("id", ""), line["text"]

    found = read("out/found-0*", tmp_path)
    assert len(found) == 30
    for got, wanted in zip(sorted(found, key=key), sorted(expected, key=key)):
        scores = [
            [item.pop("score") for kind in ("entities", "relations") for item in line[kind]] for line in (got, wanted)
        ]
        assert got == wanted
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)

    (error,) = read("out/found-errors-*", tmp_path)
    assert (error["file"].rsplit("/")[-1], error["line"], error["content"]) == ("c.jsonl", 14, "{")
    counted = {line[:10].strip(): int(line[10:].replace(",", "")) for line in out.splitlines()}
    assert counted == {
        "sentences": 30,
        "entities": sum(len(line["entities"]) for line in expected),
        "relations": sum(len(line["relations"]) for line in expected),
        "left out": 0,
        "bad lines": 1,
    }
    assert counted["entities"] > 10


@pytest.mark.slow
def test_an_output_is_kept_or_replaced_as_a_whole(run, tmp_path):
    Extractor().save(tmp_path / "tiny" / "1")
    (tmp_path / "in" / "a.txt").write_text("Ana left .\n")
    (tmp_path / "out").mkdir()
    for number in (0, 2):
        (tmp_path / "out" / f"found-0000{number}-of-00003.jsonl").write_text("old\n")
    (tmp_path / "out" / "found-errors-00000-of-00001.jsonl").write_text("old\n")
    for mine in ("found-notes.jsonl", "found-some-of-these.jsonl"):
        (tmp_path / "out" / mine).write_text("mine\n")
    code, out, err = run("--input", "in/*", model="tiny")
    assert (code, out) == (2, "")
    assert err.startswith(
        "cman-batch: An output must be new, or --overwrite given. Received: 3 files, e.g. out/found-00"
    )
    assert run("--input", "in/*", "--overwrite", model="tiny")[0] == 0
    assert sorted(os.listdir("out")) == [
        "found-00000-of-00001.jsonl",
        "found-notes.jsonl",
        "found-some-of-these.jsonl",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "in/no*"], "--input must match a file. Received: in/no*"),
        (["--input", "in/*", "--beam-option", "nonsense=1"], "with a name of a Beam option. Received: nonsense=1"),
        (["--input", "in/*", "--output", "out/"], "must end with the start of a file name. Received: 'out/'"),
        (["--input", "in/*", "--output", "in/found", "--overwrite"], "must not be what --input reads. Received: in/"),
        (["--input", "in/*", "--version", "9"], "without version 9"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_all_as_it_was(run, tmp_path, options, said):
    (tmp_path / "models" / "1").mkdir(parents=True)
    (tmp_path / "models" / "1" / "saved_model.pb").write_text("")
    (tmp_path / "in" / "found-00000-of-00001.jsonl").write_text('{"text": "Ana left ."}\n')
    code, out, err = run(*options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not os.path.exists("out")
    assert os.listdir("in") == ["found-00000-of-00001.jsonl"]


def test_a_model_that_cannot_be_loaded_is_one_sentence_and_no_output(run, tmp_path):
    (tmp_path / "in" / "a.txt").write_text("Ana left .\n")
    Extractor().save(tmp_path / "models" / "1")
    graph = tmp_path / "models" / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:5000])
    code, out, err = run("--input", "in/*")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("cman-batch: The job failed: ")
    assert not list(tmp_path.glob("out/found-0*"))


@pytest.mark.parametrize(
    ("runner", "given", "expected"),
    [
        ("DirectRunner", ["direct_num_workers=4"], {"runner": "FnApiRunner", "direct_num_workers": 4}),
        ("FlinkRunner", ["flink_master=flink:8081"], {"runner": "FlinkRunner", "flink_master": "flink:8081"}),
        (
            "FlinkRunner",
            ["environment_type=LOOPBACK", "parallelism=3"],
            {"environment_type": "LOOPBACK", "parallelism": 3},
        ),
        (
            "SparkRunner",
            ["spark_master_url=spark://spark:7077"],
            {"runner": "SparkRunner", "spark_master_url": "spark://spark:7077"},
        ),
        (
            "DataflowRunner",
            ["project=p", "region=europe-west1", "temp_location=gs://b/t"],
            {"runner": "DataflowRunner", "project": "p", "region": "europe-west1", "temp_location": "gs://b/t"},
        ),
        ("DataflowRunner", ["streaming"], {"streaming": True}),
    ],
)
def test_options_reach_their_runner(run, runner, given, expected):
    options = batch._options(runner, given).get_all_options()
    assert {name: options[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["flink_mister=x"], "with a name of a Beam option. Received: flink_mister=x"),
        (["runner=FlinkRunner"], "with a name of a Beam option. Received: runner=FlinkRunner"),
        (["parallelism=many"], "a value of the right type. Received: parallelism=many"),
    ],
)
def test_options_that_no_runner_has_are_refused(run, given, said):
    with pytest.raises(InputError, match=said):
        batch._options("FlinkRunner", given)


def _count_ids(folder, number):
    from benchmarks.batch_throughput import times_answered

    return times_answered(folder, number) == {"once": number, "more": 0, "never": 0, "unknown": 0}


@pytest.mark.slow
def test_a_job_that_was_killed_and_run_again_answers_each_sentence_once(run, tmp_path):
    from benchmarks.batch_throughput import write_sentences

    Extractor().save(tmp_path / "tiny" / "1")
    write_sentences(tmp_path / "in", ["Ana lives in Oslo .", "Bo left Lima ."], number := 60_000)
    command = [sys.executable, "-m", "export.batch", "--model", str(tmp_path / "tiny"), "--input"]
    command += [str(tmp_path / "in" / "*.jsonl"), "--output", str(tmp_path / "out" / "found"), "--shards", "8"]
    job = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    # Its temporary folder: the sentences are being answered and written.
    eventually(lambda: list(tmp_path.glob("out/*")), 300)
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait(20) == -signal.SIGKILL
    assert not _count_ids(tmp_path / "out", number)
    done = subprocess.run([*command, "--overwrite"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(tmp_path.glob("out/found-0*"))) == 8
    assert _count_ids(tmp_path / "out", number)


@pytest.mark.slow
def test_the_benchmark_counts_what_was_answered(run, trained_run, quick, public_data, tmp_path, capsys):
    from benchmarks.batch_throughput import command

    options = ["--sentences", "50", "--data-dir", str(public_data), "--json", str(tmp_path / "batch.json")]
    assert cli.run("benchmarks.batch_throughput", command, [str(trained_run.path), *options]) == 0
    result = json.loads((tmp_path / "batch.json").read_text())
    assert result["ids"] == {"once": 50, "more": 0, "never": 0, "unknown": 0}
    assert result["counters"]["sentences"] == 50
    assert result["sentences_per_second"] > 0


def test_without_beam_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "apache_beam", None)
    assert cli.run("cman-batch", batch.command, ["--model", "m", "--input", "i", "--output", "o"]) == 2
    assert 'pip install ".[beam]"' in capsys.readouterr().err
