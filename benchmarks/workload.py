"""The training task of both builds: the paper's sizes, sentences of CoNLL04, batches of the project."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.corpus import conll04
from benchmarks.flops import step_flops
from benchmarks.plain_keras import PlainCman, plain_inputs
from cman_tf import config as configs
from cman_tf.data.batches import training_batches
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.encoders.feature_store import FeatureStore
from cman_tf.model.assembly import build_cman
from cman_tf.training.trainer import adam

# Section 4.1 of the paper; the rest has the project's defaults.
PAPER = {
    "words.size": 50,
    "characters.size": 128,
    "model.hidden_size": 128,
    "model.bsa_units": 2,
    "training.batch_size": 16,
}

# Layers and width of the paper's contextual vectors, after mixing.
CONTEXTUAL = (1, 1024)


class RandomEncoder:
    """Encoder of random vectors for a feature store; speed does not depend on their values.

    Args:
        layers, width: int.
    """

    name = fingerprint = "random"

    def __init__(self, layers, width):
        self.layers, self.width = layers, width

    def __call__(self, tokens):
        return tf.random.normal([*tokens.shape, self.layers, self.width])


def _vectors(documents, shape, store):
    if store:
        return FeatureStore(RandomEncoder(*shape), store).vectors([document.tokens for document in documents])
    pool = np.random.default_rng(0).standard_normal([max(map(len, documents)), *shape]).astype(np.float16)
    return [pool[: len(document)] for document in documents]


class Workload:
    """A build of the network and a fixed sequence of training batches.

    Args:
        build: `"project"` or `"plain"`.
        adversarial: bool. Whether steps have the second, perturbed pass.
        steps: int or None. Number of batches, the first ones of epoch 0, the same for every build. Default: all.
        data_dir: str or None. Directory of CoNLL04, see `conll04`.
        contextual: tuple `(layers, width)` or None. Contextual vectors of each token. Default: the paper's.
        projection: int. Width of their projection; 0 for none, the paper's form.
        store: path or None. Folder of a feature store: vectors are read from it, and batches are made again in each
            pass, as in training. Default: all batches are in memory.
        precision: str. `training.precision` of the project's build. Default `float32`.

    Attributes:
        dataset: `tf.data.Dataset` of `(features, targets)` in the form that the build reads.
        steps: int. Number of batches.
        sentences: int. Number of sentences in all batches.
        flops: int. Operations of a pass over all batches, see `step_flops`; 0 if the vectors are not in the paper's
            form. It does not depend on the build.
    """

    def __init__(
        self,
        build,
        adversarial,
        steps,
        data_dir,
        contextual=CONTEXTUAL,
        projection=0,
        store=None,
        precision="float32",
    ):
        documents = conll04("train", data_dir)
        alpha = configs.Config().training.adversarial_alpha if adversarial else 0.0
        changes = {
            **PAPER,
            "training.adversarial_alpha": alpha,
            "training.precision": precision,
            "encoder.projection": projection,
        }
        self.build = build
        self.contextual = contextual
        self.config = configs.change(configs.Config(), changes)
        self.schema = Schema.of(documents)
        self.vocabulary, _ = Vocabulary.of(documents, self.config.words)
        self.featurizer = Featurizer(self.vocabulary, self.config.characters.max_length)
        dataset, epoch = training_batches(
            documents,
            self.schema,
            self.featurizer,
            self.config.training.batch_size,
            self.config.seed,
            contextual={"contextual_1": _vectors(documents, contextual, store)} if contextual else None,
        )
        self.steps = steps or epoch
        dataset = dataset.take(self.steps)
        self.sentences, self.flops = 0, 0
        for features, _ in dataset:
            self.sentences += len(features["lengths"])
            self.flops += self._flops(features) if contextual and not projection else 0
        if build == "plain":
            relations = len(self.schema.relation_types)
            dataset = dataset.map(lambda features, targets: plain_inputs(features, targets, relations))
        self.dataset = dataset if store else dataset.cache()
        for _ in self.dataset:  # fills the cache, because making batches must not be measured
            pass

    def _flops(self, features):
        return step_flops(
            self.config,
            features["lengths"].numpy().tolist(),
            np.count_nonzero(features["spellings"], axis=1).tolist(),
            tags=len(self.schema.tags),
            relations=len(self.schema.relation_types),
            characters=self.featurizer.num_characters,
            adversarial=self.config.training.adversarial_alpha > 0,
            contextual_width=self.contextual[1],
        )

    def make_step(self):
        """Build the network; returns the training step of `Model.fit`, a function `iterator -> {"loss": ...}`."""
        model = self._project() if self.build == "project" else self._plain()
        return model.make_train_function()

    def _project(self):
        model = build_cman(
            self.config,
            self.schema,
            num_trained_words=self.vocabulary.num_trained + 2,
            num_fixed_words=0,
            num_characters=self.featurizer.num_characters,
            contextual=[self.contextual] if self.contextual else [],
            precision=self.config.training.precision,
        )
        training = self.config.training
        optimizer = adam(training, training.learning_rate)
        model.compile(optimizer, adversarial_alpha=training.adversarial_alpha, clip_norm=training.clip_norm)
        return model

    def _plain(self):
        model = PlainCman(
            self.config, self.schema, self.vocabulary.num_trained + 2, self.featurizer.num_characters, CONTEXTUAL
        )
        training = self.config.training
        model.compile(tf.keras.optimizers.Adam(training.learning_rate, global_clipnorm=training.clip_norm))
        return model
