"""All scores of a model on a split, in one dict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.data.corpora import repeated_in
from cman_tf.data.document import Document
from cman_tf.encoders.feature_store import stored_vectors
from cman_tf.errors import InputError, printable
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length, score_sentences
from cman_tf.evaluation.confidence import confidence
from cman_tf.evaluation.error_kinds import count_kinds
from cman_tf.evaluation.scorer import score

if TYPE_CHECKING:
    from cman_tf.encoders.feature_store import StoredVectors
    from cman_tf.predictor import Predictor


def evaluate(
    predictor: Predictor,
    documents: Sequence[Document],
    *,
    train: Sequence[Document] = (),
    exclude_types: Sequence[str] = (),
    variants: bool = False,
    progress: Callable[[int], object] | None = None,
) -> tuple[dict[str, Any], list[Document]]:
    """Score a model.

    Args:
        predictor: `Predictor`.
        documents: sequence of `Document`, annotated.
        train: sequence of `Document`. Training sentences, for a second score without the documents that repeat them.
        exclude_types: sequence of str. Entity types for a second score without them.
        variants: bool. Whether to score two variants too: with gold tags fed to the BLA units (Table 3 of the paper),
            and with relations restricted to the type signatures of the training data; and to measure `confidence`.
        progress: see `Predictor.extract`.

    Returns:
        `(metrics, predictions)`: the dict that `score` returns, with `by_sentence_length` (Figure 5),
        `by_entity_distance` (Figure 4), `error_kinds` (see `compare`) and, if requested, `without_repeated`,
        `without_types`, `gold_labels`, `type_constrained` and `confidence`; and the predicted documents.

    Raises:
        InputError: if the model does not know a type.
    """
    schema = predictor.network.schema
    for document in documents:
        schema.check(document)
    for name in exclude_types:
        if name not in schema.entity_types:
            raise InputError(
                f"`exclude_types` must be entity types of the model: {', '.join(schema.entity_types)}. Received: {name}"
            )
    contextual = contextual_vectors(predictor, documents)
    predictions = predictor.extract(documents, progress=progress, contextual=contextual)
    metrics = score(documents, predictions)
    metrics["by_sentence_length"] = by_sentence_length(documents, predictions)
    metrics["by_entity_distance"] = by_entity_distance(documents, predictions)
    metrics["error_kinds"] = count_kinds(documents, predictions)
    if train:
        repeated = repeated_in(train, documents)
        kept = [index for index in range(len(documents)) if index not in repeated]
        metrics["without_repeated"] = score_sentences(documents, predictions, kept)
    if exclude_types:
        metrics["without_types"] = score(documents, predictions, exclude_types=exclude_types)
    if variants:
        gold_fed = predictor.extract(documents, label_source="gold", contextual=contextual)
        metrics["gold_labels"] = _figures(documents, gold_fed)
        metrics["confidence"] = confidence(predictor, documents, contextual)
        constrained = predictor.with_decoding(type_constrained=True).extract(documents, contextual=contextual)
        metrics["type_constrained"] = _figures(documents, constrained)
    return metrics, predictions


def contextual_vectors(predictor: Predictor, documents: Sequence[Document]) -> dict[str, StoredVectors] | None:
    """Stored vectors of a predictor's encoders, see `stored_vectors`, for `Predictor.extract`.

    None, with a message on standard error, if the store cannot be used, e.g. on another machine than that of the
    training: the encoders then compute the vectors.
    """
    try:
        return stored_vectors(predictor.network.encoders, predictor.network.config.encoder, documents)
    except InputError as error:
        print(f"Contextual vectors are computed without being kept. {printable(error)}", file=sys.stderr)
        return None


def _figures(documents: Sequence[Document], predictions: Sequence[Document]) -> dict[str, Any]:
    found = score(documents, predictions)
    return {name: found[name] for name in ("strict", "boundaries", "counts")}
