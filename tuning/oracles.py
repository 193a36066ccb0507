"""Keras Tuner's oracles, which choose the trials, with atomic files, a time limit and lost workers."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any

from cman_tf.files import atomic_write
from tuning.keras2 import keras_tuner


class Durable:
    """Mixin that lets an oracle of Keras Tuner survive killed processes.

    Files are written atomically, so that a killed search can be resumed. After `deadline` (of `time.monotonic`) no new
    trial starts. A worker waits while other workers have trials, because it may have to repeat one of a lost worker.
    """

    deadline: float | None = None

    # Attributes of the oracle, for the type checker.
    trials: dict[str, Any]
    ongoing_trials: dict[str, Any]
    tuner_ids: set[str]
    get_state: Callable[[], dict[str, Any]]
    _retry_queue: list[str]
    _get_oracle_fname: Callable[[], str]
    _get_trial_dir: Callable[[str], str]

    def save(self) -> None:
        """Write the state of the search."""
        with atomic_write(self._get_oracle_fname()) as file:
            json.dump(self.get_state(), file)

    def _save_trial(self, trial: keras_tuner.engine.trial.Trial) -> None:
        with atomic_write(f"{self._get_trial_dir(trial.trial_id)}/trial.json") as file:
            json.dump(trial.get_state(), file)

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> keras_tuner.engine.trial.Trial:
        """Next trial of a worker; status IDLE means that it should wait, STOPPED that it should exit."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        if late and tuner_id not in self.ongoing_trials:
            self.max_trials = len(self.trials)
            self._retry_queue.clear()
        trial = super().create_trial(tuner_id)  # type: ignore[misc]
        if trial.status == keras_tuner.engine.trial.TrialStatus.STOPPED and set(self.ongoing_trials) - {tuner_id}:
            self.tuner_ids.add(tuner_id)
            trial.status = keras_tuner.engine.trial.TrialStatus.IDLE
        return trial

    @keras_tuner.synchronized
    def give_back(self, tuner_id: str) -> str | None:
        """Queue the trial of a lost worker again.

        Returns:
            str, id of the trial, or None if the worker had none.
        """
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return None
        self._retry_queue.append(trial.trial_id)
        self.save()
        return trial.trial_id


class DurableGrid(Durable, keras_tuner.oracles.GridSearchOracle):
    """Grid search that can be resumed; Keras Tuner's own forgets which combinations were tried."""

    def reload(self) -> None:
        """Read the state of a search and restore the order of its combinations."""
        super().reload()

        def compare(one: str, other: str) -> int:
            return self._compare(*(self.trials[name].hyperparameters.values for name in (one, other)))

        previous = None
        for name in sorted(self.start_order, key=functools.cmp_to_key(compare)):
            self._ordered_ids.insert(name, previous)
            previous = name
        # Keras Tuner skips those whose next combination was tried.
        self._populate_next = list(self.start_order)


def make_oracle(
    kind: str, objective: str, max_trials: int, max_epochs: int, hyperparameters: keras_tuner.HyperParameters, seed: int
) -> keras_tuner.Oracle:
    """Make a `Durable` oracle.

    Args:
        kind: str, one of `tuning.TUNERS`.
        objective: str, one of `tuning.OBJECTIVES`; it is maximized.
        max_trials: int.
        max_epochs: int. Largest number of epochs in Hyperband.
        hyperparameters: `keras_tuner.HyperParameters`, the whole space.
        seed: int.
    """
    oracles = keras_tuner.oracles
    base, options = {
        # As many brackets as `max_trials` allows.
        "hyperband": (oracles.HyperbandOracle, {"max_epochs": max_epochs, "hyperband_iterations": 1000, "seed": seed}),
        "bayesian": (oracles.BayesianOptimizationOracle, {"max_trials": max_trials, "seed": seed}),
        "random": (oracles.RandomSearchOracle, {"max_trials": max_trials, "seed": seed}),
        "grid": (DurableGrid, {"max_trials": max_trials}),
    }[kind]
    options["objective"] = keras_tuner.Objective(objective, "max")
    options["hyperparameters"] = hyperparameters
    # A few failed trials must not end a search, but a space in which all trials fail must.
    options["max_consecutive_failed_trials"] = 10
    if not issubclass(base, Durable):
        base = type(f"Durable{base.__name__}", (Durable, base), {})
    oracle = base(**options)
    # Hyperband does not take this as an argument, but respects it.
    oracle.max_trials = max_trials
    oracle.verbose = 0
    return oracle
