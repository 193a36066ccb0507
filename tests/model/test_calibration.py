"""Thresholds and scales of a run: their file, and what they do in the graph."""

import json

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.config.fields import DecodingConfig
from cman_tf.data.schema import Schema
from cman_tf.errors import InputError
from cman_tf.model.calibration import Calibration, Scale, cutoffs
from cman_tf.model.decoding import decode_entities, sure_entities

SCHEMA = Schema(["Loc", "Peop"], ["Kill", "Live_In"])
CALIBRATION = Calibration(0.3, {"Kill": 0.2}, Scale(0.5, -1.0), Scale(2.0, 0.25), {"split": "dev"})


def test_what_is_written_is_read(tmp_path):
    CALIBRATION.save(tmp_path / "calibration.json")
    assert Calibration.read(tmp_path / "calibration.json", SCHEMA) == CALIBRATION
    assert Calibration.read(tmp_path / "missing.json", SCHEMA) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entity_threshold": 2}, "`entity_threshold` must be less than or equal to 1"),
        ({"entity_threshold": float("nan")}, "`entity_threshold` "),
        ({"relation_thresholds": {"Kill": -1}}, "`relation_thresholds.Kill` must be greater than or equal to 0"),
        ({"relation_thresholds": {"Born_In": 0.5}}, "'Born_In' is not a relation type of the run"),
        ({"entity_scale": {"slope": 0}}, "`entity_scale.slope` must be greater than 0"),
        ({"other": 1}, "`other` "),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(tmp_path, changes, message):
    (tmp_path / "c.json").write_text(json.dumps(changes))
    with pytest.raises(InputError, match="c.json is not valid: ") as caught:
        Calibration.read(tmp_path / "c.json", SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "\udcff", "[1]", "[" * 100_000, '{"entity_threshold": NaN}'])
def test_something_else_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"c\.json"):
        Calibration.read(tmp_path / "c.json", SCHEMA)


def test_a_scale_moves_log_odds():
    scores = np.array([0.0, 1e-6, 0.1, 0.5, 0.9, 1.0])
    with np.errstate(divide="ignore"):
        odds = np.log(scores / (1 - scores))
        expected = 1 / (1 + np.exp(-(0.5 * odds - 1)))
    np.testing.assert_allclose(Scale(0.5, -1.0)(scores), expected)
    np.testing.assert_array_equal(Scale()(scores), scores)


def test_what_has_no_fitted_threshold_has_that_of_the_configuration():
    decoding = DecodingConfig(threshold=0.4, entity_threshold=0.6)
    found = cutoffs(SCHEMA, decoding, CALIBRATION)
    np.testing.assert_allclose(found.relations, [0.2, 0.4])
    assert float(found.entity) == pytest.approx(0.3)
    found = cutoffs(SCHEMA, decoding, CALIBRATION.without(["threshold"]))
    np.testing.assert_allclose(found.relations, [0.4, 0.4])
    assert float(found.entity) == pytest.approx(0.3)
    found = cutoffs(SCHEMA, decoding, CALIBRATION.without(["entity_threshold", "rules"]))
    np.testing.assert_allclose(found.relations, [0.2, 0.4])
    assert float(found.entity) == pytest.approx(0.6)
    found = cutoffs(SCHEMA, decoding, None)
    assert float(found.entity) == pytest.approx(0.6)
    assert [float(value) for value in found.relation_scale] == [1.0, 0.0]


# B-Loc I-Loc O | B-Peop B-Loc | O ... and an I-Loc that begins an entity right after another.
TAGS = tf.constant([[1, 2, 0, 3, 1], [3, 2, 2, 0, 0]])
LENGTHS = tf.constant([5, 3])
SCORES = tf.constant([[0.2, 0.9, 0.6], [0.1, 0.7, 0.0]])


def kept(threshold, scale=(1.0, 0.0)):
    entities = {**decode_entities(TAGS, LENGTHS), "entity_score": SCORES}
    tags, entities = sure_entities(TAGS, entities, LENGTHS, tf.constant(threshold), tf.constant(scale))
    spans = [
        [
            (start, end)
            for start, end, there in zip(*(entities[f"entity_{name}"][row].numpy().tolist() for name in names))
            if there
        ]
        for row, names in enumerate([("start", "end", "mask")] * 2)
    ]
    return tags.numpy().tolist(), spans, entities["entity_score"].numpy()


def test_without_a_threshold_entities_and_scores_are_the_very_same():
    tags, spans, scores = kept(0.0)
    assert tags == TAGS.numpy().tolist()
    assert spans == [[(0, 2), (3, 4), (4, 5)], [(0, 1), (1, 3)]]
    np.testing.assert_array_equal(scores, SCORES)
    random = tf.random.stateless_uniform([1, 5], [1, 2])
    entities = {**decode_entities(tf.ones([1, 5], tf.int32), [5]), "entity_score": random}
    _, same = sure_entities(tf.ones([1, 5], tf.int32), entities, tf.constant([5]), 0.0, tf.constant([1.0, 0.0]))
    np.testing.assert_array_equal(same["entity_score"], random)


def test_unlikely_entities_are_left_out_with_their_tags():
    tags, spans, scores = kept(0.6)
    assert tags == [[0, 0, 0, 3, 1], [0, 2, 2, 0, 0]]
    assert spans == [[(3, 4), (4, 5)], [(1, 3)]]
    np.testing.assert_allclose(scores, [[0.9, 0.6], [0.7, 0]])


def test_the_threshold_is_one_of_calibrated_scores():
    _, spans, scores = kept(0.6, (0.5, -1.0))
    assert spans == [[], []]
    _, spans, scores = kept(0.5, (0.5, 0.0))
    np.testing.assert_allclose(scores, [[0.75, 0.5505], [0.6044, 0]], atol=1e-4)


def test_relation_scores_are_calibrated_and_each_type_has_its_threshold():
    from tests.model.test_decoding import B0, B1, OUT, found_relations, scores_of

    scores, tags = scores_of({(0, 1, 0): 1.0, (0, 1, 1): 1.0, (1, 0, 1): -1.0}), [B0, B1, OUT, OUT]  # sigma = .73, .27
    assert found_relations(scores, tags, threshold=tf.constant([0.74, 0.2])) == [(0, 1, 1), (1, 0, 1)]
    assert found_relations(scores, tags, threshold=0.8, scale=(2.0, 0.0)) == [(0, 1, 0), (0, 1, 1)]  # .88
    assert found_relations(scores, tags, threshold=0.7, scale=(1.0, 2.0)) == [(0, 1, 0), (0, 1, 1), (1, 0, 1)]
