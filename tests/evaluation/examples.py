"""Annotated sentences for the tests of the evaluation: written by hand, drawn at random, and CoNLL04's own."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity, Relation

ENTITY_TYPES = ("Loc", "Org", "Peop")
RELATION_TYPES = ("Live_In", "Work_For")


def sentence(words, entities=(), relations=(), **others):
    """A document from plain tuples: `(start, end, type[, score])` and `(head, tail, type[, score])`."""
    return Document(words.split(), [Entity(*e) for e in entities], [Relation(*r) for r in relations], **others)


def by_hand():
    """Gold and prediction of two sentences, whose scores the tests work out in comments."""
    first, second = "Ann Lee of Acme lives in Paris .", "Bob shot Eve"
    gold = [
        sentence(first, [(0, 2, "Peop"), (3, 4, "Org"), (6, 7, "Loc")], [(0, 1, "Work_For"), (0, 2, "Live_In")]),
        sentence(second, [(0, 1, "Peop"), (2, 3, "Peop")], [(0, 1, "Kill")]),
    ]
    predicted = [
        # Acme is taken for a place, which also spoils Work_For.
        sentence(
            first,
            [(0, 2, "Peop", 0.9), (3, 4, "Loc", 0.6), (6, 7, "Loc", 0.8)],
            [(0, 1, "Work_For", 0.75), (0, 2, "Live_In", 0.5)],
        ),
        # "shot Eve" for "Eve", which also spoils Kill.
        sentence(second, [(0, 1, "Peop"), (1, 3, "Peop")], [(0, 1, "Kill")]),
    ]
    return gold, predicted


@st.composite
def annotations(draw, length, distinct):
    """Entities, which may overlap, and relations between them; `distinct`: no two have the same boundaries."""
    spans = draw(
        st.lists(
            st.tuples(st.integers(0, length - 1), st.integers(1, 3)).map(lambda s: (s[0], min(s[0] + s[1], length))),
            unique=distinct,
            max_size=4,
        )
    )
    entities = [Entity(start, end, draw(st.sampled_from(ENTITY_TYPES))) for start, end in spans]
    pairs = [(head, tail) for head in range(len(spans)) for tail in range(len(spans)) if head != tail]
    if not pairs:
        return entities, []
    links = st.tuples(st.sampled_from(pairs), st.sampled_from(RELATION_TYPES))
    drawn = draw(st.lists(links, unique=distinct, max_size=4))
    return entities, [Relation(head, tail, name) for (head, tail), name in drawn]


@st.composite
def corpora(draw, runs=1, distinct=True):
    """`runs` lists of documents over the same one to four sentences; not `distinct`: items may repeat."""
    lists = [[] for _ in range(runs)]
    for number in range(draw(st.integers(1, 4))):
        length = draw(st.integers(1, 8))
        tokens = [f"w{number}.{i}" for i in range(length)]
        for documents in lists:
            documents.append(Document(tokens, *draw(annotations(length, distinct))))
    return lists


def conll04_test():
    """The test sentences of CoNLL04; skips where the data set is not on disk."""
    root = os.environ.get("CMAN_TF_DATA") or Path(__file__).parents[3] / "shared" / "data"
    path = Path(root) / "conll04" / "spert" / "conll04_test.json"
    if not path.is_file():
        pytest.skip(f"CoNLL04 is not at {path}; set CMAN_TF_DATA to the folder that holds conll04/")
    return [
        Document(
            row["tokens"],
            [Entity(e["start"], e["end"], e["type"]) for e in row["entities"]],
            [Relation(r["head"], r["tail"], r["type"]) for r in row["relations"]],
        )
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
