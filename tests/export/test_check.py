"""The check says OK to a good export and FAILED to each of the ways in which one can be bad."""

import copy
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from cman_tf.commands import cli
from cman_tf.errors import InputError
from export import check as checking
from export.check import check, command, text
from export.manifest import MANIFEST, weights_fingerprint
from export.parity import differences
from export.savedmodel import export
from export.warmup import RECORDS
from tests.export.conftest import rewrite_manifest


@pytest.fixture(scope="module")
def findings(exported, trained_run, run_predictor):
    """What the check of the good export found, and what the fresh process answered it."""
    answers, probe = [], checking.probe
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(trained_run), "predictor", lambda run, overrides=None: run_predictor)
        patch.setattr(checking, "probe", lambda *args: answers.append(probe(*args)) or answers[-1])
        return check(exported, trained_run.path), answers[0][0]


@pytest.fixture
def rechecked(monkeypatch, findings, quick, trained_run):
    """Check a changed copy; the fresh process is asked again only if the model itself changed."""

    def call(path, answer=None, again=False):
        if not again:
            monkeypatch.setattr(checking, "probe", lambda *args: (answer or findings[1], None))
        return check(path, trained_run.path)["problems"]

    return call


def test_a_good_export_is_ok(findings):
    found, answer = findings
    assert found["problems"] == []
    assert text(found).splitlines()[-1].startswith("OK: ")
    assert found["compared"] == 2 * len(checking.TEXTS)
    assert set(found["milliseconds"]) == {"1", "8", "32"}
    assert sum(map(sum, answer["text"]["entity_mask"])) > 10
    assert set(found["signatures"]) == {"serving_default", "tokens", "scores"}


def test_the_process_that_loads_it_cannot_import_this_project(exported, tmp_path):
    probe = tmp_path / "probe.py"
    source = Path(checking.__file__).with_name("probe.py").read_text()
    assert source.count("    import tensorflow as tf\n") == 1
    probe.write_text(source.replace("    import tensorflow as tf\n", "    import cman_tf\n"))
    process = subprocess.run([sys.executable, "-I", probe], input="{}", capture_output=True, text=True)
    assert "import of cman_tf halted" in process.stderr


@pytest.mark.slow
def test_weights_of_another_training_are_noticed_though_they_load(rechecked, tmp_path, trained_run, run_predictor):
    bias = run_predictor.network.model.crf.bias
    before = bias.numpy()
    bias.assign(before + [9.0 * tag for tag in range(len(before))])
    try:
        other, _ = export(trained_run, tmp_path / "other", max_entities=64, max_relations=64, max_tokens=512)
    finally:
        bias.assign(before)
    rewrite_manifest(other, weights_sha256=weights_fingerprint(run_predictor))
    problems = rechecked(other, again=True)
    assert problems
    assert all("must be as the run's" in problem for problem in problems)


def test_a_changed_file_is_noticed_without_a_run(monkeypatch, findings, moved):
    monkeypatch.setattr(checking, "probe", lambda *args: (findings[1], None))
    data = moved / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    problems = check(moved)["problems"]
    assert len(problems) == 1
    assert "variables.data-00000-of-00001, changed" in problems[0]


def test_a_process_that_fails_is_noticed(exported):
    assert check(exported, python="false")["problems"] == [
        "TensorFlow alone cannot load and call the export: exit code 1"
    ]


@pytest.mark.slow
def test_a_half_copied_graph_is_noticed(rechecked, moved, capsys):
    graph = moved / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:5000])
    rewrite_manifest(moved)
    assert any("cannot load" in problem for problem in rechecked(moved, again=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: (path / MANIFEST).unlink(), "Cannot read the manifest"),
        (lambda path: (path / MANIFEST).write_text("[1"), "Cannot read the manifest"),
        (lambda path: (path / RECORDS).unlink(), "A warm-up file must be"),
        (lambda path: (path / "extra").write_text(""), "Received: extra"),
        (lambda path: rewrite_manifest(path, weights_sha256="0" * 64), "The weights must be those of the run"),
        (lambda path: rewrite_manifest(path, files=None), "checksums"),
    ],
)
def test_a_changed_folder_is_noticed(rechecked, moved, change, said):
    change(moved)
    assert any(said in problem for problem in rechecked(moved))


def changed(answer, change):
    answer = copy.deepcopy(answer)
    change(answer)
    return answer


def first(answer, kind, signature="text"):
    """Row of the first answer with at least two of `kind`, an output that is a mask or the tokens."""
    return next(row for row, values in enumerate(answer[signature][kind]) if sum(map(bool, values)) > 1)


def setting(output, value, place=0, kind="entity_mask", signature="text"):
    def change(answer):
        answer[signature][output][first(answer, kind, signature)][place] = value

    return change


def reverse_entities(answer):
    row = first(answer, "entity_mask")
    for output, values in answer["text"].items():
        if output.startswith("entity_") and output != "entity_overflow":
            values[row][:2] = reversed(values[row][:2])


