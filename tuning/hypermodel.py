"""Builds and trains the network of `cman fit` for Keras Tuner."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from cman_tf.config import change
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.encoders.combined import Encoders
from cman_tf.errors import InputError, WriteError
from cman_tf.model.network import Network
from cman_tf.stack import gradient_registry
from cman_tf.training.corpus import load_corpus, schema_of, training_data, with_epochs
from cman_tf.training.origin import fingerprint
from cman_tf.training.run import Run
from cman_tf.training.teaching import teacher_of
from cman_tf.training.trainer import Trainer, best_epoch
from tuning.keras2 import keras_tuner

if TYPE_CHECKING:
    import numpy as np

    from cman_tf.config.fields import Config, WordsConfig
    from cman_tf.model.cman import Cman
    from tuning.space import Space

_GRADIENTS = gradient_registry()


class CmanHyperModel(keras_tuner.HyperModel):
    """Builds and trains a CMAN with the hyper-parameters of a trial.

    The corpus is read once, without its test split. Word vectors and frozen encoders are loaded once for each choice
    of them; vectors of frozen encoders come from the feature store, which all trials share.

    Args:
        space: `Space`. The number of epochs of its `base` becomes that for the corpus, see `with_epochs`.

    Attributes:
        training_seconds: float. Duration of the last training.

    Raises:
        InputError: if the corpus cannot be read or has no dev split.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(name="cman")
        self.space = space
        base = space.base
        corpus = load_corpus(base, splits=("train",), unread=("test",))
        self.train, self.dev = training_data(change(base, {"protocol": "train"}), corpus)
        space.base = with_epochs(base, len(self.train))
        self.schema = schema_of(self.train, corpus)
        teacher_of(space.base, self.schema)  # raises before the first trial
        self.fingerprint = fingerprint(self.train, self.dev)
        self.training_seconds = 0.0
        self._gradients = set(_GRADIENTS)
        self._vocabularies: dict[WordsConfig, tuple[Vocabulary, np.ndarray | None]] = {}
        self._encoders: dict[tuple[str, ...], Encoders] = {}

    def build(self, hp: keras_tuner.HyperParameters) -> Cman:
        """The untrained `Cman` of a trial, the same that `cman fit` builds."""
        self.space.declare(hp)
        return self.network(self.config(hp)).model

    def config(self, hp: keras_tuner.HyperParameters) -> Config:
        """The trial's `Config`; Hyperband chooses its number of epochs."""
        return self.space.config(hp.values, hp.values.get("tuner/epochs"))

    def network(self, config: Config, model: Cman | None = None) -> Network:
        """The `Network` of a configuration.

        Args:
            config: `Config`.
            model: `Cman` of the same configuration, or None to build an untrained one.
        """
        vocabulary, vectors = self._vocabulary(config)
        config = config if vectors is None else change(config, {"words.size": vectors.shape[1]})
        encoders = self.encoders(config)
        if model is None:
            return Network.build(config, self.schema, vocabulary, encoders, vectors)
        featurizer = Featurizer(vocabulary, config.characters.max_length)
        return Network(config, self.schema, vocabulary, featurizer, model, encoders)

    def fit(self, hp: keras_tuner.HyperParameters, model: Cman, folder: str | Path, **kwargs: Any) -> dict[str, float]:
        """Train as `cman fit` does; resume a trial that was killed.

        Args:
            hp: `keras_tuner.HyperParameters`.
            model: `Cman` from `build`.
            folder: path. Folder of the trial; its run is in the subfolder `run`.
            **kwargs: ignored. Keras Tuner passes callbacks, but the run keeps its own history and best epoch.

        Returns:
            dict, see `scores_of`.

        Raises:
            keras_tuner.errors.FailedTrialError: if the loss is not finite, or memory does not suffice.
            keras_tuner.errors.FatalError: if a file cannot be written, which ends the search.
        """
        config, run = self.config(hp), Path(folder) / "run"
        try:
            history = self.train_run(config, run, model)
            Run(run).check_there()
        except WriteError as error:  # not the trial's fault: it is trained when the search is resumed
            raise keras_tuner.errors.FatalError(str(error)) from None
        except InputError as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200]
            raise keras_tuner.errors.FailedTrialError(f"Out of memory: {reason}") from None
        best = scores_of(history)
        self._record(config, run, hp.values, best)
        _shrink(run)
        return best

    def train_run(self, config: Config, folder: str | Path, model: Cman | None = None) -> list[dict[str, Any]]:
        """Train in a new run folder or resume the run in it; returns the rows of its history."""
        network = self.network(config, model)
        if (Path(folder) / "environment.json").is_file():
            run = Run.open(folder, trained=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            run = Run.create(folder, network, self.fingerprint)
        trainer = Trainer(run, network, self.train, self.dev)
        start = time.perf_counter()
        try:
            return trainer.fit()
        finally:
            self.training_seconds = time.perf_counter() - start
            self._free_graphs()

    def _free_graphs(self) -> None:
        """Free the graphs of a trial.

        TensorFlow keeps the gradient of every `tf.custom_gradient` of a graph in a global table, and with it the whole
        graph: hundreds of megabytes for each trial.
        """
        tf.keras.backend.clear_session()
        for name in set(_GRADIENTS) - self._gradients:
            if name.startswith("CustomGradient-"):
                del _GRADIENTS[name]
        gc.collect()

    def encoders(self, config: Config) -> Encoders | None:
        """`Encoders` of a configuration: frozen ones are loaded once, trainable ones again for each trial."""
        names = config.encoder.modules
        if not names:
            return None
        if config.encoder.trainable:
            return Encoders(names)
        if names not in self._encoders:
            self._encoders[names] = Encoders(names)
        return self._encoders[names]

    def _vocabulary(self, config: Config) -> tuple[Vocabulary, np.ndarray | None]:
        if config.words not in self._vocabularies:
            self._vocabularies[config.words] = Vocabulary.of(self.train, config.words)
        return self._vocabularies[config.words]

    def _record(self, config: Config, folder: Path, values: Mapping[str, Any], best: Mapping[str, float]) -> None:
        """Write the trial's values and scores for TensorBoard's HParams page."""
        shown = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        with tf.summary.create_file_writer(str(folder / "logs")).as_default():
            hparams.hparams(shown, trial_id=folder.parent.name)
            for name, value in best.items():
                tf.summary.scalar(name, value, step=config.training.epochs)


def scores_of(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Scores of the epoch whose weights `Trainer` keeps: dict of float, `val_f1`, `val_ner_f1` and `val_re_f1`."""
    row = best_epoch(history)
    entities, relations = row["dev_ner_f1"], row["dev_re_f1"]
    return {"val_f1": (entities + relations) / 2, "val_ner_f1": entities, "val_re_f1": relations}


def _shrink(folder: Path) -> None:
    """Remove the weights of a trial, which are not used again; keep its configuration, history and logs."""
    for name in ("weights.h5", "labels.json", "environment.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("vocabulary", "checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)
