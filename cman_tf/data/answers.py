"""Converts the arrays of an answer to entities and relations, and leaves out uncertain ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.data.schema import Schema

KINDS_LEFT_OUT = ("token", "entity", "relation")


def annotated(document: Document, found: Mapping[str, Any], row: int = 0, schema: Schema | None = None) -> Document:
    """A document with the entities and relations of one row of an answer.

    Args:
        document: `Document`, the input. If it has no tokens, it gets those of the answer and their offsets.
        found: dict of names to arrays or nested lists, batch first: the output of
            `cman_tf.model.extraction.Extractor` or of a signature of an export, see `export.signatures`.
        row: int. Row of the batch. Default 0.
        schema: `Schema`, if the answer contains types as indices. Default: types are bytes or text.

    Returns:
        `Document` with scores on every entity and relation.

    Raises:
        KeyError, IndexError: if an output is missing or too short, because the model is not an export of this project.
    """
    if not document.tokens and "tokens" in found:
        tokens = [_text(token) for token in _plain(found["tokens"][row]) if token]
        offsets = list(zip(_plain(found["token_start"][row]), _plain(found["token_end"][row])))[: len(tokens)]
        document = dataclasses.replace(document, tokens=tokens, offsets=offsets)
    entity_types, relation_types = (schema.entity_types, schema.relation_types) if schema else (None, None)
    entities = [
        Entity(start, end, entity_types[type] if entity_types else _text(type), score)
        for start, end, type, score in _items(found, row, "entity", "start", "end", "type", "score")
    ]
    relations = [
        Relation(head, tail, relation_types[type] if relation_types else _text(type), score)
        for head, tail, type, score in _items(found, row, "relation", "head", "tail", "type", "score")
    ]
    return document.with_annotation(entities, relations)


def confident(document: Document, min_score: float) -> Document:
    """The same document without entities and relations whose score is lower.

    A relation is left out too if one of its entities is. What has no score, such as an annotation, is kept.

    Args:
        document: `Document`.
        min_score: float. Lowest score to keep, from 0 to 1.

    Returns:
        `Document`.

    Raises:
        InputError: if `min_score` is out of range.

    Example:
        >>> for document in predictor.pipe(texts):
        ...     print(confident(document, 0.9).relations)
    """
    check_score(min_score)
    kept = document.with_only([index for index, item in enumerate(document.entities) if _reaches(item, min_score)])
    return kept.with_annotation(kept.entities, [item for item in kept.relations if _reaches(item, min_score)])


def check_score(min_score: float) -> None:
    """Raise `InputError` unless `min_score` is from 0 to 1."""
    if not 0 <= min_score <= 1:
        raise InputError(f"`min_score` must be from 0 to 1. Received: {min_score:g}")


def _reaches(item: Entity | Relation, min_score: float) -> bool:
    return item.score is None or item.score >= min_score


def left_out(found: Mapping[str, Any], row: int = 0) -> int:
    """Number of tokens, entities and relations that exceeded the limits of an export, in one row of its answer."""
    return sum(int(found[f"{kind}_overflow"][row]) for kind in KINDS_LEFT_OUT)


def _items(found: Mapping[str, Any], row: int, kind: str, *names: str) -> list[tuple[Any, ...]]:
    columns = [_plain(found[f"{kind}_{name}"][row]) for name in names]
    return [item for keep, *item in zip(_plain(found[f"{kind}_mask"][row]), *columns) if keep]  # type: ignore[misc]


def _plain(values: Any) -> list[Any]:
    """A list of Python values from an array or a list."""
    return values.tolist() if hasattr(values, "tolist") else values


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
