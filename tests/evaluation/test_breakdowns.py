import pytest
from hypothesis import given

from cman_tf.errors import InputError
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length, score_sentences
from cman_tf.evaluation.scorer import score
from tests.evaluation.examples import by_hand, corpora, sentence


def counts(row):
    return row["gold"], row["predicted"], row["correct"]


@pytest.mark.parametrize(
    ("tokens", "group"),
    [(1, "0-19"), (19, "0-19"), (20, "20-34"), (34, "20-34"), (35, "35-49"), (49, "35-49"), (50, ">=50"), (99, ">=50")],
)
def test_length_groups(tokens, group):
    gold = [sentence("a " * tokens, [(0, 1, "Loc")])]
    rows = by_sentence_length(gold, gold)
    assert list(rows) == ["0-19", "20-34", "35-49", ">=50"]
    assert {name: row["sentences"] for name, row in rows.items() if row["sentences"]} == {group: 1}
    assert counts(rows[group]["entities"]) == (1, 1, 1)
    assert rows[group]["entities"]["f1"] == 1.0


@given(corpora(runs=2))
def test_length_groups_add_up_to_the_corpus(corpus):
    total = score(*corpus)["counts"]
    rows = by_sentence_length(*corpus, borders=(0, 3, 6)).values()
    assert sum(row["sentences"] for row in rows) == total["sentences"]
    for item in ("entities", "relations"):
        for count in ("gold", "predicted", "correct"):
            assert sum(row[item][count] for row in rows) == total[f"{item}_{count}"]


def test_distance_by_hand():
    # "Ann Lee of Acme lives in Paris .": Lee ends at 7, Acme at 15, Paris at 30.
    # Work_For 15 - 7 = 8, Live_In 30 - 7 = 23; "Bob shot Eve": Kill 12 - 3 = 9.
    rows = by_entity_distance(*by_hand())
    assert list(rows) == ["0-9", "10-19", ">=20"]
    assert counts(rows["0-9"]["relations"]) == (2, 2, 0)
    assert counts(rows["10-19"]["relations"]) == (0, 0, 0)
    assert counts(rows[">=20"]["relations"]) == (1, 1, 1)
    # 0-9: gold Ann Lee, Acme, Bob, Eve; predicted Ann Lee, Acme (as Loc), Bob, "shot Eve".
    assert counts(rows["0-9"]["entities"]) == (4, 4, 2)
    # >=20: Ann Lee, who counts in both groups, and Paris.
    assert counts(rows[">=20"]["entities"]) == (2, 2, 2)


@pytest.mark.parametrize(("gap", "group"), [(6, "0-9"), (7, "10-19"), (16, "10-19"), (17, ">=20")])
@pytest.mark.parametrize("relation", [(0, 1, "Live_In"), (1, 0, "Live_In")])
def test_distance_borders_hold_in_both_directions(gap, group, relation):
    # From the end of "a" to the end of "b" in "a xxx b": a blank, the gap, a blank, "b".
    gold = [sentence(f"a {'x' * gap} b", [(0, 1, "Peop"), (2, 3, "Loc")], [relation])]
    rows = by_entity_distance(gold, gold)
    assert [name for name, row in rows.items() if row["relations"]["gold"]] == [group]


def test_an_entity_is_no_miss_where_only_its_relation_is():
    gold = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Live_In")])]
    predicted = [gold[0].with_annotation(gold[0].entities, ())]
    row = by_entity_distance(gold, predicted)["0-9"]
    assert counts(row["relations"]) == (1, 0, 0)
    assert counts(row["entities"]) == (2, 2, 2)


@given(corpora(runs=2))
def test_distance_groups_add_up_to_all_relations(corpus):
    total = score(*corpus)["counts"]
    rows = by_entity_distance(*corpus).values()
    for count in ("gold", "predicted", "correct"):
        assert sum(row["relations"][count] for row in rows) == total[f"relations_{count}"]


@pytest.mark.parametrize("borders", [(), (1, 5), (0, 5, 5)])
def test_borders_must_rise_from_0(borders):
    with pytest.raises(InputError, match="start at 0 and be strictly increasing"):
        by_sentence_length([], [], borders=borders)


def test_chosen_sentences():
    gold, predicted = by_hand()
    assert score_sentences(gold, predicted, [1]) == score(gold[1:], predicted[1:])


@pytest.mark.parametrize(("indices", "message"), [([2], "sentences, 2. Received: 2"), ([-1], "-1"), ([0, 0], "repeti")])
def test_impossible_indices_are_refused(indices, message):
    with pytest.raises(InputError, match=message):
        score_sentences(*by_hand(), indices)
