"""The figures and bars of the training benchmark, from made-up rounds; no process is started."""

import json

import pytest

from benchmarks import frame
from benchmarks.training_step import bars, command, parts, summarise
from benchmarks.worker import Worker
from cman_tf.commands import cli

READY = {"first_step": 9.0, "sentences": 100, "flops": 6e9}


def measured(*seconds):
    return READY, [{"seconds": time, "processor_seconds": 2 * time, "peak_bytes": 2e9 + time} for time in seconds]


def test_the_best_round_counts():
    figures = summarise(measured(4.0, 2.0, 5.0), rate=10e9)
    assert figures["sentences_per_second"] == 50
    assert figures["sentences_per_second_of_rounds"] == [25, 50, 20]
    assert figures["processor_ms_per_sentence"] == 40
    assert figures["share_of_matrix_product_rate"] == pytest.approx(0.3)
    assert figures["peak_memory_gb"] == pytest.approx(2, abs=1e-6)
    assert figures["gflops_needed_per_sentence"] == pytest.approx(0.06)


def test_bars_say_what_is_reached():
    modes = {"with_adversarial": {"project": summarise(measured(2.0), 10e9), "plain": summarise(measured(5.0), 10e9)}}
    reached = {bar["name"]: bar["reached"] for bar in bars(modes)}
    assert reached == {
        "speed, times that of the plain build": True,
        "share of the matrix-product rate": False,
        "seconds to the first step": True,
        "peak memory, GB": True,
    }


def test_the_report_names_what_is_not_reached_and_writes_the_figures(tmp_path, capsys):
    modes = {"with_adversarial": {"project": summarise(measured(2.0), 10e9), "plain": summarise(measured(4.0), 10e9)}}
    about = {"processors": 2, "processor": "test", "load_at_start": 0.1, "tensorflow": "2", "python": "3"}
    result = {
        "rounds": 1,
        "steps_in_a_round": 8,
        "matrix_product_gflops_per_second": 10.0,
        "modes": modes,
        "bars": bars(modes),
    }
    args = frame.parse(frame.parser("name", "About.", ""), ["--json", str(tmp_path / "figures.json")])
    frame.report(args, about, result, *parts(result))
    printed = capsys.readouterr().out
    assert printed.count("not reached") == 2
    assert "2.00" in printed
    assert json.loads((tmp_path / "figures.json").read_text()) == {"environment": about, **result}
    assert "load_at_end" in about


@pytest.mark.parametrize("option", ["--rounds", "--steps"])
def test_nothing_to_measure_is_refused_before_anything_is_read(option, tmp_path, capsys):
    assert cli.run("benchmarks.training_step", command, [option, "0", "--data-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"benchmarks.training_step: {option} must be 1 or more. Received: 0\n"


def test_a_worker_that_ends_is_an_error():
    with pytest.raises(RuntimeError, match="exit code 1"), Worker(kind="nothing"):
        pass
