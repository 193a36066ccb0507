import csv
import json

import pytest

from cman_tf import config as configs
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.errors import count_kinds
from cman_tf.evaluation.scorer import score
from cman_tf.reproduction.page import write_page
from cman_tf.reproduction.plan import Experiment
from cman_tf.reproduction.sections import spread

KNOWN = {
    "conll04/words": Experiment("conll04/words", "words alone", "conll04", {}, (1, 2)),
    "conll04/best": Experiment("conll04/best", "the best", "conll04", {}, (1, 2, 3)),
}


def breakdowns(documents, predicted):
    return {
        "by_sentence_length": by_sentence_length(documents, predicted),
        "by_entity_distance": by_entity_distance(documents, predicted),
    }


def write_run(folder, config, documents, predicted, **more):
    folder.mkdir(parents=True)
    configs.save(config, folder / "config.yaml")
    metrics = {
        "split": "test",
        "corpus": "conll04",
        "protocol": "train",
        **score(documents, predicted),
        **breakdowns(documents, predicted),
        **more,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture
def fewer(documents):
    """Of each sentence the first entity."""
    return [document.with_annotation(document.entities[:1], ()) for document in documents]


@pytest.fixture
def page(tmp_path):
    """The text of the page of what lies in `results` and `benchmarks`."""

    def make(known=KNOWN):
        path = write_page(tmp_path / "results", tmp_path / "benchmarks", tmp_path / "docs" / "results.md", known)
        return path.read_text(encoding="utf-8")

    return make


def test_a_table_for_each_experiment_with_mean_and_deviation(page, tmp_path, documents, fewer, config):
    for seed, predicted in ((1, documents), (2, fewer)):
        write_run(tmp_path / "results" / "conll04" / "words" / f"seed{seed}", config, documents, predicted)
    text = page()
    # Eleven entities: all found by the first seed; four, and nothing wrong, by the second: 2 * 4 / (4 + 11).
    assert "## conll04/words" in text
    assert "2 seeds" in text
    assert "| seed1 | 100.00 | 100.00 |" in text
    assert "| seed2 | 53.33 | 0.00 |" in text
    assert "| **This project** | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    assert "72.97" in text
    assert "| conll04/words | train | 2 | no contextual encoder | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    with open(tmp_path / "results" / "tables.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    chosen = [row for row in rows if (row["run"], row["average"], row["mode"]) == ("seed2", "micro", "strict")]
    assert [row["entities f1"] for row in chosen] == ["53.33"]


def test_kinds_of_error_are_counted(page, tmp_path, documents, fewer, config):
    for seed, predicted in ((1, documents), (2, fewer)):
        kinds = count_kinds(documents, predicted)
        write_run(
            tmp_path / "results" / "conll04" / "words" / f"seed{seed}", config, documents, predicted, error_kinds=kinds
        )
    text = page()
    # Eleven entities, of which the second seed misses seven; six relations, of which it misses all.
    assert "| Entities | right | wrong type | wrong boundary | missed | spurious |" in text
    assert "| number, mean of runs counted: 2 | 7.5 | 0.0 | 0.0 | 3.5 | 0.0 |" in text
    assert "| number, mean of runs counted: 2 | 3.0 | 0.0 | 0.0 | 0.0 | 3.0 | 0.0 |" in text


def test_what_is_missing_is_named_with_its_command(page, tmp_path, documents, config):
    write_run(tmp_path / "results" / "conll04" / "words" / "seed1", config, documents, documents)
    text = page()
    command = "python -m cman_tf.reproduce --experiments"
    assert f"conll04/words, words alone: 1 of 2 runs. `{command} conll04/words`" in text
    assert f"conll04/best, the best: 0 of 3 runs. `{command} conll04/best`" in text


def test_folds_and_policies(page, tmp_path, documents, fewer, config):
    for fold, predicted in ((0, documents), (1, fewer)):
        policies = {"all": score(documents, predicted)}
        folder = tmp_path / "results" / "ade" / "best" / f"seed1-fold{fold}"
        write_run(folder, config, documents, predicted, corpus="ade", overlap_policies=policies)
    text = page({})
    assert "(10 sentences in 2 folds)" in text
    assert "1 seed, 2 folds" in text
    assert "| CMAN, the paper's figures, ELMo | 89.40 | 81.14 |" in text
    assert "| gold entities by policy all, micro | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text


def test_ablations_stand_beside_the_paper_and_make_the_figures(page, tmp_path, documents, fewer, config):
    for name, predicted in (("whole", documents), ("no_units", fewer)):
        folder = tmp_path / "results" / "conll04" / "ablations" / name / "seed1"
        write_run(folder, config, documents, predicted, dev=breakdowns(documents, predicted))
    text = page()
    assert "| CMAN | 90.62 | 72.97 | 100.00 | 100.00 |" in text
    assert "| - both units | 89.34 | 68.95 | 53.33 | 0.00 |" in text
    assert "| - BLA unit | 90.57 | 70.84 | not run | not run |" in text
    assert "## conll04/ablations" not in text
    for name in ("by_entity_distance", "by_sentence_length"):
        assert f"(images/{name}.svg)" in text
        picture = (tmp_path / "docs" / "images" / f"{name}.svg").read_text()
        assert "without BSA attention and BLA" in picture
        # The same runs give the same bytes: a page that is made again is no change.
        page()
        assert (tmp_path / "docs" / "images" / f"{name}.svg").read_text() == picture


def test_spread_of_one_run_is_its_figure():
    assert spread([61.954]) == "61.95"
    assert spread([60.0, 62.0]) == "61.00 ± 1.41"


def test_no_run_no_table(page):
    assert "##" not in page({})


def test_speed_says_which_bars_are_not_reached(page, tmp_path):
    build = {"sentences_per_second": 80.0, "first_step_seconds": 9.0}
    figures = {
        "environment": {},
        "modes": {mode: {"project": build, "plain": build} for mode in ("without", "with")},
        "bars": [
            {"name": "share", "value": value, "at": "at least", "bar": 0.5, "reached": value >= 0.5}
            for value in (0.61, 0.4)
        ],
    }
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "training_step.json").write_text(json.dumps(figures))
    assert "| share | at least 0.5 | 0.61 | 0.40 (not reached) |" in page()


