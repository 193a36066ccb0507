"""Sentences and files for the tests of the data: written by hand and drawn at random."""

import importlib.util
import json

import pytest
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation

HAS_CAS = importlib.util.find_spec("cassis") is not None
AVAILABLE = [name for name in formats.WRITTEN if HAS_CAS or not name.startswith("cas_")]


def written(*without):
    """Parameters of a test: the formats that can be written, without some."""
    missing = pytest.mark.skipif(not HAS_CAS, reason='needs the extra "cas"')
    names = [name for name in formats.WRITTEN if name not in without]
    return [pytest.param(name, marks=missing if name.startswith("cas_") else ()) for name in names]


TEXT = st.text(max_size=6)
# Tokens as a text file can hold them: no tab, no line end, no lone surrogate.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), min_size=1, max_size=5)
NAMES = st.text(st.characters(categories=["L", "N", "P"], include_characters=" "), min_size=1, max_size=4).filter(
    lambda name: name == name.strip()
)


def sentence(words, entities=(), relations=(), **others):
    """A document from plain tuples: `(start, end, type[, score])` and `(head, tail, type[, score])`."""
    return Document(words.split(), [Entity(*e) for e in entities], [Relation(*r) for r in relations], **others)


def ann(id="7"):
    """A sentence with three entities and two relations."""
    return sentence(
        "Ann Lee of Acme lives in Paris .",
        [(0, 2, "Peop"), (3, 4, "Org"), (6, 7, "Loc")],
        [(0, 1, "Work_For"), (0, 2, "Live_In")],
        id=id,
    )


def entities_only(document):
    """The document as the columns of IOB2 have it."""
    return Document(document.tokens, document.entities)


@st.composite
def documents(draw, words=WORDS, overlapping=True, scores=False, spaced=False, names=NAMES):
    """One to four distinct sentences.

    Args:
        words: strategy of tokens.
        overlapping: whether entities may overlap.
        scores: whether entities and relations carry scores.
        names: strategy of types.
        spaced: whether the text has other blanks between tokens than one space.
    """
    score = st.floats(0, 1) if scores else st.none()
    ids = draw(st.lists(st.sampled_from(["", "7", "07", "x y", "é"]), min_size=1, max_size=4))
    result = []
    for number, name in enumerate(ids):
        tokens = draw(st.lists(words, min_size=1, max_size=6))
        borders = st.integers(0, len(tokens))
        spans = draw(st.lists(st.tuples(borders, borders).filter(lambda s: s[0] < s[1]), unique=True, max_size=4))
        if not overlapping:
            spans = disjoint(spans)
        entities = [Entity(start, end, draw(names), draw(score)) for start, end in spans]
        pairs = [(head, tail) for head in range(len(spans)) for tail in range(len(spans)) if head != tail]
        links = draw(st.lists(st.tuples(st.sampled_from(pairs), names), unique=True, max_size=4)) if pairs else []
        relations = [Relation(*pair, kind, draw(score)) for pair, kind in links if kind != "N"]
        text = offsets = None
        if spaced:
            text, offsets = "", []
            for token in tokens:
                text += draw(st.sampled_from(["", " ", "\t ", "\u2028"]))
                offsets.append((len(text), len(text) + len(token)))
                text += token
        # An id must be used once in a file.
        name = f"{name}{number}" if name else ""
        result.append(Document(tokens, entities, relations, text, offsets, name))
    return result


def disjoint(spans):
    """Those of the spans that overlap no earlier one, in the order of the text."""
    kept = []
    for start, end in spans:
        if all(end <= other_start or other_end <= start for other_start, other_end in kept):
            kept.append((start, end))
    return sorted(kept)


def write_json(path, content):
    """Write JSON; returns the path."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