@pytest.mark.parametrize(
    "change",
    [
        setting("tokens", "other", kind="tokens"),
        setting("token_end", 99, kind="tokens"),
        setting("tags", "?", kind="tokens"),
        setting("entity_mask", False),
        setting("entity_mask", False, place=1),
        reverse_entities,
        setting("entity_type", "Other"),
        setting("entity_char_end", 99),
        setting("entity_start", 99),
        setting("entity_score", 0.123),
        setting("entity_score", float("nan")),
        lambda a: a["text"]["entity_overflow"].__setitem__(first(a, "entity_mask"), 1),
        setting("relation_type", "Kill", kind="relation_mask"),
        setting("relation_head", 63, kind="relation_mask"),
        setting("relation_score", -1.0, kind="relation_mask"),
        setting("relation_mask", False, kind="relation_mask", signature="tokens"),
        lambda a: [values.pop() for values in a["text"].values()],
        lambda a: a["text"].pop("entity_mask"),
        lambda a: a["rows_wrong"].append("tokens.tags"),
        lambda a: a["signatures"].pop("scores"),
        lambda a: a["warmup"].pop(),
        lambda a: a["scores"]["emissions"].__setitem__("finite", False),
        lambda a: a["empty"]["tokens"].__setitem__("tags", 1),
    ],
)
def test_a_changed_answer_is_noticed(rechecked, exported, findings, change):
    assert rechecked(exported, changed(findings[1], change))


def test_an_overflow_is_no_difference_but_a_wrong_count_is(findings, run_predictor, documents):
    document = max(run_predictor([one.text for one in documents]), key=lambda found: len(found.entities))
    assert len(document.entities) > 2
    kept = document.entities[1:]
    tags = run_predictor.network.schema.tags
    found = {
        "tokens": list(document.tokens),
        "token_start": [start for start, _ in document.offsets],
        "token_end": [end for _, end in document.offsets],
        "tags": [tags[tag] for tag in run_predictor.network.schema.tag_ids(document)],
        **{f"entity_{name}": [getattr(entity, name) for entity in kept] for name in ("start", "end", "type", "score")},
        "entity_char_start": [document.char_span(entity)[0] for entity in kept],
        "entity_char_end": [document.char_span(entity)[1] for entity in kept],
        "entity_mask": [True] * len(kept),
        **{f"relation_{name}": [] for name in ("head", "tail", "type", "score", "mask")},
        **{"token_overflow": 0, "entity_overflow": 1, "relation_overflow": len(document.relations)},
    }
    found = {name: [value] for name, value in found.items()}
    assert differences(document, found) == []
    found["entity_overflow"] = [2]
    assert differences(document, found) == ["entities"]


def test_a_quantized_export_of_an_earlier_version_is_checked_without_its_run_alone(rechecked, findings, moved):
    rewrite_manifest(moved, quantize={"kind": "int8"})
    with pytest.raises(InputError, match="no longer quantizes.*Received: quantize=int8"):
        rechecked(moved)
    assert check(moved)["problems"] == []


# The command.


def test_the_verdict_is_the_exit_code(monkeypatch, findings, exported, moved, capsys):
    monkeypatch.setattr(checking, "probe", lambda *args: (findings[1], None))
    assert cli.run("cman check", command, [str(exported.parent)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("OK: ")
    (moved / "extra").write_text("")
    with pytest.raises(SystemExit) as left:
        cli.run("cman check", command, [str(moved)])
    assert left.value.code == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("FAILED: ")


def test_a_version_is_checked_on_the_sentences_of_a_file_and_told_to_another(
    monkeypatch, findings, exported, tmp_path, capsys
):
    asked = []
    monkeypatch.setattr(
        checking, "probe", lambda path, question, *_: asked.append((path, question)) or (findings[1], None)
    )
    shutil.copytree(exported, tmp_path / "model" / "3")
    shutil.copytree(exported, tmp_path / "model" / "4")
    (tmp_path / "in.txt").write_text("Ana lives in Oslo .\nRain .\n", encoding="utf-8")
    arguments = [tmp_path / "model", "--version", 3, "--input", tmp_path / "in.txt", "--json", tmp_path / "found.json"]
    assert cli.run("cman check", command, [str(argument) for argument in arguments]) == 0
    ((path, question),) = asked
    assert path == tmp_path / "model" / "3"
    assert question["texts"] == ["Ana lives in Oslo .", "Rain ."]
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["path"], found["sentences"], found["problems"]) == (str(path), 2, [])
    assert found["milliseconds"].keys() == {"1", "8", "32"}
    assert capsys.readouterr().out == text(found) + "\n"


@pytest.mark.parametrize(
    "options",
    [["nowhere"], [".", "--version", "3"], ["{exported}", "--run", "nowhere"], ["{exported}", "--input", "nowhere"]],
)
def test_bad_input_is_one_sentence(monkeypatch, tmp_path, exported, capsys, options):
    monkeypatch.chdir(tmp_path)
    assert cli.run("cman check", command, [option.format(exported=exported) for option in options]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("cman check: ")
    assert err.count("\n") == 1
    assert ". Received: " in err or "Cannot read nowhere" in err


@pytest.mark.slow
def test_the_newest_tensorflow_answers_the_same(tmp_path_factory, exported, trained_run, quick):
    """In an environment of its own; `CMAN_TF_NEW_TENSORFLOW` may name the Python of one that is there already."""
    python = os.environ.get("CMAN_TF_NEW_TENSORFLOW")
    if not python:
        folder = tmp_path_factory.mktemp("newest")
        venv.create(folder, with_pip=True)
        python = str(folder / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "tensorflow"]
        installed = subprocess.run(install, capture_output=True, text=True)
        if installed.returncode:
            pytest.skip(f"no newer TensorFlow installs here: {installed.stderr.strip().splitlines()[-1]}")
    found = check(exported, trained_run.path, python=python)
    print(json.dumps({"tensorflow": found.get("tensorflow")}))
    assert found["problems"] == []
    assert tuple(map(int, found["tensorflow"].split(".")[:2])) > (2, 15)
