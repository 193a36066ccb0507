"""Corpora that differ in one size: sentences of the sample corpus with more relation types, longer, or repeated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cman_tf.data import corpora, formats
from cman_tf.data.document import Document, Entity, Relation

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def sample(split="train"):
    """Documents of a split of the sample corpus, a list."""
    return list(corpora.load("sample").splits[split])


def with_types(documents, count):
    """The same sentences with `count` relation types, assigned to the relations in turn."""
    number, result = 0, []
    for document in documents:
        relations = []
        for relation in document.relations:
            relations.append(dataclasses.replace(relation, type=f"R{number % count}"))
            number += 1
        result.append(dataclasses.replace(document, relations=tuple(relations)))
    if number < count:
        raise ValueError(
            f"`documents` must have a relation for each type. Received: {number} relations for {count} types"
        )
    return result


def of_length(documents, tokens, first=0):
    """One sentence of `tokens` tokens: documents from number `first` on, joined and truncated."""
    words, entities, relations = [], [], []
    while len(words) < tokens:
        document = documents[first % len(documents)]
        start, places, first = len(words), {}, first + 1
        words += document.tokens
        for number, entity in enumerate(document.entities):
            if start + entity.end <= tokens:
                places[number] = len(entities)
                entities.append(Entity(start + entity.start, start + entity.end, entity.type))
        relations += [
            Relation(places[relation.head], places[relation.tail], relation.type)
            for relation in document.relations
            if {relation.head, relation.tail} <= places.keys()
        ]
    return Document(words[:tokens], entities, relations)


def renamed(documents, count):
    """`count` sentences: the documents repeated, each time with another ending of the words of entities."""
    result = []
    for number in range(count):
        again, place = divmod(number, len(documents))
        document = documents[place]
        names = {token for entity in document.entities for token in range(entity.start, entity.end)}
        words = [
            token + _ending(again) if position in names and token.isalpha() else token
            for position, token in enumerate(document.tokens)
        ]
        result.append(Document(words, document.entities, document.relations))
    return result


def _ending(number):
    """Letters for a number, none for 0."""
    ending = ""
    while number:
        number, letter = divmod(number - 1, len(LETTERS))
        ending = LETTERS[letter] + ending
    return ending


def write(folder, train, dev):
    """Write the files of a corpus into a new folder; returns it."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    for name, documents in (("train", train), ("dev", dev)):
        formats.write(documents, folder / f"{name}.json", "spert")
    return folder
