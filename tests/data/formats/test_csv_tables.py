import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity
from cman_tf.data.formats import csv_tables
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence


def test_tables_as_a_spreadsheet_saves_them(tmp_path):
    # A byte order mark, other columns, names that pandas would take for missing, quotes and line ends in a text.
    (tmp_path / "entities.csv").write_bytes(
        b'\xef\xbb\xbfsentence_id,text,entity,start,end,type,note\r\n7,"NA, ""said""\nnull",T1,0,2,Peop,\r\n'
        b'7,"NA, ""said""\nnull",T2,11,15,Loc,x\r\n8,It rains,,,,,\r\n'
    )
    (tmp_path / "relations.csv").write_bytes(b"sentence_id,type,head,tail\r\n7,In,T2,T1\r\n")
    first, second = csv_tables.read(tmp_path)
    assert [first.entity_text(entity) for entity in first.entities] == ["NA", "null"]
    assert [(r.head, r.tail, r.type) for r in first.relations] == [(1, 0, "In")]
    assert (second.text, second.entities) == ("It rains", ())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"must be CSV in UTF-8\. .* in FOLDER$"),
        (b"a,b\n1,2\n3,4,5,6\n", r"must be CSV in UTF-8\. .* in FOLDER$"),
        (b"sentence_id,text\n\xff,x\n", r"must be CSV in UTF-8\. .* in FOLDER$"),
        (
            b"sentence_id,text\n",
            r"columns sentence_id, text, start, end, type\. Received: sentence_id, text in FOLDER$",
        ),
        (b"sentence_id,text,start,end,type\n", r"^FOLDER contains no sentences\.$"),
        (b"sentence_id,text,start,end,type\n7,ab,0,NaN,A\n", r"`end` must be a (whole )?number\. Received: 'NaN' .*"),
        (b"sentence_id,text,start,end,type\n7,ab,inf,2,A\n", r"`start` must be a (whole )?number\. Received: 'inf' .*"),
        (
            b"sentence_id,text,start,end,type\n7,ab,x,2,A\n",
            r"`start` must be a number\. Received: 'x' in row 1 of entities in FOLDER$",
        ),
    ],
)
def test_the_message_says_what_and_where(tmp_path, content, told):
    (tmp_path / "entities.csv").write_bytes(content)
    with pytest.raises(InputError, match=told.replace("FOLDER", str(tmp_path))):
        csv_tables.read(tmp_path, reading=Reading(strict=True))


def test_a_repeated_id_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="Received: '7' twice, in sentence 1 and in sentence 2"):
        csv_tables.write([ann(), sentence("a", id="7")], tmp_path / "out")
    with pytest.raises(InputError, match="lone surrogate"):
        csv_tables.write([Document(["\ud800"])], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'=1",
    "''@x",
    "'",
    "'quoted'",
    "-",
    '=HYPERLINK("http://x")',
]


@pytest.mark.parametrize("text", FORMULAS)
def test_cells_that_a_spreadsheet_would_run_are_text_and_come_back(tmp_path, text):
    documents = [Document([text], [Entity(0, 1, text.strip())], id=text, text=text, offsets=[(0, len(text))])]
    csv_tables.write(documents, tmp_path / "out")
    with open(tmp_path / "out" / "entities.csv", encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    (found,) = csv_tables.read(tmp_path / "out")
    assert (found.text, found.id, found.entities[0].type) == (text, text, text.strip())
    csv_tables.write(documents, tmp_path / "raw", formulas_as_text=False)
    raw = tmp_path / "raw" / "entities.csv"
    changed = raw.read_text(encoding="utf-8") != (tmp_path / "out" / "entities.csv").read_text(encoding="utf-8")
    assert changed is (text not in ("'", "'quoted'"))


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=30)
@given(documents(WORDS, scores=True, spaced=True))
def test_entities_and_relations_come_back(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("csv") / "a"
    csv_tables.write(drawn, folder)
    drawn = [document for document in drawn if document.text]
    found = [document for document in csv_tables.read(folder) if document.text] if drawn else []

    def shown(document):
        entities = [(*document.char_span(entity), entity.type, entity.score) for entity in document.entities]
        return document.text, entities, document.relations, [relation.score for relation in document.relations]

    assert [shown(document) for document in found] == [shown(document) for document in drawn]
