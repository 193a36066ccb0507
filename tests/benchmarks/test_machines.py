import json

import pytest

from benchmarks import machines
from cman_tf.commands import cli


def test_what_many_machines_need_is_the_start_and_their_share():
    found = machines.on_many({"start_seconds": 600.0, "sentences_per_second": 50.0}, sentences=3_600_000, machines=10)
    assert found["hours"] == pytest.approx(2 + 1 / 6)
    assert found["machine_hours"] == pytest.approx(10 * found["hours"])


def test_a_worker_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="(?s)ended with 1: .*KeyError"):
        machines._wait([machines._start(["-c", "{}[0]"], [0])])


@pytest.mark.slow
def test_both_numbers_of_workers_are_measured(tmp_path, capsys):
    pytest.importorskip("apache_beam", reason="needs the extra [beam]")
    arguments = ["--sentences", "80", "--json", str(tmp_path / "a.json")]
    code = cli.run("benchmarks.machines", machines.command, arguments)
    assert code == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "a.json").read_text())
    assert set(found["prediction"]) == set(found["training"]) == {"1", "2"}
    assert found["estimate"]["hours"] > 0
