from cman_tf.evaluation.overlap_policies import by_overlap_policy
from tests.evaluation.examples import sentence

NESTED = sentence("a b c d", [(0, 2, "Drug"), (0, 1, "Drug"), (3, 4, "Adverse-Effect")], [(0, 2, "AE"), (1, 2, "AE")])
FLAT = sentence("a b", [(0, 1, "Drug"), (1, 2, "Adverse-Effect")], [(0, 1, "AE")])
FOUND = [sentence("a b c d", [(0, 2, "Drug"), (3, 4, "Adverse-Effect")], [(0, 1, "AE")]), FLAT]


def test_each_policy_by_hand():
    scores = by_overlap_policy([NESTED, FLAT], FOUND)
    # What is found: four entities and two relations. Gold: five and three, four and two, two and one, three and one.
    assert {name: value["counts"]["entities_gold"] for name, value in scores.items()} == {
        "all": 5, "keep_outer": 4, "drop_sentences": 2, "no_overlapping": 3
    }  # fmt: skip
    assert {name: value["counts"]["relations_gold"] for name, value in scores.items()} == {
        "all": 3, "keep_outer": 2, "drop_sentences": 1, "no_overlapping": 1
    }  # fmt: skip
    relations = {name: value["strict"]["micro"]["relations"]["f1"] for name, value in scores.items()}
    assert relations == {"all": 0.8, "keep_outer": 1, "drop_sentences": 1, "no_overlapping": 2 / 3}
    assert scores["all"]["strict"]["micro"]["entities"]["recall"] == 0.8
    assert scores["no_overlapping"]["strict"]["micro"]["entities"]["precision"] == 0.75


def test_without_overlaps_all_policies_agree():
    scores = by_overlap_policy([FLAT], [FLAT])
    assert all(value == scores["all"] for value in scores.values())
