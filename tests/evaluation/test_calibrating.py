"""Thresholds and scales are those that the annotated sentences support."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cman_tf.config import Config
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.schema import Schema
from cman_tf.evaluation.calibrating import SUPPORT, best_threshold, fit_calibration, fit_scale
from cman_tf.evaluation.candidates import FLOOR, Candidates, candidates
from cman_tf.model.calibration import Scale


def items(scores, right, gold=None):
    right = np.array(right, bool)
    types = np.array(["a"] * len(right))
    return Candidates(types, np.array(scores, float), right, Counter(a=int(right.sum()) if gold is None else gold))


def f1_above(found, threshold):
    kept = found.scores > threshold
    return 2 * (found.right & kept).sum() / (kept.sum() + sum(found.gold.values()))


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    scores = random.uniform(FLOOR, 1, 200).round(2)
    found = items(scores, random.uniform(size=200) < scores, gold=150)
    chosen = best_threshold(found, Scale(), FLOOR)
    every = np.linspace(0.0501, 0.9999, 2000)
    assert f1_above(found, chosen) == max(f1_above(found, value) for value in every)
    # The same items, whatever the scale.
    scaled = Scale(0.5, -1.0)
    other = best_threshold(found, scaled, float(scaled(np.array(FLOOR))))
    np.testing.assert_array_equal(scaled(scores) > other, scores > chosen)


def test_a_threshold_needs_examples():
    scores = np.linspace(0.1, 0.9, SUPPORT)
    assert best_threshold(items(scores, [True] * SUPPORT), Scale(), 0.0) == 0.0
    assert best_threshold(items(scores, [True] * (SUPPORT - 1) + [False]), Scale(), 0.0) is None
    assert best_threshold(items(scores, [False] * SUPPORT, gold=99), Scale(), 0.0) is None
    assert best_threshold(items([], [], gold=99), Scale(), 0.0) is None


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0.0), (2.0, 0.0), (1.0, -1.0)])
def test_the_scale_is_the_inverse_of_what_was_wrong(slope, intercept):
    random = np.random.default_rng(0)
    truth = random.uniform(0.02, 0.98, 20_000)
    found = items(Scale(slope, intercept)(truth), random.uniform(size=len(truth)) < truth)
    assert Scale() == fit_scale(items(found.scores[: SUPPORT - 1], found.right[: SUPPORT - 1]))
    np.testing.assert_allclose(fit_scale(found)(found.scores), truth, atol=0.02)


def test_scores_stay_where_there_is_nothing_to_learn_from():
    scores = np.linspace(0.1, 0.9, 100)
    assert fit_scale(items(scores, [True] * 100)) == Scale()
    assert fit_scale(items(scores, [False] * 100)) == Scale()
    assert fit_scale(items(scores, scores < 0.5)) == Scale()
    # Perfectly separated: no infinite slope.
    assert 1 < fit_scale(items(scores, scores > 0.5)).slope < 100


SENTENCE = Document("Ana lives in Oslo".split(), [Entity(0, 1, "Peop"), Entity(3, 4, "Loc")])


def annotated(count, right):
    """Sentences of which the first `right` have a relation of type a; each 20th has one of type b."""
    return [
        replace(
            SENTENCE,
            relations=([Relation(0, 1, "a")] if number < right else []) + [Relation(1, 0, "b")] * (number % 20 == 0),
        )
        for number in range(count)
    ]


class Network:
    """Finds the entities, and a third that is wrong; a relation of each type with rising probability."""

    network = SimpleNamespace(config=Config(), encoders=None, schema=Schema(["Loc", "Peop"], ["a", "b"]))

    def __init__(self, calibration="of the run", threshold=0.5):
        self.calibration, self.threshold = calibration, threshold

    def with_calibration(self, calibration):
        return Network(calibration, self.threshold)

    def with_decoding(self, threshold, entity_threshold):
        assert entity_threshold == 0
        return Network(self.calibration, threshold)

    def extract(self, documents, contextual=None):
        assert (self.calibration, self.threshold) == (None, FLOOR)
        return [
            document.with_annotation(
                [
                    replace(document.entities[0], score=0.6 + number / 1000),
                    replace(document.entities[1], score=0.9),
                    Entity(1, 2, "Loc", score=0.4),
                ],
                [
                    Relation(0, 1, "a", score=0.3 + 0.4 * (number < 60)),
                    Relation(1, 0, "b", score=0.2),
                    Relation(2, 0, "b", score=0.9),
                ],
            )
            for number, document in enumerate(documents)
        ]


def test_candidates_are_right_where_they_are_annotated():
    documents = annotated(40, 10)
    found = candidates(documents, Network(None, FLOOR).extract(documents), "relations")
    assert found.gold == Counter(a=10, b=2)
    assert len(found.scores) == 120
    assert found.of("a").right.sum() == 10
    assert found.of("b").right.sum() == 2


def test_all_is_chosen_together():
    documents = annotated(100, 60)
    found = fit_calibration(Network(), documents, {"split": "dev"})
    assert found.fitted_on == {"split": "dev", "entities": 200, "relations": {"a": 60, "b": 5}}
    # The wrong entity, and with it the surest of the wrong relations, is left out.
    scores = found.entity_scale(np.array([0.4, 0.6]))
    assert scores[0] < found.entity_threshold < scores[1]
    assert found.relation_scale.slope > 1, "with that relation, high scores would be too high"
    low, high = found.relation_scale(np.array([0.3, 0.7]))
    assert low < found.relation_thresholds["a"] < high
    # Too few relations of type b: that of all.
    assert found.relation_thresholds["b"] == found.relation_thresholds["a"]


def test_without_support_thresholds_stay():
    found = fit_calibration(Network(), annotated(9, 5))
    assert found.entity_threshold == 0
    assert found.relation_thresholds == {"a": 0.5, "b": 0.5}
    assert (found.entity_scale, found.relation_scale) == (Scale(), Scale())
