"""The network of `cman_tf.fit`, as Keras Tuner asks for it."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from cman_tf.config import change
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.encoders.combined import Encoders
from cman_tf.errors import InputError
from cman_tf.model.network import Network
from cman_tf.stack import gradient_registry
from cman_tf.training.corpus import load_corpus, schema_of, training_data
from cman_tf.training.origin import fingerprint
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer, best_epoch
from tuning.keras2 import keras_tuner

if TYPE_CHECKING:
    import numpy as np

    from cman_tf.config.fields import Config, WordsConfig
    from cman_tf.model.cman import Cman
    from tuning.space import Space

_GRADIENTS = gradient_registry()


class CmanHyperModel(keras_tuner.HyperModel):
    """Builds and trains a CMAN for the values of a trial.

    The sentences are read once, the test split not at all. Word vectors and encoders are loaded once for each choice
    of them; vectors of frozen encoders come from the feature store, which all trials share.

    Args:
        space: `Space`.
        tell: callable, str -> None, for what a person should read. Default: print.

    Attributes:
        training_seconds: float. How long the last training took.

    Raises:
        InputError: the corpus cannot be read or has no dev split.
    """

    def __init__(self, space: Space, tell: Callable[[str], object] = print) -> None:
        super().__init__(name="cman")
        self.space = space
        self.tell = tell
        base = space.base
        corpus = load_corpus(base, splits=("train",), unread=("test",))
        self.train, self.dev = training_data(change(base, {"protocol": "train"}), corpus)
        self.schema = schema_of(self.train, corpus)
        self.fingerprint = fingerprint(self.train, self.dev)
        self.training_seconds = 0.0
        self._gradients = set(_GRADIENTS)
        self._vocabularies: dict[WordsConfig, tuple[Vocabulary, np.ndarray | None]] = {}
        self._encoders: dict[tuple[str, ...], Encoders] = {}

    def build(self, hp: keras_tuner.HyperParameters) -> Cman:
        """The untrained network of a trial's values: `Cman`, the same that `fit` builds."""
        self.space.declare(hp)
        return self.network(self.config(hp)).model

    def config(self, hp: keras_tuner.HyperParameters) -> Config:
        """The trial's `Config`; Hyperband says how many epochs it has."""
        return self.space.config(hp.values, hp.values.get("tuner/epochs"))

    def network(self, config: Config, model: Cman | None = None) -> Network:
        """The untrained `Network` of a configuration, its word vectors in place; or that of a model built earlier."""
        vocabulary, vectors = self._vocabulary(config)
        config = config if vectors is None else change(config, {"words.size": vectors.shape[1]})
        encoders = self.encoders(config)
        if model is None:
            return Network.build(config, self.schema, vocabulary, encoders, vectors)
        featurizer = Featurizer(vocabulary, config.characters.max_length)
        return Network(config, self.schema, vocabulary, featurizer, model, encoders)

    def fit(self, hp: keras_tuner.HyperParameters, model: Cman, folder: str | Path, **kwargs: Any) -> dict[str, float]:
        """Train as `cman_tf.fit` does; go on where a killed trial stopped.

        Args:
            hp: `keras_tuner.HyperParameters`.
            model: `Cman`, as from `build`.
            folder: path. The trial's; its run lies in it.
            **kwargs: for Keras Tuner's callbacks, which have no use here: the run keeps history and best epoch.

        Returns:
            dict of float: `val_f1`, `val_ner_f1`, `val_re_f1` of the best epoch, which is the one with the highest
            mean of both.

        Raises:
            keras_tuner.errors.FailedTrialError: the loss is no number, or memory does not suffice.
        """
        config = self.config(hp)
        try:
            history = self.train_run(config, Path(folder) / "run", model)
        except InputError as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200]
            raise keras_tuner.errors.FailedTrialError(f"Memory must suffice. Received: {reason}") from None
        best = scores_of(history)
        self._record(config, Path(folder) / "run", hp.values, best)
        _shrink(Path(folder) / "run")
        return best

    def train_run(self, config: Config, folder: str | Path, model: Cman | None = None) -> list[dict[str, Any]]:
        """Train in a run folder, new or begun: the rows of its history."""
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
        """Let go of what a trial traced. TensorFlow keeps the gradient of every `tf.custom_gradient` that a graph holds
        in a table, by a name of its own, and with it the graph: hundreds of megabytes a trial."""
        tf.keras.backend.clear_session()
        for name in set(_GRADIENTS) - self._gradients:
            if name.startswith("CustomGradient-"):
                del _GRADIENTS[name]
        gc.collect()

    def encoders(self, config: Config) -> Encoders | None:
        """`Encoders` of a configuration, loaded once; trained ones anew, for a trial changes their weights."""
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
        """What TensorBoard's HParams page shows of the trial."""
        shown = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        with tf.summary.create_file_writer(str(folder / "logs")).as_default():
            hparams.hparams(shown, trial_id=folder.parent.name)
            for name, value in best.items():
                tf.summary.scalar(name, value, step=config.training.epochs)


def scores_of(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """`val_f1`, `val_ner_f1`, `val_re_f1` of the epoch that `Trainer` keeps, a dict."""
    row = best_epoch(history)
    entities, relations = row["dev_ner_f1"], row["dev_re_f1"]
    return {"val_f1": (entities + relations) / 2, "val_ner_f1": entities, "val_re_f1": relations}


def _shrink(folder: Path) -> None:
    """Keep configuration, history and logs of a trial: its weights are not used again."""
    for name in ("weights.h5", "labels.json", "environment.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("vocabulary", "checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)
