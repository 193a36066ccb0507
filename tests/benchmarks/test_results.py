import json

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
    assert "| **This project** | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    assert "72.97" in text


def test_spread_of_one_run_is_its_figure():
    assert spread([61.954]) == "61.95"
    assert spread([60.0, 62.0]) == "61.00 ± 1.41"


def test_no_run_no_table(tmp_path):
    assert "##" not in page(tmp_path, tmp_path)


def test_speed_says_which_bars_are_not_reached(tmp_path):
    build = {"sentences_per_second": 80.0, "first_step_seconds": 9.0}
    figures = {
        "environment": {},
        "modes": {mode: {"project": build, "plain": build} for mode in ("without", "with")},
        "bars": [
            {"name": "share", "value": value, "at": "at least", "bar": 0.5, "reached": value >= 0.5}
            for value in (0.61, 0.4)
        ],
    }
    (tmp_path / "training_step.json").write_text(json.dumps(figures))
    assert "| share | at least 0.5 | 0.61 | 0.40 (not reached) |" in page(tmp_path / "none", tmp_path)


def test_prediction_speed(tmp_path):
    figures = {
        "sentences": 288,
        "sentences_per_second": {"1": 171.2, "32": 300.0},
        "milliseconds_per_call": {"p50": 5.51, "p99": 11.0},
    }
    (tmp_path / "inference.json").write_text(json.dumps(figures))
    text = page(tmp_path / "none", tmp_path)
    assert "| 1 | 171 | 5.5 | 11.0 |" in text
    assert "| 32 | 300 | | |" in text
