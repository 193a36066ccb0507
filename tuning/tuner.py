"""The loop over trials."""

from __future__ import annotations

import datetime
import time

import keras_tuner

from tuning.outcome import reason


class CmanTuner(keras_tuner.Tuner):
    """Runs the trials of an oracle; says what each gave and how long the rest will take.

    A trial trains from scratch also where Hyperband promotes it to more epochs: the learning rate falls over the whole
    of a training, so that going on with a shorter one would be another training.

    Args:
        oracle: an oracle of `make_oracle`.
        hypermodel: `CmanHyperModel`.
        tell: callable, str -> None.
        deadline: float or None, of `time.monotonic`.
        **options: for `keras_tuner.Tuner`: `directory`, `project_name`, `max_model_size`.
    """

    def __init__(self, oracle, hypermodel, tell=print, deadline=None, **options):
        self.tell = tell
        self.deadline = deadline
        self.durations = []
        super().__init__(oracle=oracle, hypermodel=hypermodel, **options)

    def pre_create_trial(self):
        # An oracle that has to wait for others is asked again at once.
        time.sleep(0.1)

    def run_trial(self, trial, *args, **kwargs):
        model = self._try_build(trial.hyperparameters)
        return self.hypermodel.fit(trial.hyperparameters, model, folder=self.get_trial_dir(trial.trial_id))

    def on_trial_begin(self, trial):
        self.start = time.perf_counter()
        epochs = self.hypermodel.config(trial.hyperparameters).training.epochs
        self.tell(f"trial {trial.trial_id}: {epochs} epochs")

    def on_trial_end(self, trial):
        seconds = time.perf_counter() - self.start
        self.durations.append(seconds)
        super().on_trial_end(trial)
        trial = self.oracle.get_trial(trial.trial_id)
        if trial.score is None:
            self.tell(f"trial {trial.trial_id}: failed. {reason(trial.message)}")
        else:
            best = self.oracle.get_best_trials(1)[0]
            self.tell(
                f"trial {trial.trial_id}: {self.oracle.objective.name} {100 * trial.score:.2f}, best so far "
                f"{100 * best.score:.2f} (trial {best.trial_id}); {seconds:.0f} s; {self._left()}"
            )

    def _left(self):
        # A worker does not know how many trials there are; the chief does.
        trials = getattr(self.oracle, "trials", None)
        texts = []
        if trials is not None and self.oracle.max_trials:
            rest = max(self.oracle.max_trials - len(trials), 0) * sum(self.durations) / len(self.durations)
            texts.append(f"about {datetime.timedelta(seconds=round(rest))} left")
        if self.deadline is not None:
            texts.append(f"{datetime.timedelta(seconds=max(round(self.deadline - time.monotonic()), 0))} of the budget")
        return ", ".join(texts) or "as many as the chief gives"
