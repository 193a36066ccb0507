import json

import pytest

from reproduction import speed


@pytest.fixture
def speed_page(tmp_path):
    """The text of the page of speed, from figures by the name of their benchmark."""

    def make(**figures):
        for name, found in figures.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(found))
        return speed.write_page(tmp_path, tmp_path / "docs" / "speed.md").read_text(encoding="utf-8")

    return make


def test_speed_says_which_bars_are_not_reached(speed_page):
    build = {"sentences_per_second": 80.0, "first_step_seconds": 9.0}
    figures = {
        "environment": {},
        "modes": {mode: {"project": build, "plain": build} for mode in ("without", "with")},
        "bars": [
            {"name": "share", "value": value, "at": "at least", "bar": 0.5, "reached": value >= 0.5}
            for value in (0.61, 0.4, 0.4976)
        ],
    }
    row = "| share | at least 0.5 | 0.61 | 0.40 (not reached) | 0.498 (not reached) |"
    assert row in speed_page(training_step=figures)


def test_long_texts(speed_page):
    item = {"words": 15009, "sentences": 900, "entities": 7, "relations": 3, "seconds": 30.5}
    item |= {"words_per_second": 492, "peak_mb": 800, "mb": [400, 800]}
    figures = {
        "run": "news",
        "environment": {"load_at_start": 1.5, "load_at_end": 2.5},
        "pages": {"30": item, "300": {**item, "peak_mb": 900}},
        "peak_of_longest_to_shortest": 1.125,
    }
    text = speed_page(pages=figures)
    assert "| 30 | 15,009 | 900 | 7 | 3 | 30.5 | 492 | 800 |" in text
    assert "needs 1.12 times the memory of the shortest; at ten times of its run it took 400, 800 MB" in text


def test_prediction_speed(speed_page):
    figures = {
        "sentences": 288,
        "sentences_per_second": {"1": 171.2, "32": 300.0},
        "milliseconds_per_call": {"p50": 5.51, "p99": 11.0},
        "run": "news",
        "parts": {"1": {"best tags": 1.5, "all": 5.0}, "32": {"best tags": 2.5, "all": 50.0}},
        "bars": [{"mode": "batch 1", "name": "speed", "value": 171.2, "at": "at least", "bar": 210, "reached": False}],
    }
    text = speed_page(inference=figures)
    assert "| 1 | 171 | 5.5 | 11.0 |" in text
    assert "| 32 | 300 | | |" in text
    assert "the run `news`" in text
    assert "| best tags | 1.50 | 2.50 |" in text
    assert "| batch 1: speed | at least 210 | 171.20 (not reached) |" in text


def test_speed_of_contextual_epochs_and_of_serving(speed_page):
    bar = {"mode": "2048 wide", "name": "epoch", "value": 1.2, "at": "at most", "bar": 1.3, "reached": True}
    epochs = {
        "rounds": 2,
        "seconds": {"no vectors": [11.0, 10.0], "2048 wide": [12.0, 13.0]},
        "times_without": {"no vectors": 1.0, "2048 wide": 1.2},
        "bars": [bar],
    }
    serving = {
        "environment": {"load_at_start": 1.5, "load_at_end": 2.5},
        "run": "news",
        "rounds": 3,
        "sentences": 288,
        "latency_ms": {
            "in_process": {"p50": 9.0, "p99": 12.0},
            "gRPC": {"p50": 11.06, "p99": 15.0},
            "added": {"gRPC": 2.06},
        },
        "answers_per_second": {"batched": {"1": [99.6, 1.0, 101.0], "8": [140.0]}},
        "processor_ms_per_answer": {"batched": {"1": [18.0], "8": [9.1]}},
        "memory": {"requests": {"rest": 15_000, "lines": 5000}, "megabytes": [900.4, 905.0]},
        "bars": [bar],
    }
    text = speed_page(contextual_epoch=epochs, serving=serving)
    assert "| 2048 wide | 12.0 | 1.20 |" in text
    assert "| gRPC | 11.1 | 15.0 | +2.06 |" in text
    assert "| batched | 99.6 | 140.0 |" in text
    assert "| batched | 18.0 | 9.1 |" in text
    assert "before 20,000 mixed requests, 2 kinds in turn from 32 clients" in text
    assert "900, 905 MB" in text
    assert text.count("| 2048 wide: epoch | at most 1.3 | 1.20 |") == 2


def test_many_sentences_say_how_often_each_was_answered(speed_page):
    figures = {
        "environment": {"load_at_start": 0.1, "load_at_end": 2.0},
        "sentences": 1500,
        "texts": 57,
        "counters": {"entities": 1200, "relations": 34},
        "ids": {"once": 1498, "more": 0, "never": 2},
        "sentences_per_second": 41.6,
    }
    text = speed_page(batch=figures)
    assert "1,498 were answered once, 0 more often, 2 never; 1,200 entities and 34 relations were found. 42 " in text


def test_cold_starts_beside_a_base_commit(speed_page):
    bar = {"mode": "predict", "name": "times the import", "value": 1.5, "at": "at most", "bar": 2.0, "reached": True}
    seconds = {name: {"here": [4.0, 3.96], "base": [5.0, 6.0]} for name in ("import tensorflow", "predict")}
    text = speed_page(cold={"rounds": 2, "processor_seconds": seconds, "bars": [bar]})
    assert "benchmarks.cold --base FOLDER --json" in text
    assert "Rounds: 2; the lowest counts" in text
    assert "| Processor seconds | this commit | base commit |" in text
    assert "| predict | 3.96 | 5.00 |" in text
    assert "| predict: times the import | at most 2 | 1.50 |" in text


def test_an_encoder_on_the_spot_is_divided_into_the_encoder_and_the_rest(speed_page):
    base = {"prediction, batch 1": 62.5, "prediction, batch 32": 300.0, "training": 40.0}
    base |= {"encoder": 9.0, "encoder, both ways": 13.5}
    here = {**base, "prediction, batch 1": 80.0}
    bar = {"mode": "sample: training", "name": "times", "value": 1.28, "at": "at least", "bar": 2.5, "reached": False}
    figures = {
        "best": {config: {"here": here, "base": base} for config in ("sample", "conll04_minilm_finetuned")},
        "rounds": {"sample": {"here": [here, here]}},
        "sentences": {"train": 200, "test": 288},
        "bars": [bar],
    }
    text = speed_page(warm=figures)
    assert "| Sentences/s | base commit | this commit |" in text
    assert "| sample: prediction, batch 1 | 62.5 | 80.0 |" in text
    assert "| prediction, batch 1: everything else | 7.0 | 3.5 |" in text
    assert "| training: everything else | 11.5 | 11.5 |" in text
    assert "| sample: training: times | at least 2.5 | 1.28 (not reached) |" in text


def test_the_estimate_for_many_machines_names_its_parts(speed_page):
    figures = {
        "run": "news",
        "sentences": [100, 800],
        "prediction": {
            "1": {"sentences_per_second": 60.4, "start_seconds": 20.0},
            "2": {"sentences_per_second": 110.0, "start_seconds": 30.0},
        },
        "training": {"1": {"sentences_per_second": 50.0}, "2": {"sentences_per_second": 81.0}},
        "estimate": {"sentences": 10**8, "machines": 100, "hours": 2.53, "machine_hours": 253.4},
    }
    text = speed_page(machines=figures)
    assert "| prediction, sentences/s | 60 | 110 |" in text
    assert "| training, sentences/s | 50 | 81 |" in text
    assert "would take 2.5 hours, 253 machine-hours: 30 s for the start and 1,000,000 sentences a machine" in text
