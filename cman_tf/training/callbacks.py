"""Keras callbacks by name, `training.callbacks`: experiment trackers. Each is imported only when it is named."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import failed, optional
from cman_tf.files import atomic_write
from cman_tf.version import __version__

if TYPE_CHECKING:
    from cman_tf.training.run import Run


def check(config: configs.Config) -> None:
    """Check before a training that its callbacks can work.

    Raises:
        InputError: if a package is missing, or MLflow's server or folder cannot be reached.
    """
    if "mlflow" in config.training.callbacks:
        mlflow = optional("mlflow", "mlflow")
        with _reaching(mlflow):
            mlflow.MlflowClient().search_experiments(max_results=1)


@contextlib.contextmanager
def made(run: Run | None) -> Iterator[list[tf.keras.callbacks.Callback]]:
    """The callbacks that a run's configuration names, for one call of Keras's `fit`; none without a run.

    Raises:
        InputError: see `check`.
    """
    found = [_MAKERS[name](run) for name in run.config().training.callbacks] if run else []
    try:
        yield found
    except BaseException as error:
        for callback in found:
            if isinstance(callback, MlflowTracker):
                callback.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise


class MlflowTracker(tf.keras.callbacks.Callback):
    """Logs a training to MLflow: configuration, losses and dev scores of each epoch, path of the run folder.

    The server or folder is the one of MLflow's own settings, such as the variables `MLFLOW_TRACKING_URI` and
    `MLFLOW_EXPERIMENT_NAME`. The run folder stores the id of MLflow's run in `mlflow.json`, so that a resumed training
    continues it. A failure after the beginning is reported as a warning and does not end the training.

    Args:
        run: `Run`.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.mlflow = optional("mlflow", "mlflow")
        self.client = self.mlflow.MlflowClient()
        self.id = ""

    def on_train_begin(self, logs: Any = None) -> None:
        """Start a run in MLflow, or continue it."""
        path = self.run.path / "mlflow.json"
        with _reaching(self.mlflow):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, self.mlflow.exceptions.MlflowException):
                # A run that was deleted, or is not on this server, is created anew.
                found = str(json.loads(path.read_text(encoding="utf-8"))["run_id"])
                self.client.update_run(found, status="RUNNING")
                self.id = found
            if not self.id:
                self._create()
        with atomic_write(path) as file:
            json.dump({"run_id": self.id, "tracking_uri": self.mlflow.get_tracking_uri()}, file)

    def _create(self) -> None:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "Default")
        known = self.client.get_experiment_by_name(name)
        experiment = os.environ.get("MLFLOW_EXPERIMENT_ID")
        experiment = experiment or (known.experiment_id if known else self.client.create_experiment(name))
        folder = os.path.abspath(self.run.path)
        tags = {"run_folder": folder, "cman_tf": __version__}
        self.id = self.client.create_run(experiment, run_name=self.run.path.name, tags=tags).info.run_id
        config = self.run.config()
        values = {name: configs.get(config, name) for name, *_ in configs.all_fields()}
        for name, value in {**values, "run_folder": folder}.items():
            text = value if isinstance(value, str) else json.dumps(value)
            # Earlier versions of MLflow refuse longer values.
            self.client.log_param(self.id, name, text[:500])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the losses and the dev scores of an epoch."""
        now = int(time.time() * 1000)
        metrics = [
            self.mlflow.entities.Metric(name, float(value), now, epoch + 1) for name, value in (logs or {}).items()
        ]
        self._send(lambda: self.client.log_batch(self.id, metrics=metrics))

    def on_train_end(self, logs: Any = None) -> None:
        """End the run in MLflow."""
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """End the run in MLflow, if it was begun, with one of MLflow's states."""
        if self.id:
            self._send(lambda: self.client.set_terminated(self.id, status))

    def _send(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except self.mlflow.exceptions.MlflowException as error:
            logging.getLogger(__name__).warning("MLflow: %s", _sentence(error))


@contextlib.contextmanager
def _reaching(mlflow: Any) -> Iterator[None]:
    try:
        yield
    except mlflow.exceptions.MlflowException as error:
        raise failed("write to MLflow at", mlflow.get_tracking_uri(), ValueError(_sentence(error))) from None


def _sentence(error: Exception) -> str:
    """The first sentence of a message of MLflow, which may be a paragraph."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0]


def _tensorboard(run: Run) -> tf.keras.callbacks.Callback:
    """Histograms of the weights after each epoch; the run folder's `logs/` has the losses and scores anyway."""
    return tf.keras.callbacks.TensorBoard(str(run.logs / "keras"), histogram_freq=1, write_graph=False)


_MAKERS: dict[str, Callable[[Run], tf.keras.callbacks.Callback]] = {
    "mlflow": MlflowTracker,
    "tensorboard": _tensorboard,
}
