"""Sentences joined in pairs, to train with them and to measure what joining costs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document
from cman_tf.evaluation.scorer import score

if TYPE_CHECKING:
    from cman_tf.predictor import Predictor


def pairs(documents: Sequence[Document], rng: random.Random) -> list[tuple[Document, Document]]:
    """Random pairs, each document in one of them at most."""
    shuffled = rng.sample(documents, len(documents))
    return list(zip(shuffled[::2], shuffled[1::2]))


def join(one: Document, two: Document) -> Document:
    """One sentence with the tokens, entities and relations of both."""
    tokens, count = len(one), len(one.entities)
    entities = [replace(entity, start=entity.start + tokens, end=entity.end + tokens) for entity in two.entities]
    relations = [
        replace(relation, head=relation.head + count, tail=relation.tail + count) for relation in two.relations
    ]
    return Document(
        [*one.tokens, *two.tokens],
        [*one.entities, *entities],
        [*one.relations, *relations],
        id=f"{one.id}+{two.id}" if one.id and two.id else "",
    )


def effect(predictor: Predictor, documents: Sequence[Document]) -> dict[str, Any]:
    """Strict F1 of sentences `alone` and `joined` in pairs, and how many relations of the pairs are `across` both."""
    chosen = pairs(documents, random.Random(1))
    alone, joined = [document for pair in chosen for document in pair], [join(*pair) for pair in chosen]
    found = predictor.extract(joined)
    relations = [
        len({document.entities[end].start < len(first) for end in (relation.head, relation.tail)})
        for (first, _), document in zip(chosen, found)
        for relation in document.relations
    ]
    scores = {"alone": score(alone, predictor.extract(alone)), "joined": score(joined, found)}
    rates = {
        name: {item: one["strict"]["micro"][item]["f1"] for item in ("entities", "relations")}
        for name, one in scores.items()
    }
    return {"pairs": len(chosen), **rates, "predicted": len(relations), "across": relations.count(2)}
