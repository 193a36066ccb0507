import json
import re
from pathlib import Path

import pytest

import cman_tf.data.sample
from cman_tf.data.document import Document, Entity, Relation

FOLDER = Path(cman_tf.data.sample.__file__).parent
SPLITS = ("train", "dev", "test")
SIGNATURES = {
    "Live_In": ("Peop", "Loc"),
    "OrgBased_In": ("Org", "Loc"),
    "Located_In": ("Loc", "Loc"),
    "Work_For": ("Peop", "Org"),
    "Kill": ("Peop", "Peop"),
}
ENTITY_TYPES = {"Peop", "Loc", "Org", "Other"}


def load(split):
    records = json.loads((FOLDER / f"{split}.json").read_text(encoding="utf-8"))
    return [
        Document(
            record["tokens"],
            [Entity(e["start"], e["end"], e["type"]) for e in record["entities"]],
            [Relation(r["head"], r["tail"], r["type"]) for r in record["relations"]],
            id=record["orig_id"],
        )
        for record in records
    ]


@pytest.fixture(scope="module")
def corpus():
    return {split: load(split) for split in SPLITS}


@pytest.fixture(scope="module")
def documents(corpus):
    return [document for split in SPLITS for document in corpus[split]]


def names(document):
    return [document.entity_text(entity) for entity in document.entities]


def test_sizes(corpus):
    assert len(corpus["train"]) >= 1400
    assert len(corpus["dev"]) >= 200
    assert len(corpus["test"]) >= 250


def test_ids_are_unique_and_no_sentence_comes_twice(documents):
    assert len({document.id for document in documents}) == len(documents)
    assert all(document.id for document in documents)
    assert len({document.text.lower() for document in documents}) == len(documents)


def test_every_entity_has_a_known_type_and_none_overlap(documents):
    assert {entity.type for document in documents for entity in document.entities} == ENTITY_TYPES
    assert [document.text for document in documents if document.overlapping()] == []


def test_every_relation_links_the_entity_types_of_its_signature(documents):
    for document in documents:
        for relation in document.relations:
            types = tuple(document.entities[i].type for i in (relation.head, relation.tail))
            assert types == SIGNATURES[relation.type], document.text
        assert len(set(document.relations)) == len(document.relations), document.text


@pytest.mark.parametrize(("split", "least"), [("train", 250), ("dev", 30), ("test", 50)])
def test_every_type_comes_often_enough(corpus, split, least):
    relations = [relation.type for document in corpus[split] for relation in document.relations]
    entities = [entity.type for document in corpus[split] for entity in document.entities]
    assert {name for name in SIGNATURES if relations.count(name) < least} == set()
    assert {name for name in ENTITY_TYPES if entities.count(name) < least} == set()


def test_sentences_with_no_one_and_several_relations(documents):
    counts = [len(document.relations) for document in documents]
    assert counts.count(0) >= len(counts) / 5
    assert sum(count >= 2 for count in counts) >= len(counts) / 5
    assert max(counts) >= 4


def test_names_beyond_ascii_quotes_digits_and_long_names(documents):
    assert sum(any(not name.isascii() for name in names(document)) for document in documents) >= 5
    assert sum('"' in document.tokens for document in documents) >= 5
    assert sum(any(c.isdigit() for c in document.text) for document in documents) >= 5
    assert sum(entity.end - entity.start >= 3 for document in documents for entity in document.entities) >= 20


def test_lengths(documents):
    lengths = sorted(len(document) for document in documents)
    assert lengths[0] >= 2  # headers of newswire
    assert lengths[-1] <= 64
    assert 18 <= lengths[len(lengths) // 2] <= 26
    assert sum(length > 40 for length in lengths) >= len(lengths) / 10


def test_tokens(documents):
    for document in documents:
        assert "  " not in document.text
        for token in document.tokens:
            assert not re.search(r"\s", token), document.text
            assert token == "'s" or not token.endswith("'s"), document.text
            assert len(token) == 1 or not re.search(r'[,;:?!()"$%]$|^[("]', token), document.text
    # Some are headlines, bylines and headers of broadcasts.
    assert sum(document.text[-1] in '.?!"' for document in documents) >= 0.95 * len(documents)


def test_the_test_split_is_within_reach_of_training(corpus):
    seen = {name for document in corpus["train"] for name in names(document)}
    words = {word for name in seen for word in name.split()}
    entities = [name for document in corpus["test"] for name in names(document)]
    assert sum(name in seen for name in entities) >= 0.25 * len(entities)
    assert sum(bool(words & set(name.split())) for name in entities) >= 0.5 * len(entities)
