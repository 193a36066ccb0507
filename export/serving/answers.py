"""What an export answered, back in documents: for every program that asks one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cman_tf.data.document import Document, Entity, Relation


def annotated(document: Document, found: Mapping[str, Any], row: int = 0) -> tuple[Document, int]:
    """A document with what was found in it.

    Args:
        document: `Document` as it was asked; without tokens it gets those of the answer.
        found: dict of output names to nested lists, the batch first; strings as bytes. See `export.signatures`.
        row: int. Which sentence of the batch. Default: 0.

    Returns:
        `(document, left_out)`: `Document`, and how many tokens, entities and relations had no place in the answer.

    Raises:
        KeyError, IndexError: an output is missing or too short: the model is no export of this project.
    """
    if not document.tokens:
        tokens = [token.decode() for token in found["tokens"][row] if token]
        offsets = list(zip(found["token_start"][row], found["token_end"][row]))[: len(tokens)]
        document = dataclasses.replace(document, tokens=tokens, offsets=offsets)
    entities = [
        Entity(start, end, type.decode(), score)
        for start, end, type, score in _items(found, row, "entity", "start", "end", "type", "score")
    ]
    relations = [
        Relation(head, tail, type.decode(), score)
        for head, tail, type, score in _items(found, row, "relation", "head", "tail", "type", "score")
    ]
    left_out = sum(found[f"{what}_overflow"][row] for what in ("token", "entity", "relation"))
    return document.with_annotation(entities, relations), left_out


def _items(found: Mapping[str, Any], row: int, what: str, *names: str) -> list[list[Any]]:
    columns = [found[f"{what}_{name}"][row] for name in names]
    return [item for keep, *item in zip(found[f"{what}_mask"][row], *columns) if keep]
