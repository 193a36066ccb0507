"""A network with its start values, from a configuration and what the training data hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cman_tf import config as configs
from cman_tf.data.featurizer import Featurizer
from cman_tf.model.assembly import build_cman

if TYPE_CHECKING:
    from cman_tf.data.schema import Schema
    from cman_tf.data.vocabulary import Vocabulary
    from cman_tf.model.cman import Cman


def build(
    config: configs.Config, schema: Schema, vocabulary: Vocabulary, about_encoders: Sequence[Mapping[str, Any]] = ()
) -> tuple[Cman, Featurizer]:
    """The network with untrained weights and its featuriser, as a run folder or a search asks for them.

    Args:
        config: `Config`.
        schema: `Schema`.
        vocabulary: `Vocabulary`.
        about_encoders: list of dicts, `Encoders.about`. Default: none.

    Returns:
        `(Cman, Featurizer)`.
    """
    featurizer = Featurizer(vocabulary, config.characters.max_length)
    model = build_cman(
        config,
        schema,
        num_trained_words=vocabulary.num_trained + 2,
        num_fixed_words=len(vocabulary.words) - vocabulary.num_trained,
        num_characters=featurizer.num_characters,
        contextual=[(item["layers"], item["width"]) for item in about_encoders],
    )
    return model, featurizer


def start_vectors(model: Cman, vocabulary: Vocabulary, vectors: np.ndarray) -> None:
    """Put pretrained word vectors into a new model; rows of nan (words that the file lacks) keep their random start.

    Args:
        model: `Cman`.
        vocabulary: `Vocabulary`.
        vectors: float32 `(words, size)`.
    """
    layer = model.token_embedding.get_layer("word_embedding")
    trained = layer.trained.numpy()
    given = vectors[: vocabulary.num_trained]
    trained[2:] = np.where(np.isnan(given), trained[2:], given)
    layer.trained.assign(trained)
    if layer.num_fixed:
        layer.fixed.assign(vectors[vocabulary.num_trained :].astype(np.float16))
