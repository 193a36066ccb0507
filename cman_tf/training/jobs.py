"""Runs trainings as processes of `cman fit`; resumes unfinished ones and skips finished ones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cman_tf import config as configs
from cman_tf.errors import InputError

# The files of a run without its weights, small enough to be committed.
SUMMARY = ("config.yaml", "encoders.json", "environment.json", "history.csv", "metrics.json")


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        name: str. `EXPERIMENT/seedN` or `EXPERIMENT/seedN-foldK`: the run folder, relative to that of all runs.
        config: `Config`.
        minutes: float. Expected duration.
    """

    name: str
    config: configs.Config
    minutes: float = 0.0


class Runner:
    """Runs jobs, several at a time.

    Every job is a process of its own, which frees its memory at its end and can be killed: the next call resumes it
    after its last epoch. A failed job is reported and does not stop the others.

    Args:
        folder: path. Parent of the run folders.
        results: path or None. The small files of finished runs are copied to `RESULTS/JOB/`.
        processes: int. Jobs at a time. Default 1.
        max_hours: float or None. After that, running jobs are stopped; they are resumed by the next call.
        tell: callable, str -> None, prints a line. Default: print.
    """

    def __init__(
        self,
        folder: str | Path,
        results: str | Path | None = None,
        processes: int = 1,
        max_hours: float | None = None,
        tell: Callable[[str], object] = print,
    ) -> None:
        self.folder = Path(folder)
        self.results = None if results is None else Path(results)
        self.processes = processes
        self.deadline = None if max_hours is None else time.monotonic() + 3600 * max_hours
        self.tell = tell

    def state(self, job: Job) -> str:
        """`done`, `begun` or `new`.

        Raises:
            InputError: if the run in the job's folder has another configuration.
        """
        path = self.folder / job.name
        if not (path / "environment.json").is_file():
            return "new"
        kept = configs.load(str(path / "config.yaml"))
        different = _differences(kept, job.config)
        if different:
            raise InputError(
                f"The run in {path} has another configuration than the job; move it away to train again. Different: "
                + "; ".join(
                    f"{name}, {configs.get(kept, name)!r} in the run, {configs.get(job.config, name)!r} in the job"
                    for name in different
                )
            )
        return "done" if (path / "metrics.json").is_file() else "begun"

    def minutes_left(self, job: Job) -> float:
        """Expected minutes until a job is done; for a begun job, in proportion to the epochs left."""
        state = self.state(job)
        if state == "begun":
            history = self.folder / job.name / "history.csv"
            epochs = len(history.read_text(encoding="utf-8").splitlines()) - 1 if history.is_file() else 0
            return job.minutes * (1 - epochs / job.config.training.epochs)
        return job.minutes * (state == "new")

    def run(self, jobs: Sequence[Job], rescore: bool = False) -> dict[str, str]:
        """Run the jobs that are not done.

        Args:
            jobs: sequence of `Job`.
            rescore: bool. Whether to score finished jobs again, with the present scorer and the weights they have.

        Returns:
            dict of names to `"done"`, `"stopped"` (by the time limit) or the reason of a failure.
        """
        states = {job.name: self.state(job) for job in jobs}
        if rescore:
            # A run that is resumed after its last epoch is only scored.
            states = {name: "begun" if state == "done" else state for name, state in states.items()}
        outcome = {}
        waiting: list[Job] = []
        running: dict[Job, subprocess.Popen[bytes]] = {}
        for job in jobs:
            if states[job.name] == "done":
                self._collect(job)
                outcome[job.name] = "done"
            else:
                waiting.append(job)
        try:
            while waiting or running:
                late = self.deadline is not None and time.monotonic() > self.deadline
                if late:
                    outcome.update(dict.fromkeys([job.name for job in waiting + list(running)], "stopped"))
                    break
                while waiting and len(running) < self.processes:
                    job = waiting.pop(0)
                    running[job] = self._start(job, resume=states[job.name] == "begun")
                for job, process in list(running.items()):
                    if process.poll() is not None:
                        del running[job]
                        outcome[job.name] = self._ended(job, process)
                time.sleep(0.2)
        finally:
            # Also after an interrupt; every finished epoch has a checkpoint.
            for process in running.values():
                process.send_signal(signal.SIGINT)
            for process in running.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                process.kill()
        return {job.name: outcome[job.name] for job in jobs}

    def _start(self, job: Job, resume: bool) -> subprocess.Popen[bytes]:
        path = self.folder / job.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume:
            # The job's configuration is the user's; the run's may be anybody's.
            arguments = ["--resume", *(f"--allow-encoder={module}" for module in job.config.encoder.modules)]
        else:
            # A start that was killed leaves an incomplete run.
            shutil.rmtree(path, ignore_errors=True)
            settings = path.with_suffix(".yaml")
            configs.save(job.config, settings)
            arguments = ["--config", str(settings)]
        self.tell(f"{job.name}: {'resumed' if resume else 'started'}")
        with open(path.with_suffix(".log"), "a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cman_tf.fit", *arguments, "--run-dir", str(path)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _ended(self, job: Job, process: subprocess.Popen[bytes]) -> str:
        if process.returncode:
            lines = (self.folder / job.name).with_suffix(".log").read_text(encoding="utf-8").splitlines()
            reason = f"failed, exit code {process.returncode}: {lines[-1] if lines else 'no output'}"
            self.tell(f"{job.name}: {reason}")
            return reason
        self._collect(job)
        scores = json.loads((self.folder / job.name / "metrics.json").read_text())["strict"]["micro"]
        self.tell(
            f"{job.name}: entities {100 * scores['entities']['f1']:.2f}, relations "
            f"{100 * scores['relations']['f1']:.2f}"
        )
        return "done"

    def _collect(self, job: Job) -> None:
        if self.results is None:
            return
        copy_summary(self.folder / job.name, self.results / job.name)


def copy_summary(run: Path, target: Path) -> None:
    """Copy the `SUMMARY` of a run to a folder that may be new. Paths below the current folder become relative."""
    target.mkdir(parents=True, exist_ok=True)
    for name in SUMMARY:
        if (run / name).is_file():
            text = (run / name).read_text(encoding="utf-8")
            # Where a value begins: of `start_from: /home/ana/project/runs/a`, `runs/a` is true on any machine.
            text = text.replace(f": {Path.cwd()}{os.sep}", ": ")
            (target / name).write_text(text, encoding="utf-8")


def _differences(kept: configs.Config, asked: configs.Config) -> list[str]:
    """Names of config fields in which two configurations differ."""
    different = [name for name in configs.different(kept, asked) if name not in configs.WITHOUT_EFFECT]
    # A run stores the absolute paths of folders.
    for name in set(different).intersection(configs.PLACES):
        place = configs.get(asked, name)
        if isinstance(place, str) and configs.get(kept, name) == os.path.abspath(os.path.expanduser(place)):
            different.remove(name)
    # It stores the form of the relation scores that its types need.
    if "model.relation_projection" in different and asked.model.relation_projection == "auto":
        different.remove("model.relation_projection")
    # And the number of epochs that its sentences need.
    if "training.epochs" in different and not asked.training.epochs:
        different.remove("training.epochs")
    return different
