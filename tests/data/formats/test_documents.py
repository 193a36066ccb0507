"""Documents of several sentences in every format: what is written is what its reader reads back."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import frames, jsonl
from cman_tf.data.formats.losses import Reading
from cman_tf.data.sentences import parts
from tests.data.examples import NAMES, written

WHOLE = "jsonl"
# Their texts are split again; IOB2 has no relations.
SPLIT_AGAIN = ("label_studio", "doccano", "prodigy", "cas_json", "cas_xmi")


def example(id="news.txt"):
    """Two sentences, the first over a line end, with a blank line between them; entities out of order."""
    text = "Ann\nleft Rome. \n\nBo met Ann."
    offsets = [(0, 3), (4, 8), (9, 13), (13, 14), (17, 19), (20, 23), (24, 27), (27, 28)]
    entities = [Entity(4, 5, "Peop", 0.5), Entity(0, 1, "Peop"), Entity(2, 3, "Loc"), Entity(6, 7, "Peop")]
    relations = [Relation(0, 3, "Met"), Relation(1, 2, "Left", 0.25)]
    tokens = [text[start:end] for start, end in offsets]
    return Document(tokens, entities, relations, text, offsets, id, sentences=[(0, 4), (4, 8)])


def facts(document):
    """What every format keeps: mentions with types, and relations of mentions."""
    return (
        sorted((entity.text.replace("\n", " "), entity.type) for entity in document.entities),
        sorted((relation.head.text, relation.type, relation.tail.text) for relation in document.relations),
    )


def test_columns_have_the_entities_of_each_sentence(tmp_path):
    formats.write([example()], tmp_path / "a", "iob2")
    found = formats.read(tmp_path / "a", "iob2")
    assert [item.tokens for item in found] == [item.tokens for item in parts(example())]
    assert [facts(item)[0] for item in found] == [facts(item)[0] for item in parts(example())]


@pytest.mark.parametrize("name", written("iob2"))
def test_a_document_is_written_as_it_is_read(tmp_path, name):
    document = example()
    formats.write([document, example("")], tmp_path / "a", name)
    # A line is a sentence in brat, unless one chooses.
    reading = Reading(sentences="split") if name == "brat" else None
    found = formats.read(tmp_path / "a", name, reading=reading)
    if name == WHOLE:
        assert found == [document, example("")]
        return
    assert [item.tokens for item in found] == [item.tokens for item in parts(document)] * 2
    assert [facts(item) for item in found] == [facts(item) for item in parts(document)] * 2
    stem = "news" if name == "brat" else "news.txt"
    assert [item.id for item in found if item.id.startswith("news")] == [f"{stem}:1", f"{stem}:2"]


def test_json_lines_say_where_an_entity_is():
    record = json.loads(json.dumps(jsonl.record(example())))
    assert record["sentences"] == [[0, 4], [4, 8]]
    assert [entity["sentence"] for entity in record["entities"]] == [1, 0, 0, 1]
    assert [record["text"][e["char_start"] : e["char_end"]] for e in record["entities"]] == ["Bo", "Ann", "Rome", "Ann"]
    single = jsonl.record(parts(example())[0])
    assert "sentences" not in single
    assert "sentence" not in single["entities"][0]


def test_frames_have_a_row_for_each_entity_of_a_sentence():
    entities, relations = frames.frames([example()])
    assert entities["sentence_id"].tolist() == ["news.txt:1", "news.txt:1", "news.txt:2", "news.txt:2"]
    assert [text[s:e] for text, s, e in zip(entities["text"], entities["start"], entities["end"])] == list(
        entities["mention"]
    )
    assert relations["sentence_id"].tolist() == ["news.txt:1", "news.txt:2"]


@st.composite
def documents(draw):
    """A document of one to four sentences of letters, with entities and relations within them."""
    words = st.text("abé漢", min_size=1, max_size=4)
    tokens, offsets, text, entities, relations, spans = [], [], "", [], [], []
    for _ in range(draw(st.integers(1, 4))):
        first, before = len(tokens), len(entities)
        for word in draw(st.lists(words, min_size=1, max_size=4)):
            text += draw(st.sampled_from([" ", "\n", "  "])) if tokens else ""
            offsets.append((len(text), len(text) + len(word)))
            tokens.append(word)
            text += word
        entities += [
            Entity(index, index + 1, draw(NAMES)) for index in range(first, len(tokens)) if draw(st.booleans())
        ]
        count = len(entities) - before
        relations += [Relation(before, before + 1, draw(NAMES.filter(lambda name: name != "N")))] if count > 1 else []
        spans.append((first, len(tokens)))
    order = draw(st.permutations(range(len(entities))))
    place = {index: position for position, index in enumerate(order)}
    relations = [Relation(place[relation.head], place[relation.tail], relation.type) for relation in relations]
    return Document(tokens, [entities[index] for index in order], relations, text, offsets, "d", sentences=spans)


@pytest.mark.parametrize("name", written("brat", "csv", "iob2", *SPLIT_AGAIN))
def test_any_document_survives(tmp_path_factory, name):
    @settings(max_examples=15, deadline=None)
    @given(documents())
    def check(document):
        path = tmp_path_factory.mktemp("documents") / "a"
        formats.write([document], path, name)
        found = [part for item in formats.read(path, name) for part in parts(item)]
        assert [item.tokens for item in found] == [item.tokens for item in parts(document)]
        assert [facts(item) for item in found] == [facts(item) for item in parts(document)]

    check()


@settings(max_examples=15, deadline=None)
@given(documents())
def test_brat_keeps_any_text_and_its_offsets(tmp_path_factory, document):
    # "a b" and "a_b" would be the same type.
    assume(not any("_" in item.type for item in (*document.entities, *document.relations)))
    folder = tmp_path_factory.mktemp("documents") / "a"
    formats.write([document], folder, "brat")
    assert (folder / "d.txt").read_bytes().decode() == document.text + "\n"
    [found] = formats.read(folder, "brat", reading=Reading(sentences="text", strict=True))
    places = [sorted((*item.char_span(entity), entity.type) for entity in item.entities) for item in (found, document)]
    assert places[0] == [(start, end, kind.replace(" ", "_")) for start, end, kind in places[1]]
