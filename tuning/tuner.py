"""Runs the trials of a search and reports on them."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.errors import WriteError, printable
from cman_tf.files import atomic_write
from cman_tf.training.memory import peak_bytes
from tuning.folder import check_there
from tuning.keras2 import keras_tuner
from tuning.outcome import COSTS, reason

if TYPE_CHECKING:
    from tuning.hypermodel import CmanHyperModel


class CmanTuner(keras_tuner.Tuner):
    """Runs the trials of an oracle, and prints the score of each and the remaining time.

    A trial that Hyperband promotes to more epochs trains from scratch: the learning rate falls over the whole training,
    so resuming a shorter one would be a different training.

    Args:
        oracle: oracle from `make_oracle`.
        hypermodel: `CmanHyperModel`.
        deadline: float or None. Time of `time.monotonic` after which no trial starts.
        **options: of `keras_tuner.Tuner`: `directory`, `project_name`, `max_model_size`.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        hypermodel: CmanHyperModel,
        deadline: float | None = None,
        **options: Any,
    ) -> None:
        self.deadline = deadline
        self.durations: list[float] = []
        self.end: float | None = None
        super().__init__(oracle=oracle, hypermodel=hypermodel, **options)

    def pre_create_trial(self) -> None:
        """Wait a moment, because Keras Tuner asks an idle oracle again at once; check that the folder is there."""
        time.sleep(0.1)
        check_there(self.directory)

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Train a trial in its folder; returns its scores, see `CmanHyperModel.fit`."""
        try:
            model = self._try_build(trial.hyperparameters)
            return self.hypermodel.fit(trial.hyperparameters, model, folder=self.get_trial_dir(trial.trial_id))
        finally:
            try:
                check_there(self.directory)
            except WriteError as error:  # not the trial's fault
                raise keras_tuner.errors.FatalError(str(error)) from None

    def on_trial_begin(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Print which trial starts, and start its clock."""
        # From the end of the previous trial, so that the time between trials counts.
        self.start = self.end or time.perf_counter()
        self.hypermodel.training_seconds = 0.0
        epochs = self.hypermodel.config(trial.hyperparameters).training.epochs
        print(f"trial {trial.trial_id}: {epochs} epochs")

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        """Write duration and memory of the trial; print its score and the remaining time."""
        super().on_trial_end(trial)
        self.end = time.perf_counter()
        seconds = self.end - self.start
        self.durations.append(seconds)
        with atomic_write(Path(self.get_trial_dir(trial.trial_id)) / COSTS) as file:
            peak = peak_bytes() / 2**20
            costs = {"seconds": seconds, "training_seconds": self.hypermodel.training_seconds, "peak_memory_mb": peak}
            json.dump(costs, file)
        trial = self.oracle.get_trial(trial.trial_id)
        if trial.score is None:
            print(f"trial {trial.trial_id}: failed. {printable(reason(trial.message))}")
        else:
            best = self.oracle.get_best_trials(1)[0]
            print(
                f"trial {trial.trial_id}: {self.oracle.objective.name} {100 * trial.score:.2f}, best so far "
                f"{100 * best.score:.2f} (trial {best.trial_id}); {seconds:.0f} s; {self._left()}"
            )

    def _left(self) -> str:
        # Only the chief knows the number of trials.
        trials = getattr(self.oracle, "trials", None)
        texts = []
        if trials is not None and self.oracle.max_trials:
            rest = max(self.oracle.max_trials - len(trials), 0) * sum(self.durations) / len(self.durations)
            texts.append(f"about {datetime.timedelta(seconds=round(rest))} left")
        if self.deadline is not None:
            texts.append(f"{datetime.timedelta(seconds=max(round(self.deadline - time.monotonic()), 0))} of the budget")
        return ", ".join(texts) or "the chief decides what is left"
