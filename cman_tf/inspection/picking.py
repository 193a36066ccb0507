"""Chooses the sentences that are worth annotating next, from sentences without annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from cman_tf.data.batches import pad
from cman_tf.inspection.inside import token_embeddings

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.predictor import Predictor

LOW = 0.02
"""Relations with a lower probability do not count: there are many, and they are too certain to matter."""

SAME = 1 - 1e-6
"""Similarity from which two sentences have the same words."""


def pick(
    predictor: Predictor,
    documents: Sequence[Document],
    count: int,
    annotated: Sequence[Document] = (),
    progress: Callable[[int], object] | None = None,
) -> list[int]:
    """Choose sentences that the network is least sure of and that differ from each other.

    One after the other, the sentence with the largest product of `doubts` and of 1 minus the similarity to the nearest
    sentence that is chosen or annotated. The similarity is the cosine of TF-IDF vectors of words in lower case.
    Sentences with the words of another one are never chosen with it.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, sentences; their annotation is ignored.
        count: int. Number of sentences to choose.
        annotated: sequence of `Document`. Sentences that are annotated already.
        progress: see `doubts`.

    Returns:
        list of int, indices of the chosen sentences, best first; fewer than `count` if there are not enough.

    Reference:
        Settles and Craven (2008), "An Analysis of Active Learning Strategies for Sequence Labeling Tasks", for the sum
        of a sentence's doubts. Carbonell and Goldstein (1998), "The Use of MMR", for relevance and difference together.
    """
    return diverse(doubts(predictor, documents, progress), documents, count, annotated)


def doubts(
    predictor: Predictor, documents: Sequence[Document], progress: Callable[[int], object] | None = None
) -> np.ndarray:
    """Expected number of wrong decisions in each sentence, under the network's own probabilities.

    The sum over tokens of 1 minus the marginal of the most probable tag, and over pairs of decoded entities and
    relation types of the probability of the less probable answer.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, sentences.
        progress: callable or None. Called with the number of sentences done after each batch.

    Returns:
        float64 array `(sentences,)`, 0 or more.
    """
    found = np.zeros(len(documents))
    function = _function(predictor)
    rows = [row for row in range(len(documents)) if len(documents[row])]
    for batch in predictor.batches([len(documents[row]) for row in rows]):
        chosen = [rows[place] for place in batch]
        tokens = [np.array([t.encode("utf-8", "replace") for t in documents[row].tokens], object) for row in chosen]
        found[chosen] = function(tf.constant(pad(tokens, b""), tf.string)).numpy()
        if progress:
            progress(len(chosen))
    return found


def _function(predictor: Predictor) -> tf.types.experimental.PolymorphicFunction:
    extractor, model = predictor.extractor, predictor.extractor.model
    cutoffs = extractor.cutoffs
    cutoffs = cutoffs._replace(entity=tf.zeros_like(cutoffs.entity), relations=tf.ones_like(cutoffs.relations) * LOW)

    def body(tokens: tf.Tensor) -> tf.Tensor:
        features = extractor.features(tokens)
        lengths = features["lengths"]
        embeddings = token_embeddings(model, features)
        emissions = model.entity_network({"embeddings": embeddings, "lengths": lengths}, training=False)["emissions"]
        alphas, betas, log_norm = model.crf.forward_backward(emissions, lengths)
        likely = tf.reduce_max(tf.exp(alphas + betas - log_norm[:, None, None]), axis=2)
        tags = tf.reduce_sum(tf.where(tf.sequence_mask(lengths, tf.shape(tokens)[1]), 1 - likely, 0), axis=1)
        found = extractor.from_features(features, cutoffs=cutoffs)
        scores = tf.where(found["relation_mask"], found["relation_score"], 0.0)
        return tags + tf.cast(tf.reduce_sum(tf.minimum(scores, 1 - scores), axis=1), tf.float64)

    return tf.function(body, input_signature=[tf.TensorSpec([None, None], tf.string)], autograph=False)


def diverse(
    values: np.ndarray, documents: Sequence[Document], count: int, annotated: Sequence[Document] = ()
) -> list[int]:
    """Choose documents with high values that differ from each other, see `pick`.

    Args:
        values: float array `(documents,)`, 0 or more.
        documents, count, annotated: see `pick`.

    Returns:
        list of int, indices of the chosen documents, best first.
    """
    # scikit-learn takes a second to import.
    from sklearn.feature_extraction.text import TfidfVectorizer

    every = [*documents, *annotated]
    if not any(len(document) for document in every):
        return []
    vectors = TfidfVectorizer(analyzer=lambda document: [token.lower() for token in document.tokens]).fit_transform(
        every
    )
    pool, known = vectors[: len(documents)], vectors[len(documents) :]
    nearest = np.zeros(len(documents))
    for row in range(known.shape[0]):
        nearest = np.maximum(nearest, (pool @ known[row].T).toarray().ravel())
    # A sentence without words is like any other.
    nearest[pool.getnnz(axis=1) == 0] = 1.0
    chosen: list[int] = []
    # A little more than 0, so that sentences without doubt are chosen by their difference.
    values = np.asarray(values, float) + 1e-9
    while len(chosen) < count:
        gain = np.where(nearest < SAME, values * (1 - nearest), 0.0)
        best = int(np.argmax(gain))
        if not gain[best] > 0:
            break
        chosen.append(best)
        nearest = np.maximum(nearest, (pool @ pool[best].T).toarray().ravel())
        nearest[best] = 1.0
    return chosen
