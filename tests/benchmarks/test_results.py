import json

import pytest

from benchmarks.results import page, spread
from cman_tf import config as configs
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.scorer import score


def test_a_table_for_each_experiment_with_mean_and_deviation(tmp_path, documents, config):
    folder = tmp_path / "results" / "conll04" / "words"
    empty = [document.with_annotation(document.entities[:1], ()) for document in documents]
    for seed, predicted in ((1, documents), (2, empty)):
        run = folder / f"seed{seed}"
        run.mkdir(parents=True)
        configs.save(config, run / "config.yaml")
        metrics = {
            "split": "test",
            "corpus": "conll04",
            "protocol": "train",
            **score(documents, predicted),
            "by_sentence_length": by_sentence_length(documents, predicted),
            "by_entity_distance": by_entity_distance(documents, predicted),
        }
        (run / "metrics.json").write_text(json.dumps(metrics))
    text = page(tmp_path / "results", tmp_path / "none")
    # Eleven entities: all found by the first seed; four, and nothing wrong, by the second: 2 * 4 / (4 + 11).
    assert "## conll04/words" in text
    assert "2 seeds" in text
    assert "| seed1 | 100.00 | 100.00 |" in text
    assert "| seed2 | 53.33 | 0.00 |" in text
    assert "| **This project, mean ± standard deviation** | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    assert "72.97" in text


def test_spread_of_one_run_is_its_figure():
    assert spread([61.954]) == "61.95"
    assert spread([60.0, 62.0]) == "61.00 ± 1.41"


def test_no_run_no_table(tmp_path):
    assert "##" not in page(tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["training_step", "inference"])
def test_benchmark_rows_become_a_table(tmp_path, name):
    rows = [{"Build": "project", "Speed": 3.1}, {"Build": "plain", "Speed": 1.0}]
    (tmp_path / f"{name}.json").write_text(json.dumps({"about": "Ratios of one run.", "rows": rows}))
    text = page(tmp_path / "none", tmp_path)
    assert "| project | 3.1 |" in text
    assert "Ratios of one run." in text
