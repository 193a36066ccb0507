import random

import numpy as np
import pytest
from hypothesis import given

from cman_tf.errors import InputError
from cman_tf.evaluation import significance
from cman_tf.evaluation.scorer import score
from cman_tf.evaluation.significance import paired_bootstrap, pooled_bootstrap, sentence_counts
from tests.evaluation.examples import by_hand, corpora, sentence


def run(found):
    """Sentences with one relation each, and a prediction that has it where `found` says so."""
    gold = [sentence("Ann in Rome", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Live_In")]) for _ in found]
    return gold, [one if right else one.with_annotation(one.entities, ()) for one, right in zip(gold, found)]


def some(share, seed, size=200):
    draw = random.Random(seed)
    return [draw.random() < share for _ in range(size)]


def test_the_same_run_twice_does_not_differ():
    gold, predicted = run(some(0.5, 0))
    result = paired_bootstrap(gold, predicted, predicted, samples=500)
    assert result["difference"] == 0
    assert result["interval"] == [0, 0]
    assert result["p_value"] == 1


def test_a_clearly_better_run():
    gold, worse = run(some(0.4, 1))
    _, better = run(some(0.8, 2))
    result = paired_bootstrap(gold, worse, better, samples=2000)
    assert result["p_value"] < 0.001
    assert 0 < result["interval"][0] < result["difference"] < result["interval"][1]


def test_exchanging_the_runs_changes_the_sign_alone():
    gold, one = run(some(0.5, 3))
    _, other = run(some(0.55, 4))
    forth = paired_bootstrap(gold, one, other, samples=1000)
    back = paired_bootstrap(gold, other, one, samples=1000)
    assert back["difference"] == -forth["difference"]
    assert back["p_value"] == forth["p_value"]


def test_p_value_by_hand():
    # Two sentences, b finds the first relation and a none: b is not better where both draws are the second
    # sentence, 1/2 * 1/2. The difference is 0, 2/3 or 1.
    gold, nothing = run([False, False])
    _, first = run([True, False])
    result = paired_bootstrap(gold, nothing, first)
    assert result["f1_b"] == result["difference"] == pytest.approx(2 / 3)
    assert result["p_value"] == pytest.approx(0.25, abs=0.02)
    assert result["interval"] == [0, 1]


def test_the_seed_decides():
    gold, one = run(some(0.5, 5))
    _, other = run(some(0.55, 6))
    first, again, third = (paired_bootstrap(gold, one, other, samples=300, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["interval"] != third["interval"]


def test_chunks_change_nothing(monkeypatch):
    gold, one = run(some(0.5, 7, size=20))
    _, other = run(some(0.6, 8, size=20))
    whole = paired_bootstrap(gold, one, other, samples=100)
    monkeypatch.setattr(significance, "_DRAWS_AT_ONCE", 140)
    assert paired_bootstrap(gold, one, other, samples=100) == whole


@pytest.mark.parametrize("metric", ["entities", "relations"])
def test_f1_is_the_scorers(metric):
    gold, predicted = by_hand()
    result = paired_bootstrap(gold, predicted, gold, metric=metric, samples=10)
    assert result["f1_a"] == pytest.approx(score(gold, predicted)["strict"]["micro"][metric]["f1"])
    assert result["f1_b"] == 1


@given(corpora(runs=2))
def test_sentence_counts_add_up_to_the_scorers(corpus):
    total = score(*corpus)["counts"]
    for item in ("entities", "relations"):
        counts = sentence_counts(*corpus, item)
        assert counts.shape == (total["sentences"], 3)
        assert np.array_equal(counts.sum(axis=0), [total[f"{item}_{c}"] for c in ("gold", "predicted", "correct")])


@pytest.mark.parametrize(
    ("options", "message"), [({"metric": "f1"}, "'f1'"), ({"samples": 0}, "0")], ids=["metric", "samples"]
)
def test_bad_options_are_refused(options, message):
    gold, predicted = by_hand()
    with pytest.raises(InputError, match=message):
        paired_bootstrap(gold, predicted, predicted, **options)


def test_no_sentence_is_refused():
    with pytest.raises(InputError, match="none"):
        paired_bootstrap([], [], [])


def test_trainings_of_the_same_answers_are_no_further_evidence():
    gold, worse = run(some(0.5, 1))
    _, better = run(some(0.55, 2))
    once = paired_bootstrap(gold, worse, better, samples=1000)
    for times in (2, 5):
        again = pooled_bootstrap(gold, [worse] * times, [better] * times, samples=1000)
        assert again == pytest.approx(once)


def test_counts_of_different_trainings_are_summed():
    gold, _ = run(some(0.5, 1))
    runs = [run(some(share, seed))[1] for seed, share in enumerate((0.3, 0.5, 0.6, 0.8))]
    result = pooled_bootstrap(gold, runs[:2], runs[2:], samples=1000)
    for name, part in (("f1_a", runs[:2]), ("f1_b", runs[2:])):
        assert result[name] == pytest.approx(
            score([*gold, *gold], [*part[0], *part[1]])["strict"]["micro"]["relations"]["f1"]
        )
    with pytest.raises(InputError, match="equally many trainings. Received: 2 and 1"):
        pooled_bootstrap(gold, runs[:2], runs[2:3])
