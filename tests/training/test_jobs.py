"""Jobs as real processes, on a tiny corpus."""

import json
import signal
import subprocess
import sys
import time

import pytest

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.errors import InputError
from cman_tf.training import jobs
from cman_tf.training.jobs import Runner
from cman_tf.training.run import Run
from reproduction.plan import Job
from tests.conftest import TINY_PLAIN


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "dev", "test"):
        formats.write(documents, folder / f"{split}.json", "spert")
    return folder


@pytest.fixture(scope="module")
def job(corpus):
    fields = {**TINY_PLAIN, "corpus": {"name": str(corpus)}}
    return Job("words/seed1", configs.from_dict({**fields, "training": {"epochs": 2, "adversarial_alpha": 0.0}}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, job, corpus):
    """Folder of a job that was run, beside one that must fail."""
    folder = tmp_path_factory.mktemp("work")
    said = []
    bad = Job("bad/seed1", configs.change(job.config, {"corpus.name": str(corpus / "missing")}))
    runner = Runner(folder / "runs", folder / "results", processes=2, tell=said.append)
    return folder, runner.run([bad, job]), said


def test_a_run_with_the_form_that_auto_stands_for_is_the_one_asked_for():
    asked = configs.Config()
    kept, other = (
        configs.change(asked, {"model.relation_projection": "shared", "seed": seed}) for seed in (asked.seed, 9)
    )
    assert jobs._differences(kept, asked) == []
    assert jobs._differences(asked, kept) == ["model.relation_projection"]
    assert jobs._differences(other, asked) == ["seed"]


@pytest.mark.parametrize("name", ["corpus.name", "corpus.extra", "start_from"])
def test_a_run_with_the_absolute_path_of_a_folder_is_the_one_asked_for(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = configs.change(configs.Config(), {name: str(tmp_path / "own")})
    assert jobs._differences(kept, configs.change(kept, {name: "own"})) == []
    assert jobs._differences(kept, configs.change(kept, {name: "other"})) == [name]


def test_small_files_are_copied_without_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"corpus: /data\nstart_from: {tmp_path}/runs/a/seed1\n")
    jobs.copy_summary(tmp_path, tmp_path / "results" / "a")
    assert (tmp_path / "results" / "a" / "config.yaml").read_text() == "corpus: /data\nstart_from: runs/a/seed1\n"


@pytest.mark.slow
def test_a_job_leaves_a_run_and_its_small_files(finished, job):
    folder, outcome, said = finished
    assert outcome["words/seed1"] == "done"
    stored = configs.change(job.config, {"model.relation_projection": "per_relation"})
    assert Run.open(folder / "runs" / job.name).config() == stored
    kept = {path.name for path in (folder / "results" / job.name).iterdir()}
    assert kept == {"config.yaml", "environment.json", "history.csv", "metrics.json"}
    assert any(line.startswith("words/seed1: entities ") for line in said)


@pytest.mark.slow
def test_a_failure_is_told_with_its_reason_and_stops_no_other_job(finished):
    _, outcome, said = finished
    assert "failed, exit code 2: cman fit: " in outcome["bad/seed1"]
    assert "missing" in outcome["bad/seed1"]
    assert f"bad/seed1: {outcome['bad/seed1']}" in said


@pytest.mark.slow
def test_what_is_done_is_not_done_again(finished, job):
    folder = finished[0]
    before = (folder / "runs" / job.name / "weights.h5").stat().st_mtime_ns
    (folder / "results" / job.name / "metrics.json").unlink()
    assert Runner(folder / "runs", folder / "results", tell=lambda line: pytest.fail(line)).run([job]) == {
        job.name: "done"
    }
    assert (folder / "runs" / job.name / "weights.h5").stat().st_mtime_ns == before
    # A results folder that was lost is filled again.
    assert (folder / "results" / job.name / "metrics.json").is_file()


@pytest.mark.slow
def test_a_run_of_another_configuration_is_not_taken_for_the_job(finished, job):
    other = Job(job.name, configs.change(job.config, {"model.bla": True, "corpus.data_dir": "elsewhere"}))
    with pytest.raises(
        InputError,
        match=r"words/seed1 has another configuration .*Different: model\.bla, False in the run, True in the job$",
    ):
        Runner(finished[0] / "runs").run([other])


@pytest.mark.slow
def test_what_is_done_can_be_scored_again(finished, job):
    folder = finished[0]
    path = folder / "runs" / job.name
    before, weights = (path / "metrics.json").read_text(), (path / "weights.h5").read_bytes()
    (path / "metrics.json").write_text("{}")
    Runner(folder / "runs", folder / "results").run([job], rescore=True)
    assert (path / "metrics.json").read_text() == (folder / "results" / job.name / "metrics.json").read_text() == before
    assert (path / "weights.h5").read_bytes() == weights


def test_a_job_that_was_begun_has_the_rest_of_its_time_left(tmp_path, job):
    job = Job(job.name, configs.change(job.config, {"training.epochs": 4}), 20.0)
    runner, path = Runner(tmp_path), tmp_path / job.name
    assert runner.minutes_left(job) == 20
    path.mkdir(parents=True)
    configs.save(job.config, path / "config.yaml")
    (path / "environment.json").write_text("{}")
    assert runner.minutes_left(job) == 20
    (path / "history.csv").write_text("epoch\n1\n")
    assert runner.minutes_left(job) == 15
    (path / "metrics.json").write_text("{}")
    assert runner.minutes_left(job) == 0


def test_after_the_time_limit_nothing_is_begun(tmp_path, job):
    assert Runner(tmp_path, max_hours=1e-9).run([job]) == {job.name: "stopped"}
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_killed_job_goes_on_where_it_stopped(tmp_path, job):
    long = Job(job.name, configs.change(job.config, {"training.epochs": 60}))
    configs.save(long.config, tmp_path / "job.yaml")
    path = tmp_path / long.name
    command = [sys.executable, "-m", "cman_tf.fit", "--config", str(tmp_path / "job.yaml"), "--run-dir", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (path / "history.csv").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = (path / "history.csv").read_text().splitlines()
    assert len(before) < 60
    said = []
    assert Runner(tmp_path, tell=said.append).run([long]) == {long.name: "done"}
    assert said[0] == f"{long.name}: resumed"
    after = (path / "history.csv").read_text().splitlines()
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) == 61
    assert json.loads((path / "metrics.json").read_text())["split"] == "test"
