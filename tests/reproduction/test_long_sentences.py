"""Relations in long sentences: scores, kinds of errors, and sentences joined in pairs."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from cman_tf.commands import cli
from cman_tf.data.document import Document, Relation
from cman_tf.errors import InputError
from reproduction import joined, long_sentences
from reproduction.dev_log import kinds, lengths, thresholds
from tests.conftest import sentence

COMMITTED = Path(__file__).parents[2] / "results" / "dev" / "frozen" / "long_sentences"
SIGNATURES = {("Live_In", "Peop", "Loc")}
# Ana (0) and Bo (3) of Oslo (2) and Lima (5); 40 tokens.
GOLD = sentence(
    "Ana of Oslo Bo of Lima" + " x" * 34,
    [(0, 1, "Peop"), (2, 3, "Loc"), (3, 4, "Peop"), (5, 6, "Loc")],
    [(0, 1, "Live_In"), (2, 3, "Live_In")],
    id="7",
)


def answer(*relations):
    return GOLD.with_annotation(
        GOLD.entities, [Relation(head, tail, "Live_In", score) for head, tail, score in relations]
    )


def test_scores_by_length_threshold_and_entities_between():
    short = Document(GOLD.tokens[:6], GOLD.entities, GOLD.relations)
    found = [answer((0, 1, 0.9), (0, 3, 0.6)), replace(short, relations=(Relation(0, 3, "Live_In", 0.6),))]
    views = long_sentences.measure([GOLD, short], found, SIGNATURES)

    def of(view, name):
        return tuple(views[view][name][key] for key in ("gold", "predicted", "correct"))

    assert of("0.5", "35-49") == (2, 2, 1)
    assert of("0.7", "35-49") == of("0.5, long 0.75", "35-49") == (2, 1, 1)
    assert of("0.5, long 0.75", "0-19") == (2, 1, 0)
    assert of("between 0", "35-49") == (2, 1, 1)
    assert of("between 2", "all") == (0, 2, 0)  # Ana and Lima
    assert views["candidates"]["all"]["gold"] == 8
    assert [views["sentences"][name]["gold"] for name in ("0-19", "20-34", "all")] == [1, 0, 2]


def test_relations_of_wrong_ends_are_not_among_those_of_right_ends():
    found = answer((0, 1, 0.9), (2, 3, 0.9))
    wrong = replace(found, entities=(replace(found.entities[0], type="Loc"), *found.entities[1:]))
    ends = long_sentences.measure([GOLD], [wrong], SIGNATURES)["right ends"]["all"]
    assert (ends["gold"], ends["predicted"], ends["correct"]) == (1, 1, 1)


def test_errors_of_two_runs_are_counted_by_kind():
    found = [[answer((0, 1, 0.9), (2, 1, 0.8))], [answer((0, 1, 0.9), (2, 1, 0.6))], [answer((2, 3, 0.9), (0, 3, 0.9))]]
    errors = sorted(long_sentences.errors([GOLD], found))
    assert errors == [("7", "missed", "Live_In", "3-4", "5-6"), ("7", "spurious", "Live_In", "3-4", "2-3")]
    counted = long_sentences.count_kinds(errors, dict(zip(errors, ["far", "near"])))
    assert counted == {"far": {"missed": 1, "spurious": 0}, "near": {"missed": 0, "spurious": 1}}
    for some in (errors[:1], [*errors, ("8", *errors[0][1:])]):
        with pytest.raises(InputError, match="Each error must have a kind"):
            long_sentences.count_kinds(some, dict(zip(errors, ["far", "near"])))


def test_a_run_trained_on_dev_is_refused(trained_run, quick, tmp_path, monkeypatch, capsys):
    config = trained_run.config({"protocol": "train+dev"})
    monkeypatch.setattr(type(trained_run), "config", lambda run, overrides=None: config)
    argv = [str(trained_run.path), "--json", str(tmp_path / "x.json")]
    assert cli.run("test", long_sentences.command, argv) == 2
    assert "must not be trained on dev" in capsys.readouterr().err


def test_the_command_scores_runs(trained_run, quick, tmp_path):
    with (tmp_path / "x.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["sentence", "error", "relation", "head", "tail", "kind"])
    argv = [str(trained_run.path), "--json", str(tmp_path / "x.json")]
    assert cli.run("test", long_sentences.command, argv) == 0
    found = json.loads((tmp_path / "x.json").read_text())
    assert found["kinds"] == {}
    assert found["joined"]["pairs"] == 2
    assert 0 < found["joined"]["across"] <= found["joined"]["predicted"]
    assert found["scores"]["0.5"]["all"] == found["scores"]["0.5"]["0-19"]


def test_joined_sentences_keep_their_annotation(documents):
    one, two = documents[0], documents[4]
    both = joined.join(one, two)
    assert both.tokens == one.tokens + two.tokens
    assert [both.entity_text(entity) for entity in both.entities] == ["Ana", "Oslo", "Ana", "Bo", "Lima", "Peru"]
    assert [(r.head, r.tail) for r in both.relations] == [(0, 1), (2, 4), (3, 4), (4, 5)]


def test_tables_of_the_committed_file():
    file = COMMITTED.with_suffix(".json")
    with COMMITTED.with_suffix(".csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    missed = sum(row["error"] == "missed" for row in rows)
    assert kinds(file).splitlines()[-1] == f"| all | {missed} | {len(rows) - missed} |"
    assert "| all | 231 |" in lengths(file)
    assert "| 0.5, long 0.75 |" in thresholds(file)
