import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import score, without_types
from tests.evaluation.examples import by_hand, conll04_test, corpora, sentence


def rates(precision, recall, f1):
    return {"precision": pytest.approx(precision), "recall": pytest.approx(recall), "f1": pytest.approx(f1)}


def test_strict_by_hand():
    metrics = score(*by_hand())
    # Right: Ann Lee, Paris, Bob. 3 of 5 annotated, 3 of 5 predicted.
    assert metrics["strict"]["micro"]["entities"] == rates(3 / 5, 3 / 5, 3 / 5)
    # Loc: 1 of 2 predicted, 1 of 1 annotated, F1 2/3. Org: never predicted, 0. Peop: 2 of 3 and 2 of 3, F1 2/3.
    assert metrics["strict"]["macro"]["entities"] == rates(
        (1 / 2 + 0 + 2 / 3) / 3, (1 + 0 + 2 / 3) / 3, (2 / 3 + 0 + 2 / 3) / 3
    )
    # Right: Live_In alone.
    assert metrics["strict"]["micro"]["relations"] == rates(1 / 3, 1 / 3, 1 / 3)
    # Kill 0, Live_In 1, Work_For 0.
    assert metrics["strict"]["macro"]["relations"] == rates(1 / 3, 1 / 3, 1 / 3)
    assert metrics["counts"] == {
        "sentences": 2,
        "entities_gold": 5,
        "entities_predicted": 5,
        "entities_correct": 3,
        "relations_gold": 3,
        "relations_predicted": 3,
        "relations_correct": 1,
    }


def test_boundaries_by_hand():
    metrics = score(*by_hand())["boundaries"]
    # Acme counts now; "shot Eve" still does not.
    assert metrics["micro"]["entities"] == rates(4 / 5, 4 / 5, 4 / 5)
    # Without types there is one group, so that the macro is the micro.
    assert metrics["macro"]["entities"] == metrics["micro"]["entities"]
    # Work_For and Live_In. Per type: Kill 0, Live_In 1, Work_For 1.
    assert metrics["micro"]["relations"] == rates(2 / 3, 2 / 3, 2 / 3)
    assert metrics["macro"]["relations"] == rates(2 / 3, 2 / 3, 2 / 3)


def test_boundaries_keep_the_relation_type():
    gold = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Live_In")])]
    predicted = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Work_For")])]
    assert score(gold, predicted)["boundaries"]["micro"]["relations"]["f1"] == 0


def test_direction_counts():
    gold = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Live_In")])]
    predicted = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(1, 0, "Live_In")])]
    assert score(gold, predicted)["counts"]["relations_correct"] == 0


def test_per_type_by_hand():
    per_type = score(*by_hand())["per_type"]
    assert list(per_type["strict"]["entities"]) == ["Loc", "Org", "Peop"]
    assert per_type["strict"]["entities"]["Loc"] == {
        **rates(1 / 2, 1, 2 / 3),
        "gold": 1,
        "predicted": 2,
        "correct": 1,
    }
    assert per_type["strict"]["entities"]["Org"] == {**rates(0, 0, 0), "gold": 1, "predicted": 0, "correct": 0}
    assert per_type["boundaries"]["entities"]["(any)"]["correct"] == 4
    assert per_type["boundaries"]["relations"]["Work_For"]["correct"] == 1


def test_excluded_types_by_hand():
    metrics = score(*by_hand(), exclude_types=["Org"])
    # Gold loses Acme and Work_For. The prediction calls Acme a Loc and keeps both, now as false alarms:
    # entities 4 annotated, 5 predicted, 3 right; relations 2, 3, 1.
    assert metrics["strict"]["micro"]["entities"] == rates(3 / 5, 3 / 4, 2 * 3 / 9)
    assert metrics["strict"]["micro"]["relations"] == rates(1 / 3, 1 / 2, 2 * 1 / 5)
    assert metrics["exclude_types"] == ["Org"]


def test_excluding_types_renumbers_the_relations():
    document = sentence("a b c", [(0, 1, "Other"), (1, 2, "Peop"), (2, 3, "Loc")], [(1, 2, "Live_In"), (0, 2, "In")])
    rest = without_types(document, ["Other"])
    assert rest == sentence("a b c", [(1, 2, "Peop"), (2, 3, "Loc")], [(0, 1, "Live_In")])


def test_nothing_annotated_and_nothing_found_is_0():
    metrics = score([sentence("a b")], [sentence("a b")])
    for average in ("micro", "macro"):
        assert metrics["strict"][average]["entities"] == {"precision": 0, "recall": 0, "f1": 0}


def test_repeated_items_count_once():
    once = sentence("a b", [(0, 1, "Peop"), (1, 2, "Loc")], [(0, 1, "Live_In")])
    twice = sentence("a b", [(0, 1, "Peop"), (1, 2, "Loc"), (0, 1, "Peop")], [(0, 1, "Live_In"), (2, 1, "Live_In")])
    assert score([once], [twice]) == score([once], [once]) == score([twice], [once])