def test_prediction_speed(page, tmp_path):
    figures = {
        "sentences": 288,
        "sentences_per_second": {"1": 171.2, "32": 300.0},
        "milliseconds_per_call": {"p50": 5.51, "p99": 11.0},
        "bars": [{"mode": "batch 1", "name": "speed", "value": 171.2, "at": "at least", "bar": 210, "reached": False}],
    }
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "inference.json").write_text(json.dumps(figures))
    text = page()
    assert "| 1 | 171 | 5.5 | 11.0 |" in text
    assert "| 32 | 300 | | |" in text
    assert "| batch 1: speed | at least 210 | 171.20 (not reached) |" in text


def test_speed_of_contextual_epochs_and_of_serving(page, tmp_path):
    bar = {"mode": "2048 wide", "name": "epoch", "value": 1.2, "at": "at most", "bar": 1.3, "reached": True}
    epochs = {
        "rounds": 2,
        "seconds": {"no vectors": [11.0, 10.0], "2048 wide": [12.0, 13.0]},
        "times_without": {"no vectors": 1.0, "2048 wide": 1.2},
        "bars": [bar],
    }
    serving = {"sentences": 288, "answers_per_second": {"batched": {"1": 99.6, "8": 140.0}}, "bars": [bar]}
    (tmp_path / "benchmarks").mkdir()
    for name, figures in (("contextual_epoch", epochs), ("serving", serving)):
        (tmp_path / "benchmarks" / f"{name}.json").write_text(json.dumps(figures))
    text = page()
    assert "| 2048 wide | 12.0 | 1.20 |" in text
    assert "| batched | 100 | 140 |" in text
    assert text.count("| 2048 wide: epoch | at most 1.3 | 1.20 |") == 2


def test_many_sentences_say_how_often_each_was_answered(page, tmp_path):
    figures = {
        "environment": {"load_at_start": 0.1, "load_at_end": 2.0},
        "sentences": 1500,
        "texts": 57,
        "counters": {"entities": 1200, "relations": 34},
        "ids": {"once": 1498, "more": 0, "never": 2},
        "sentences_per_second": 41.6,
    }
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "batch.json").write_text(json.dumps(figures))
    assert "1,498 were answered once, 0 more often, 2 never; 1,200 entities and 34 relations were found. 42 " in page()
