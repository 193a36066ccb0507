"""Effect of the adversarial perturbation (paper, eq. 14) on one annotated sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cman_tf.inspection.inside import sentence_features, token_embeddings
from cman_tf.layers.dropout import Dropout
from cman_tf.model.adversarial import perturbation

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.model.cman import Cman
    from cman_tf.predictor import Predictor

ALPHAS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Perturbing:
    """Result of `perturb`; arrays are float32.

    Args:
        tokens: tuple of str.
        shares: `(tokens,)`, each token's share of the squared perturbation; they sum to 1.
        alphas: tuple of float, sizes of the perturbation as in eq. 14.
        worst: `(alphas, 2)`, loss of tags and of relations (eq. 11 and 12) after the worst-case perturbation.
        random: `(directions, alphas, 2)`, the same after perturbations of the same size in random directions.
    """

    tokens: tuple[str, ...]
    shares: np.ndarray
    alphas: tuple[float, ...]
    worst: np.ndarray
    random: np.ndarray


def perturb(
    predictor: Predictor, document: Document, alphas: Sequence[float] = ALPHAS, directions: int = 5, seed: int = 1
) -> Perturbing:
    """Losses after moving a sentence's embeddings in the worst and in random directions, without dropout.

    Args:
        predictor: `Predictor`.
        document: `Document`, annotated; the loss is that of its annotation.
        alphas: sequence of float. Sizes of the perturbation.
        directions: int. Number of random directions.
        seed: int. Seed of the random directions.

    Returns:
        `Perturbing`.

    Raises:
        InputError: if the sentence has no token, its entities overlap, or the network does not know a type.
    """
    tags = tf.constant([predictor.network.schema.tag_ids(document)], tf.int32)
    cells = predictor.network.schema.relation_cells(document)
    relations = tf.reshape(tf.constant(cells, tf.int32), [1, -1, 3])
    document, features = sentence_features(predictor, document)
    embeddings, lengths = token_embeddings(predictor.network.model, features), features["lengths"]
    # The network in training mode: in prediction mode it has no gradient.
    loss = tf.function(lambda moved: predictor.network.model.joint_loss(moved, tags, relations, lengths, training=True))

    def losses(direction: tf.Tensor) -> list[np.ndarray]:
        return [tf.stack(loss(embeddings + perturbation(direction, alpha, lengths))).numpy() for alpha in alphas]

    with _without_dropout(predictor.network.model):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            total = tf.add_n(loss(embeddings))
        gradient = tape.gradient(total, embeddings)
        noise = [tf.random.stateless_normal(tf.shape(embeddings), [seed, number]) for number in range(directions)]
        worst, random = losses(gradient), [losses(direction) for direction in noise]
    squares = tf.reduce_sum(tf.square(gradient[0]), axis=1)
    return Perturbing(
        tokens=tuple(document.tokens),
        shares=tf.math.divide_no_nan(squares, tf.reduce_sum(squares)).numpy(),
        alphas=tuple(alphas),
        worst=np.array(worst),
        random=np.array(random, np.float32).reshape(directions, len(alphas), 2),
    )


@contextlib.contextmanager
def _without_dropout(model: Cman) -> Iterator[None]:
    layers = [layer for layer in model.submodules if isinstance(layer, Dropout)]
    rates = [layer.rate for layer in layers]
    try:
        for layer in layers:
            layer.rate = 0
        yield
    finally:
        for layer, rate in zip(layers, rates):
            layer.rate = rate
