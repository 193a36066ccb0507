"""What counts as a disagreement between a prediction and the annotation."""

import json
from dataclasses import replace
from pathlib import Path

from cman_tf.data.document import Entity, Relation
from reproduction.disagreements import disagreements
from tests.conftest import sentence

ROOT = Path(__file__).parents[2]
GOLD = sentence("Ana Lima lives in Oslo , Norway", [(0, 2, "Peop"), (4, 5, "Loc"), (6, 7, "Loc")], [(0, 1, "Live_In")])


def found(entities, relations=()):
    predicted = GOLD.with_annotation(entities, relations)
    return [(line["score"], line["predicted"], line["annotated"]) for line in disagreements(GOLD, predicted)]


def test_what_agrees_is_not_listed():
    assert found(GOLD.entities, GOLD.relations) == []
    assert found(()) == []  # what was not found has no score


def test_another_span_or_type_is_listed_with_what_is_annotated_there():
    short, wrong = Entity(0, 1, "Peop", 0.9), Entity(4, 5, "Org", 0.8)
    assert found([short, wrong]) == [(0.9, "[Ana] Peop", "[Ana Lima] Peop"), (0.8, "[Oslo] Org", "[Oslo] Loc")]


def test_a_relation_is_listed_if_its_entities_agree():
    relations = [Relation(0, 2, "Live_In", 0.9), Relation(1, 0, "Born_In", 0.7)]
    assert found(GOLD.entities, relations) == [
        (0.9, "[Ana Lima] Peop Live_In [Norway] Loc", ""),
        (0.7, "[Oslo] Loc Born_In [Ana Lima] Peop", "[Ana Lima] Peop Live_In [Oslo] Loc"),
    ]
    wrong = [replace(GOLD.entities[0], end=1), *GOLD.entities[1:]]
    assert [line for line in found(wrong, relations[:1]) if "Live_In" in line[1]] == []


def test_the_page_of_the_shipped_model_says_how_many_were_decided():
    listed = (ROOT / "results" / "sample" / "disagreements.jsonl").read_text(encoding="utf-8").splitlines()
    least = min(json.loads(line)["score"] for line in listed)
    page = (ROOT / "docs" / "news.md").read_text(encoding="utf-8")
    assert least >= 0.86
    assert f"The {len(listed)} disagreements with a score of .86 or more" in " ".join(page.split())
