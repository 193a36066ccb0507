"""A network and everything that belongs to it, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cman_tf.data import rules
from cman_tf.data.featurizer import Featurizer
from cman_tf.model.assembly import build_cman, resolved

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.schema import Schema
    from cman_tf.data.vocabulary import Vocabulary
    from cman_tf.encoders.combined import Encoders
    from cman_tf.model.calibration import Calibration
    from cman_tf.model.cman import Cman


@dataclass(frozen=True)
class Network:
    """A network for training, evaluation, prediction, inspection and export.

    Args:
        config: `Config`.
        schema: `Schema`.
        vocabulary: `Vocabulary`.
        featurizer: `Featurizer`.
        model: `Cman`.
        encoders: `Encoders`, or None without contextual encoders.
        calibration: `Calibration`, or None if no thresholds were fitted.
    """

    config: Config
    schema: Schema
    vocabulary: Vocabulary
    featurizer: Featurizer
    model: Cman
    encoders: Encoders | None = None
    calibration: Calibration | None = None

    @classmethod
    def build(
        cls,
        config: Config,
        schema: Schema,
        vocabulary: Vocabulary,
        encoders: Encoders | None = None,
        vectors: np.ndarray | None = None,
    ) -> Network:
        """Build a network with untrained weights.

        Args:
            config: `Config`. The network's has another `relation_projection` instead of `auto`.
            schema, vocabulary, encoders: see the class.
            vectors: float32 `(words, size)` or None. Pretrained word vectors. Rows of nan, for words without
                a pretrained vector, keep their random values.

        Returns:
            `Network`.

        Raises:
            InputError: if `decoding.rules` has an unknown rule or names an unknown type.
        """
        config = resolved(config, schema)
        rules.parse(config.decoding.rules, schema.relation_types, schema.rules)
        featurizer = Featurizer(vocabulary, config.characters.max_length, config.words.dictionaries)
        model = _model(config, schema, vocabulary, featurizer, encoders)
        network = cls(config, schema, vocabulary, featurizer, model, encoders)
        if vectors is not None:
            network.start_vectors(vectors)
        return network

    def trained_model(self) -> Cman:
        """The model for training steps: `model`, or a copy of it in the precision of `training.precision`.

        Evaluation, prediction and export use `model`, which is always float32.
        """
        precision = self.config.training.precision
        if precision == "float32":
            return self.model
        copy = _model(self.config, self.schema, self.vocabulary, self.featurizer, self.encoders, precision)
        _copy_weights(self.model, copy)
        return copy

    def take_weights(self, trained: Cman) -> None:
        """Copy the weights of a `trained_model` to `model`."""
        if trained is not self.model:
            _copy_weights(trained, self.model)

    def start_vectors(self, vectors: np.ndarray) -> None:
        """Set the word embeddings to pretrained vectors, see `build`."""
        layer = self.model.token_embedding.get_layer("word_embedding")
        trained = layer.trained.numpy()
        given = vectors[: self.vocabulary.num_trained]
        trained[2:] = np.where(np.isnan(given), trained[2:], given)
        layer.trained.assign(trained)
        if layer.num_fixed:
            layer.fixed.assign(vectors[self.vocabulary.num_trained :].astype(np.float16))


def _model(
    config: Config,
    schema: Schema,
    vocabulary: Vocabulary,
    featurizer: Featurizer,
    encoders: Encoders | None,
    precision: str = "float32",
) -> Cman:
    return build_cman(
        config,
        schema,
        num_trained_words=vocabulary.num_trained + 2,
        num_fixed_words=len(vocabulary.words) - vocabulary.num_trained,
        num_characters=featurizer.num_characters,
        num_dictionary=2 * featurizer.dictionary.num_kinds if featurizer.dictionary else 0,
        contextual=[(item["layers"], item["width"]) for item in encoders.about] if encoders else (),
        precision=precision,
    )


def _copy_weights(source: Cman, target: Cman) -> None:
    # Layer by layer, because the weights of a compiled model include its metrics.
    for layer, other in zip(source.layers, target.layers):
        other.set_weights(layer.get_weights())
