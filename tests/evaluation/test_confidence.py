"""Reliability and curves: numbers by hand, and what the report, the terminal and metrics.json have of them."""

from collections import Counter

import numpy as np
import pytest

from cman_tf.evaluation.candidates import Candidates
from cman_tf.evaluation.confidence import POINTS, confidence, precision_recall, reliability
from cman_tf.evaluation.curves import inline_svg, precision_recall_curve, reliability_diagram
from cman_tf.evaluation.report import write_report
from cman_tf.evaluation.scorer import score
from cman_tf.evaluation.tables import evaluation_text
from cman_tf.model.calibration import Calibration, Scale


def items(scores, right, gold):
    return Candidates(np.array(["a"] * len(scores)), np.array(scores), np.array(right), Counter(a=gold))


def test_the_error_is_the_weighted_difference_of_score_and_share():
    scores, right = np.array([0.12, 0.18, 0.95, 0.85, 0.81, 1.0]), np.array([0, 1, 1, 1, 0, 1], bool)
    found = reliability(scores, right)
    assert found["bins"] == [
        {"score": pytest.approx(0.15), "right": 0.5, "count": 2},
        {"score": pytest.approx(0.83), "right": 0.5, "count": 2},
        {"score": pytest.approx(0.975), "right": 1.0, "count": 2},
    ]
    assert found["expected_calibration_error"] == pytest.approx((0.35 + 0.33 + 0.025) / 3)


def test_precision_and_recall_at_each_threshold():
    found = items([0.9, 0.5, 0.7, 0.5], [True, True, False, False], gold=4)
    assert precision_recall(found, found.scores) == [
        {"threshold": 0.9, "precision": 1.0, "recall": 0.25},
        {"threshold": 0.7, "precision": 0.5, "recall": 0.25},
        {"threshold": 0.5, "precision": 0.5, "recall": 0.5},
    ]


def test_a_long_curve_has_few_points_and_both_ends():
    found = items(np.linspace(0.1, 0.9, 1000), np.arange(1000) % 2 > 0, gold=500)
    points = precision_recall(found, found.scores)
    assert len(points) == POINTS
    assert (points[0]["threshold"], points[-1]["threshold"], points[-1]["recall"]) == (0.9, 0.1, 1.0)


@pytest.fixture(scope="module")
def measured(run_predictor, documents):
    """`(without, with)` a calibration."""
    calibration = Calibration(0.8, {}, Scale(0.5, 0.0), Scale(0.5, -1.0))
    return tuple(confidence(run_predictor.with_calibration(one), documents) for one in (None, calibration))


def test_a_calibrated_network_is_measured_before_and_after(measured, run_predictor, documents):
    plain, calibrated = measured
    assert set(plain["entities"]) == {"precision_recall", "reliability"}
    assert calibrated["entities"]["before_calibration"] == plain["entities"]["reliability"]
    assert calibrated["entities"]["reliability"] != plain["entities"]["reliability"]
    # The last point is that of everything found.
    entities = score(documents, run_predictor.extract(documents))["strict"]["micro"]["entities"]
    last = plain["entities"]["precision_recall"][-1]
    assert (last["precision"], last["recall"]) == (entities["precision"], entities["recall"])
    counts = [sum(part["count"] for part in one["relations"]["reliability"]["bins"]) for one in measured]
    assert counts[0] > counts[1] > 0  # without those of entities below their threshold


def test_pictures_have_lines_and_errors(measured):
    plain, calibrated = measured
    assert len(precision_recall_curve(plain).axes[0].lines) == 2
    labels = [text.get_text() for text in reliability_diagram(calibrated).legends[0].texts]
    error = calibrated["relations"]["before_calibration"]["expected_calibration_error"]
    assert len(labels) == 4
    assert labels[3] == f"relations before calibration, error {100 * error:.1f}"
    assert len(reliability_diagram(plain).legends[0].texts) == 2
    entities_alone = {"entities": plain["entities"]}
    assert 'aria-label="a name"' in inline_svg(reliability_diagram(entities_alone), "a name")


def test_report_and_terminal_show_them(measured, documents, tmp_path):
    plain, calibrated = measured
    metrics = score(documents, documents)

    def page(**more):
        write_report(tmp_path / "report.html", documents, documents, {**metrics, **more}, title="t")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    assert page(confidence=calibrated).count('<svg class="curves"') == 2
    assert "before calibration" not in page(confidence=plain)
    assert "<svg" not in page()
    assert "<svg" not in page(confidence={})
    error = calibrated["entities"]["before_calibration"]["expected_calibration_error"]
    text = evaluation_text({**metrics, "confidence": calibrated})
    [line] = [line for line in text.splitlines() if "before calibration" in line]
    assert line.split()[2] == f"{100 * error:.2f}"
    [line] = evaluation_text({**metrics, "confidence": {"entities": plain["entities"]}}).splitlines()[-1:]
    assert line.split()[::2] == ["scores", "-"]
    assert "calibration" not in evaluation_text({**metrics, "confidence": {}})
