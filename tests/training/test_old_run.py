"""A run of format 2, trained before the package got its present layout, keeps its scores to the last digit."""

import json
import sys
from pathlib import Path

import pytest

from cman_tf.training.results import evaluate_run

OLD = Path(__file__).parent / "old_run"


def test_an_old_run_scores_as_it_did():
    expected = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
    # The sample corpus has grown since.
    metrics = evaluate_run(OLD, changes={"corpus.name": str(OLD.parent / "old_corpus")}).metrics
    found = {name: metrics[name] for name in ("strict", "boundaries")}
    if sys.version_info < (3, 12):
        assert found == expected
    # From Python 3.12 on `sum` rounds the averages better than where the run was scored, in the last digit.
    assert flat(found) == pytest.approx(flat(expected), rel=1e-14, abs=0)


def flat(values, prefix=""):
    """Nested dicts as one dict of dotted names."""
    if not isinstance(values, dict):
        return {prefix: values}
    return {name: value for key in values for name, value in flat(values[key], f"{prefix}.{key}").items()}
