"""Training sentences made from others."""

import random

import pytest

from cman_tf.commands import cli
from cman_tf.data import corpora
from reproduction import augment


def facts(document):
    words = [" ".join(document.tokens[entity.start : entity.end]) for entity in document.entities]
    found = [(words[relation.head], relation.type, words[relation.tail]) for relation in document.relations]
    return sorted(found), [(word, entity.type) for word, entity in zip(words, document.entities)]


def test_joined_sentences_have_the_annotation_of_both(documents):
    made = augment.joined(documents, random.Random(1))
    assert len(made) == 2
    for document in made:
        parts = [
            (first, second)
            for first in documents
            for second in documents
            if first.tokens + second.tokens == document.tokens
        ]
        [(first, second)] = parts
        (relations, entities), (one, some), (other, more) = map(facts, (document, first, second))
        assert relations == sorted(one + other)
        assert entities == some + more


def test_exchanged_sentences_have_other_entities_of_the_same_types(documents):
    made = augment.exchanged(documents, random.Random(2))
    sources = [document for document in documents if document.relations]
    assert len(made) == len(sources)
    known = {item for document in documents for item in facts(document)[1]}
    assert [facts(document)[1] for document in made] != [facts(document)[1] for document in sources]
    for document, source in zip(made, sources):
        assert set(facts(document)[1]) <= known
        assert [e.type for e in document.entities] == [e.type for e in source.entities]
        assert document.relations == source.relations
        outside = [
            [
                token
                for place, token in enumerate(item.tokens)
                if not any(e.start <= place < e.end for e in item.entities)
            ]
            for item in (document, source)
        ]
        assert outside[0] == outside[1]


@pytest.mark.parametrize("kind", sorted(augment.KINDS))
def test_the_command_writes_a_corpus(kind, tmp_path):
    assert cli.run("augment", augment.command, [kind, str(tmp_path / "out"), "--corpus", "sample"]) == 0
    found = corpora.load(str(tmp_path / "out"), splits=("train",)).splits["train"]
    assert len(found) > 50
