"""The loop over epochs: train, score the dev split, keep the best weights, checkpoint."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from cman_tf.data.batches import training_batches
from cman_tf.encoders.feature_store import stored_vectors
from cman_tf.errors import InputError, WriteError
from cman_tf.evaluation.scorer import score
from cman_tf.model.step import MOST_CELLS
from cman_tf.predictor import Predictor
from cman_tf.training.averaging import WeightAverage
from cman_tf.training.callbacks import made
from cman_tf.training.distribution import distributed, is_chief
from cman_tf.training.fine_tuning import FineTuning
from cman_tf.training.schedule import Schedule
from cman_tf.training.teaching import soft_targets, teacher_of

if TYPE_CHECKING:
    from cman_tf.config.fields import TrainingConfig
    from cman_tf.data.document import Document
    from cman_tf.encoders.feature_store import StoredVectors
    from cman_tf.model.network import Network
    from cman_tf.training.progress import TrainingProgress
    from cman_tf.training.run import Run


class Trainer:
    """Trains the network of a run folder, from the start or from its last checkpoint.

    After each epoch the dev split is scored and, if the mean of its entity and relation F1 (strict micro) is the
    highest so far, `weights.h5` is replaced. Without dev sentences (protocol train+dev) the last epoch is kept. The
    order of sentences depends on seed and epoch alone and random states are in the checkpoint, so a resumed training
    ends with the weights of an uninterrupted one.

    With a mixed `training.precision`, steps use a copy of the network's model in that precision. Its weights are copied
    back at the end of each epoch, so the dev split is scored in float32, as in every evaluation.

    Args:
        run: `Run`, a folder that was begun with `Run.create`.
        network: `Network`. Frozen encoders fill the feature store before the first step; encoders that are trained are
            part of each step.
        train: sequence of `Document`.
        dev: sequence of `Document`, empty for none.
        progress: object with the methods of `TrainingProgress`, called during training, or None.
        strategy: `tf.distribute.Strategy` or None. The network and the trainer must be created in its scope.
        allow_encoders: sequence of str. For the teacher, see `Run`.

    Raises:
        InputError: if encoders are to be trained on several devices.
    """

    def __init__(
        self,
        run: Run,
        network: Network,
        train: Sequence[Document],
        dev: Sequence[Document],
        progress: TrainingProgress | None = None,
        strategy: tf.distribute.Strategy | None = None,
        allow_encoders: Sequence[str] = (),
    ) -> None:
        self.run = run
        self.network = network
        self.allow_encoders = allow_encoders
        self.config = config = network.config
        self.model = model = network.trained_model()
        self.train = train
        self.dev = dev
        self.progress = progress
        encoders = network.encoders
        self.strategy = strategy
        if strategy and encoders and config.encoder.trainable:
            raise InputError("`encoder.trainable` requires `--strategy none`: encoders are trained on one device")
        training = config.training
        self.steps = -(-len(train) // training.batch_size)
        self.optimizer = adam(training, Schedule.of(training, self.steps, training.learning_rate))
        state: dict[str, Any] = {}
        self.fine_tuning = FineTuning(encoders, config, self.steps) if encoders and config.encoder.trainable else None
        encoder_variables = self.fine_tuning.variables if self.fine_tuning else []
        if self.fine_tuning:
            state = {
                "encoders": encoder_variables,
                "encoder_optimizers": self.fine_tuning.optimizers,
                "encoder_random_state": self.fine_tuning.random_state,
            }
        model.compile(
            self.optimizer,
            adversarial_alpha=training.adversarial_alpha,
            clip_norm=training.clip_norm,
            micro_batch=training.micro_batch,
            most_cells=most_cells(train, training.batch_size * (2 if training.joined else 1)),
            relation_negatives=training.relation_negatives,
            joined=training.joined,
            soft_targets=bool(training.teacher),
            seed=config.seed,
            fine_tuning=self.fine_tuning,
        )
        if training.average_decay:
            weights = model.trainable_weights + encoder_variables
            state["average"] = WeightAverage(weights, training.average_decay)
        self.average = state.get("average")
        self.predictor = Predictor(network)
        self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.history: list[dict[str, Any]] = []
        self.summaries: Any = None
        self.checkpoints = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=model, optimizer=self.optimizer, epoch=self.epoch, **state),
            str(run.checkpoints),
            max_to_keep=1,
        )

    def fit(self, callbacks: Sequence[tf.keras.callbacks.Callback] = ()) -> list[dict[str, Any]]:
        """Train to the last epoch; epochs that an interrupted call finished are not repeated.

        Args:
            callbacks: Keras callbacks, called with `loss`, `ner_loss`, `re_loss`, `val_ner_f1`, `val_re_f1`, `val_f1`,
                in addition to those of the field `training.callbacks`.

        Returns:
            list of dicts, the rows of `history.csv`.

        Raises:
            InputError: if the loss is not a finite number, or the run folder cannot be written or read.
        """
        self._restore()
        first, last = int(self.epoch.numpy()), self.config.training.epochs
        if first < last:
            with self._files():
                self.summaries = tf.summary.create_file_writer(str(self.run.logs))
            if self.progress:
                started = self.config.start_from is not None
                self.progress.begin(len(self.train), len(self.dev), self.network.schema, self.steps, started)
            teacher = teacher_of(self.config, self.network.schema, self.allow_encoders)
            soft = soft_targets(teacher, self.train, self.config) if teacher else None
            train_vectors = self._stored(self.train)
            if self.fine_tuning:
                from cman_tf.encoders.feature_store import FeatureStore
                store = FeatureStore(self.network.encoders.encoders[1], self.config.encoder.store, self.config.encoder.store_gb)
                train_vectors = {"contextual_2": store.vectors([d.tokens for d in self.train])}

            def make_dataset(**parts: Any) -> tf.data.Dataset:
                return training_batches(
                    self.train,
                    self.network.schema,
                    self.network.featurizer,
                    self.config.training.batch_size,
                    self.config.seed,
                    first_epoch=first,
                    contextual=train_vectors,
                    keep_tokens=bool(self.fine_tuning),
                    soft_targets=soft,
                    **parts,
                )[0]

            self.dev_vectors = self._stored(self.dev)
            with made(self.run if is_chief(self.strategy) else None) as named:
                self.model.fit(
                    distributed(self.strategy, make_dataset),
                    initial_epoch=first,
                    epochs=last,
                    steps_per_epoch=self.steps,
                    verbose=0,
                    callbacks=[_EpochEnd(self), *named, *callbacks],
                )
        elif self.progress:
            self.progress.complete()
        self.run.remove_checkpoints()
        return self.history

    def _stored(self, documents: Sequence[Document]) -> dict[str, StoredVectors] | None:
        """Stored vectors of frozen encoders, by the name of their input; None without such encoders."""
        return stored_vectors(self.network.encoders, self.config.encoder, documents)

    def _restore(self) -> None:
        history = self.run.history()
        if self.checkpoints.latest_checkpoint:
            with self._files():
                self.checkpoints.restore_or_initialize()
            # After a kill the history may be one epoch ahead of the checkpoint; that epoch is repeated.
            self.history = history[: int(self.epoch.numpy())]
        elif self.run.finished():
            self.epoch.assign(len(history))
            self.history = history

    @contextlib.contextmanager
    def _files(self) -> Iterator[None]:
        """Turn TensorFlow's file errors into `WriteError`."""
        try:
            yield
        except (tf.errors.OpError, IndexError) as error:  # IndexError: a truncated checkpoint
            # Without the name of the operation.
            reason = re.sub(r"^\{\{.*?\}\} | \[Op:.*", "", getattr(error, "message", str(error)))
            raise WriteError(f"Cannot read or write the checkpoints of {self.run.path}: {reason}") from None

    def end_epoch(self, epoch: int, logs: dict[str, float], seconds: float) -> tuple[dict[str, Any], bool]:
        """Score, record and save one finished epoch; adds dev scores to `logs`."""
        if not all(map(_finite, logs.values())):
            raise InputError(
                f"The loss must stay a number; try a lower --training.learning_rate. Received: {logs['loss']} in epoch "
                f"{epoch + 1}"
            )
        self.run.check_there()
        if self.average:
            self.average.swap()
        self.network.take_weights(self.model)
        row: dict[str, Any] = {
            "epoch": epoch + 1,
            **{name: float(logs[name]) for name in ("loss", "ner_loss", "re_loss")},
        }
        row["dev_ner_f1"] = row["dev_re_f1"] = None
        if self.dev:
            scores = score(self.dev, self.predictor.extract(self.dev, contextual=self.dev_vectors))["strict"]["micro"]
            row["dev_ner_f1"], row["dev_re_f1"] = scores["entities"]["f1"], scores["relations"]["f1"]
            logs["val_ner_f1"], logs["val_re_f1"] = row["dev_ner_f1"], row["dev_re_f1"]
            logs["val_f1"] = (row["dev_ner_f1"] + row["dev_re_f1"]) / 2
        row["sentences_per_second"] = len(self.train) / seconds
        self.history.append(row)
        is_best = best_epoch(self.history) is row if self.dev else epoch + 1 == self.config.training.epochs
        if is_best:
            self.run.save_weights(self.network)
        if self.average:
            self.average.swap()
        self.run.save_history(self.history)
        self.epoch.assign(epoch + 1)
        with self._files():
            with self.summaries.as_default():
                for name, value in row.items():
                    if value is not None and name != "epoch":
                        tf.summary.scalar(name, value, step=epoch + 1)
            self.checkpoints.save()
        return row, is_best