def test_is_json():
    metrics = score(*by_hand())
    assert json.loads(json.dumps(metrics)) == metrics


@pytest.mark.parametrize(
    ("predicted", "message"),
    [([], "1 and 0 sentences"), ([sentence("a c")], "'a b' and 'a c' at position 0")],
)
def test_other_sentences_are_refused(predicted, message):
    with pytest.raises(InputError, match=message):
        score([sentence("a b")], predicted)


def test_one_string_of_types_is_refused():
    with pytest.raises(InputError, match="the string 'Other'"):
        score([], [], exclude_types="Other")


@given(corpora())
def test_gold_against_itself_is_1(corpus):
    (gold,) = corpus
    metrics = score(gold, gold)
    for mode in ("strict", "boundaries"):
        for average in ("micro", "macro"):
            for item in ("entities", "relations"):
                expected = 1.0 if metrics["counts"][f"{item}_gold"] else 0.0
                assert metrics[mode][average][item] == dict.fromkeys(("precision", "recall", "f1"), expected)


@given(corpora(runs=2), st.randoms(use_true_random=False))
def test_order_does_not_matter(corpus, random):
    gold, predicted = corpus
    expected = score(gold, predicted)
    shuffled = [(shuffle(one, random), shuffle(other, random)) for one, other in zip(gold, predicted)]
    random.shuffle(shuffled)
    assert score(*map(list, zip(*shuffled))) == expected


@given(corpora().filter(lambda corpus: any(document.entities for document in corpus[0])))
def test_a_wrong_boundary_is_one_miss_and_one_false_alarm(corpus):
    (gold,) = corpus
    index = next(i for i, document in enumerate(gold) if document.entities)
    # Two more tokens make room for a span that no entity has.
    wider = Document((*gold[index].tokens, "x", "y"), gold[index].entities, gold[index].relations)
    gold = [*gold[:index], wider, *gold[index + 1 :]]
    first, *others = wider.entities
    moved = Entity(first.start, len(wider), first.type)
    predicted = [*gold[:index], wider.with_annotation([moved, *others], wider.relations), *gold[index + 1 :]]
    metrics = score(gold, predicted)
    for counts in (sum_of(metrics, "strict"), sum_of(metrics, "boundaries")):
        assert counts["gold"] - counts["correct"] == 1
        assert counts["predicted"] - counts["correct"] == 1


@given(corpora(runs=2))
def test_strict_finds_no_more_than_boundaries(corpus):
    metrics = score(*corpus)
    for item in ("entities", "relations"):
        assert sum_of(metrics, "strict", item)["correct"] <= sum_of(metrics, "boundaries", item)["correct"]


@given(corpora(runs=2), st.data())
def test_removing_a_prediction_never_raises_recall(corpus, data):
    gold, predicted = corpus
    index = data.draw(st.integers(0, len(predicted) - 1))
    document = predicted[index]
    if document.relations and data.draw(st.booleans()):
        removed = data.draw(st.integers(0, len(document.relations) - 1))
        relations = [relation for i, relation in enumerate(document.relations) if i != removed]
        fewer = document.with_annotation(document.entities, relations)
    elif document.entities:
        fewer = without_types(document, [data.draw(st.sampled_from([e.type for e in document.entities]))])
    else:
        return
    before, after = score(gold, predicted), score(gold, [*predicted[:index], fewer, *predicted[index + 1 :]])
    for mode in ("strict", "boundaries"):
        for item in ("entities", "relations"):
            assert after[mode]["micro"][item]["recall"] <= before[mode]["micro"][item]["recall"]


def test_conll04_counts():
    gold = conll04_test()
    metrics = score(gold, gold)
    assert metrics["counts"]["sentences"] == 288
    assert metrics["counts"]["entities_gold"] == 1079
    assert metrics["counts"]["relations_gold"] == 422
    strict = metrics["per_type"]["strict"]
    assert {name: row["gold"] for name, row in strict["entities"].items()} == {
        "Loc": 427,
        "Org": 198,
        "Other": 133,
        "Peop": 321,
    }
    assert {name: row["gold"] for name, row in strict["relations"].items()} == {
        "Kill": 47,
        "Live_In": 100,
        "Located_In": 94,
        "OrgBased_In": 105,
        "Work_For": 76,
    }


def shuffle(document, random):
    """The same annotation in another order."""
    order = random.sample(range(len(document.entities)), len(document.entities))
    relations = [Relation(order.index(r.head), order.index(r.tail), r.type) for r in document.relations]
    random.shuffle(relations)
    return document.with_annotation([document.entities[i] for i in order], relations)


def sum_of(metrics, mode, item="entities"):
    rows = metrics["per_type"][mode][item].values()
    return {count: sum(row[count] for row in rows) for count in ("gold", "predicted", "correct")}
