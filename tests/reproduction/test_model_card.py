"""The page of the recommended model: committed figures, and the errors of one run."""

from pathlib import Path

import pytest

from cman_tf.commands import cli
from cman_tf.data.document import Document, Entity, Relation
from reproduction.command import command
from reproduction.model_card import card, examples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gold():
    entities = (Entity(0, 1, "Peop"), Entity(3, 4, "Loc"))
    return Document(("Ana", "lives", "in", "Oslo", "."), entities, (Relation(0, 1, "Live_In"),))


def test_figures_are_those_of_the_committed_page(gold):
    made = card(ROOT / "results", [gold], [gold], "seed1").splitlines()
    committed = (ROOT / "docs" / "model_card.md").read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(made) if line.startswith("Kinds of error"))
    assert made[:end] == committed[:end]
    assert "| relations | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |" in made


def test_examples_show_both_sides(gold):
    predicted = gold.with_annotation(gold.entities, ())
    assert list(examples([gold], [predicted])) == [
        "- **missed**\n\n    - *Ana lives in Oslo .*<br>annotated `Ana (Peop) → Live_In → Oslo (Loc)`; "
        "found nothing there\n"
    ]


def test_its_run_must_exist(tmp_path, capsys):
    page = tmp_path / "results.md"
    argv = ["--model-card", str(tmp_path / "none"), "--page", str(page)]
    assert cli.run("test", command, argv) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