class _EpochEnd(tf.keras.callbacks.Callback):
    """Calls the trainer from one call of Keras's `fit`."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.trainer = trainer
        self.durations: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.trainer.average:
            self.trainer.average.update()
        if self.trainer.progress:
            self.trainer.progress.step(self.trainer.steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        trainer = self.trainer
        row, is_best = trainer.end_epoch(epoch, logs, time.perf_counter() - self.start)
        self.durations.append(time.perf_counter() - self.start)
        if trainer.progress:
            # The first epoch includes the tracing and is too long an estimate.
            typical = min(self.durations[-3:])
            trainer.progress.epoch(row, is_best, typical * (trainer.config.training.epochs - epoch - 1))


def adam(training: TrainingConfig, rate: float | Schedule) -> tf.keras.optimizers.legacy.Optimizer:
    """Adam optimizer, with loss scaling if `training.precision` is mixed_float16."""
    # The legacy optimizer updates a weight in one fused kernel; the newer one takes a dozen operations for each.
    optimizer = tf.keras.optimizers.legacy.Adam(rate)
    if training.precision == "mixed_float16":
        # The loss is summed over the pairs of a sentence: Keras's initial scale, 2 ** 15, overflows in the first steps.
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer, initial_scale=2**6)
    return optimizer


def most_cells(train: Sequence[Document], batch_size: int) -> int:
    """`MOST_CELLS` if a batch can have more token pairs, else 0: no limit, and no loop in the graph of a step."""
    return MOST_CELLS if batch_size * max(map(len, train)) ** 2 > MOST_CELLS else 0


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")


def best_epoch(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The row of a history whose weights are kept: the first with the highest sum of both dev scores."""
    return max(history, key=lambda row: row["dev_ner_f1"] + row["dev_re_f1"])
