import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError
from cman_tf.interop import cypher
from tests.data.examples import ann, sentence


def text_of(documents, path):
    cypher.write_cypher(documents, path)
    return path.read_text(encoding="utf-8")


def test_nodes_and_edges_are_merged(tmp_path):
    scored = ann().with_annotation(ann().entities, [Relation(0, 2, "Live_In", 0.5), Relation(0, 1, "works for")])
    again = ann("8").with_annotation(ann().entities, [Relation(0, 2, "Live_In", 0.75)])
    place, text, score = '{"sentence": "', '", "text": "Ann Lee of Acme lives in Paris ."', '"score": '
    assert text_of([scored, again], tmp_path / "a").splitlines() == [
        "MERGE (:`Peop` {name: 'Ann Lee'});",
        "MERGE (:`Org` {name: 'Acme'});",
        "MERGE (:`Loc` {name: 'Paris'});",
        "MATCH (a:`Peop` {name: 'Ann Lee'}), (b:`Loc` {name: 'Paris'}) MERGE (a)-[r:`Live_In`]->(b) "
        f"SET r.count = 2, r.score = 0.75, r.places = '[{place}7{text}, {score}0.5}}, {place}8{text}, {score}0.75}}]';",
        "MATCH (a:`Peop` {name: 'Ann Lee'}), (b:`Org` {name: 'Acme'}) MERGE (a)-[r:`works for`]->(b) "
        f"SET r.count = 1, r.places = '[{place}7{text}}}]';",
    ]


def test_a_relation_of_a_document_has_its_sentence(tmp_path):
    tokens = "It rained . Ann left Rome .".split()
    entities = [Entity(3, 4, "Peop"), Entity(5, 6, "Loc")]
    document = Document(tokens, entities, [Relation(0, 1, "Left")], id="7", sentences=[(0, 3), (3, 7)])
    found = text_of([document], tmp_path / "a").splitlines()[-1]
    assert found.endswith("""r.places = '[{"sentence": "7:2", "text": "Ann left Rome ."}]';""")


def test_values_are_escaped(tmp_path):
    name = "O'Neil'});MATCH(n)DELETE(n)\\"
    found = text_of([Document([name], [Entity(0, 1, "a`b")])], tmp_path / "a")
    assert found == "MERGE (:`a``b` {name: 'O\\'Neil\\'});MATCH(n)DELETE(n)\\\\'});\n"
    with pytest.raises(InputError, match=r"backslash\. Received: .* in sentence 1"):
        text_of([sentence("a", [(0, 1, "a\\u0060b")])], tmp_path / "b")
    assert not (tmp_path / "b").exists()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_is_one_literal_on_one_line(text):
    literal = cypher._string(text)
    assert re.fullmatch(r"'(?:[^'\\]|\\\\|\\'|\\u[0-9a-f]{4})*'", literal)
    assert literal.isprintable()
    back = literal[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    assert back.encode("utf-16", "surrogatepass").decode("utf-16") == text
