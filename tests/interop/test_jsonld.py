import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import given, settings

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError
from cman_tf.interop.jsonld import CONTEXT, write_jsonld
from tests.data.examples import ann, documents, sentence


def graph_of(found, path):
    write_jsonld(found, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["@context"] == json.loads(json.dumps(CONTEXT))
    return content["@graph"]


def test_entities_are_nodes_and_relations_their_properties(tmp_path):
    scored = ann().with_annotation(ann().entities, [Relation(0, 2, "Live_In", 0.5), Relation(0, 1, "works for")])
    again = ann("").with_annotation(ann().entities, [Relation(0, 2, "Live_In", 0.75)])
    lee, acme, paris = "entity:Peop:Ann%20Lee", "entity:Org:Acme", "entity:Loc:Paris"
    text = "Ann Lee of Acme lives in Paris ."
    assert graph_of([scored, again], tmp_path / "a") == [
        {
            "@id": lee,
            "@type": "type:Peop",
            "name": "Ann Lee",
            "count": 2,
            "relation:Live_In": [{"@id": paris}],
            "relation:works%20for": [{"@id": acme}],
        },
        {"@id": acme, "@type": "type:Org", "name": "Acme", "count": 2},
        {"@id": paris, "@type": "type:Loc", "name": "Paris", "count": 2},
        {
            "@type": "Relation",
            "head": lee,
            "property": "relation:Live_In",
            "tail": paris,
            "count": 2,
            "score": 0.75,
            "places": [
                {"sentence": "7", "text": text, "score": 0.5},
                {"sentence": "#2", "text": text, "score": 0.75},
            ],
        },
        {
            "@type": "Relation",
            "head": lee,
            "property": "relation:works%20for",
            "tail": acme,
            "count": 1,
            "places": [{"sentence": "7", "text": text}],
        },
    ]


def test_the_context_names_no_address():
    assert "http" not in json.dumps(CONTEXT)
    names = [value if isinstance(value, str) else value["@id"] for key, value in CONTEXT.items() if key != "@version"]
    assert all(name.startswith("urn:") for name in names)


@settings(deadline=None, max_examples=50)
@given(documents(scores=True))
def test_every_entity_and_relation_is_in_the_graph(tmp_path_factory, drawn):
    graph = graph_of(drawn, tmp_path_factory.getbasetemp() / "any.jsonld")
    nodes = {node["@id"]: node for node in graph if "@id" in node}
    # Compact names of the context's prefixes, whatever the types are.
    for name in [*nodes, *(key for node in graph for key in node if ":" in key)]:
        assert re.fullmatch(r"(entity|relation):[\w.~%:-]+", name, re.ASCII)
    kinds = {tuple(map(unquote, name.split(":")[1:])) for name in nodes}
    found = {(node["name"], unquote(node["@type"][len("type:") :])) for node in nodes.values()}
    assert kinds == {(kind, name) for name, kind in found}
    assert found == {
        (" ".join(document.entity_text(entity).split()), entity.type)
        for document in drawn
        for entity in document.entities
    }
    edges = [edge for edge in graph if "@id" not in edge]
    assert all(edge["count"] == len(edge["places"]) for edge in edges)
    assert sum(edge["count"] for edge in edges) == sum(len(document.relations) for document in drawn)
    for edge in edges:
        assert {"@id": edge["tail"]} in nodes[edge["head"]][edge["property"]]


def test_what_json_cannot_represent_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"lone surrogate\. Received: .* in sentence 1"):
        write_jsonld([Document(["\ud800"])], tmp_path / "a")
    with pytest.raises(InputError, match=r"outer blanks\. Received: .* in sentence 2"):
        write_jsonld([ann(), sentence("a", [(0, 1, "a\n")])], tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_relation_of_a_document_has_its_sentence(tmp_path):
    tokens = "It rained . Ann left Rome .".split()
    entities = [Entity(3, 4, "Peop"), Entity(5, 6, "Loc")]
    document = Document(tokens, entities, [Relation(0, 1, "Left")], id="7", sentences=[(0, 3), (3, 7)])
    assert graph_of([document], tmp_path / "a")[-1]["places"] == [{"sentence": "7:2", "text": "Ann left Rome ."}]
