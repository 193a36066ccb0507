"""Answers without what is uncertain."""

import pytest

from cman_tf.data.answers import confident
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError

ANA, BO, OSLO = Entity(0, 1, "Peop", 0.4), Entity(2, 3, "Peop", 0.8), Entity(4, 5, "Loc", 0.9)
TOGETHER = Document(
    "Ana and Bo in Oslo".split(),
    [ANA, BO, OSLO],
    [Relation(0, 2, "Live_In", 0.95), Relation(1, 2, "Live_In", 0.7), Relation(2, 1, "Has", 0.85)],
    id="together",
)


def found(min_score):
    document = confident(TOGETHER, min_score)
    relations = [(item.head.text, item.type, item.tail.text, item.score) for item in document.relations]
    return [(item.text, item.score) for item in document.entities], relations


def test_entities_and_relations_below_the_score_are_left_out():
    # Ana is left out, and with her the relation that is the most certain.
    entities = [("Bo", 0.8), ("Oslo", 0.9)]
    assert found(0.5) == (entities, [("Bo", "Live_In", "Oslo", 0.7), ("Oslo", "Has", "Bo", 0.85)])
    assert found(0.8) == (entities, [("Oslo", "Has", "Bo", 0.85)])
    assert found(0.86) == ([("Oslo", 0.9)], [])
    assert found(1) == ([], [])


def test_the_rest_of_the_document_stays():
    assert confident(TOGETHER, 0.0) == TOGETHER
    assert (confident(TOGETHER, 1.0).text, confident(TOGETHER, 1.0).id) == (TOGETHER.text, "together")


def test_annotations_have_no_score_and_stay():
    annotated = Document(["Ana", "Oslo"], [Entity(0, 1, "Peop"), Entity(1, 2, "Loc")], [Relation(0, 1, "Live_In")])
    assert confident(annotated, 1.0) == annotated


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_out_of_range(score):
    with pytest.raises(InputError, match="must be from 0 to 1. Received: "):
        confident(TOGETHER, score)
