"""A run of format 2, trained before the package got its present layout, keeps its scores to the last digit."""

import json
from pathlib import Path

from cman_tf.training.results import evaluate_run

OLD = Path(__file__).parent / "old_run"


def test_an_old_run_scores_as_it_did():
    expected = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
    metrics = evaluate_run(OLD).metrics
    assert {name: metrics[name] for name in ("strict", "boundaries")} == expected
