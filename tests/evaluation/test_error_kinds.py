import pytest
from hypothesis import given

from cman_tf.evaluation.error_kinds import ENTITY_KINDS, RELATION_KINDS, Finding, compare, count_kinds
from cman_tf.evaluation.scorer import score
from tests.evaluation.examples import by_hand, corpora, sentence

TEXT = "Ann Lee of Acme lives in Paris ."


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([(0, 2, "Peop")], [(0, 2, "Peop")], [("right", 0, 0)]),
        ([(0, 2, "Peop")], [(0, 2, "Loc")], [("wrong type", 0, 0)]),
        ([(0, 2, "Peop")], [(1, 2, "Peop")], [("wrong boundary", 0, 0)]),
        ([(0, 2, "Peop")], [(0, 3, "Loc")], [("wrong boundary", 0, 0)]),
        ([(0, 2, "Peop")], [], [("missed", 0, None)]),
        ([], [(0, 2, "Peop")], [("spurious", None, 0)]),
        # Next to each other, no token shared.
        ([(0, 2, "Peop")], [(2, 3, "Peop")], [("missed", 0, None), ("spurious", None, 0)]),
        # One annotated, two halves predicted: one half is its partner, the other is spurious.
        ([(0, 2, "Peop")], [(0, 1, "Peop"), (1, 2, "Peop")], [("wrong boundary", 0, 0), ("spurious", None, 1)]),
        # The half of the same type is the better partner, then the longer one.
        ([(0, 2, "Peop")], [(0, 1, "Loc"), (1, 2, "Peop")], [("wrong boundary", 0, 1), ("spurious", None, 0)]),
        ([(0, 3, "Peop")], [(0, 1, "Peop"), (1, 3, "Peop")], [("wrong boundary", 0, 1), ("spurious", None, 0)]),
        # Told once, however often it is said.
        ([(0, 2, "Peop"), (0, 2, "Peop")], [(0, 2, "Peop")], [("right", 0, 0)]),
    ],
)
def test_entities(gold, predicted, expected):
    found, _ = compare(sentence(TEXT, gold), sentence(TEXT, predicted))
    assert found == [Finding(*finding) for finding in expected]


PEOP, ORG, LOC = (0, 2, "Peop"), (3, 4, "Org"), (6, 7, "Loc")


@pytest.mark.parametrize(
    ("entities", "relations", "expected"),
    [
        ([PEOP, ORG, LOC], [(0, 2, "Live_In")], [("right", 0, 0)]),
        ([LOC, PEOP], [(1, 0, "Live_In")], [("right", 0, 0)]),
        ([PEOP, ORG, LOC], [(0, 2, "Work_For")], [("wrong type", 0, 0)]),
        ([PEOP, ORG, LOC], [(2, 0, "Live_In")], [("wrong direction", 0, 0)]),
        ([(1, 2, "Peop"), LOC], [(0, 1, "Live_In")], [("wrong entity", 0, 0)]),
        ([PEOP, (6, 7, "Org")], [(0, 1, "Live_In")], [("wrong entity", 0, 0)]),
        ([PEOP, LOC], [], [("missed", 0, None)]),
        ([PEOP, ORG, LOC], [(0, 1, "Live_In")], [("missed", 0, None), ("spurious", None, 0)]),
        # Two mistakes at once, type and direction, or type and entity, make two errors.
        ([PEOP, LOC], [(1, 0, "Work_For")], [("missed", 0, None), ("spurious", None, 0)]),
        ([(1, 2, "Peop"), LOC], [(0, 1, "Kill")], [("missed end", 0, None), ("spurious end", None, 0)]),
        # An end that is not right is the cause, of what is missed and of what is too much, each by itself.
        ([(0, 2, "Loc"), LOC], [], [("missed end", 0, None)]),
        ([PEOP, LOC, (5, 6, "Loc")], [(0, 2, "Live_In")], [("missed", 0, None), ("spurious end", None, 0)]),
        ([LOC, ORG, (7, 8, "Peop")], [(0, 1, "Live_In")], [("missed end", 0, None), ("spurious", None, 0)]),
        # The right one is found before the one of another type may take its place.
        ([PEOP, LOC], [(0, 1, "Kill"), (0, 1, "Live_In")], [("right", 0, 1), ("spurious", None, 0)]),
        # Repeated entities and relations are one.
        ([PEOP, LOC, PEOP], [(2, 1, "Live_In"), (0, 1, "Live_In")], [("right", 0, 0)]),
    ],
)
def test_relations(entities, relations, expected):
    gold = sentence(TEXT, [PEOP, ORG, LOC], [(0, 2, "Live_In")])
    _, found = compare(gold, sentence(TEXT, entities, relations))
    assert found == [Finding(*finding) for finding in expected]


def test_two_relations_of_one_pair_are_not_a_swapped_one():
    # Gold says both directions; the prediction one of them: it is right and the other missed.
    gold = sentence(TEXT, [PEOP, LOC], [(0, 1, "Live_In"), (1, 0, "Live_In")])
    _, found = compare(gold, gold.with_annotation(gold.entities, gold.relations[1:]))
    assert sorted(finding.kind for finding in found) == ["missed", "right"]


def test_counts_by_hand():
    assert count_kinds(*by_hand()) == {
        "entities": {"right": 3, "wrong type": 1, "wrong boundary": 1, "missed": 0, "spurious": 0},
        "relations": {
            "right": 1,
            "wrong type": 0,
            "wrong direction": 0,
            "wrong entity": 2,
            "missed": 0,
            "missed end": 0,
            "spurious": 0,
            "spurious end": 0,
        },
    }


@given(corpora(runs=2, distinct=False))
def test_kinds_add_up_to_the_scorers_counts(corpus):
    total, kinds = score(*corpus)["counts"], count_kinds(*corpus)
    for item, names in (("entities", ENTITY_KINDS), ("relations", RELATION_KINDS)):
        assert tuple(kinds[item]) == names
        every = sum(kinds[item].values())
        assert kinds[item]["right"] == total[f"{item}_correct"]
        spurious, missed = (
            sum(number for kind, number in kinds[item].items() if kind.startswith(word))
            for word in ("spurious", "missed")
        )
        assert every - spurious == total[f"{item}_gold"]
        assert every - missed == total[f"{item}_predicted"]
