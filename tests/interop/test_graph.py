import json

import networkx

from cman_tf.data.document import Document
from cman_tf.interop.graph import graph_picture, relation_graph, write_graphml
from tests.data.examples import sentence
from tests.inspection.test_pictures import drawn

DOCUMENTS = [
    sentence("Ann left Rome", [(0, 1, "Peop"), (2, 3, "Loc", 0.5)], [(0, 1, "Left", 0.25)], id="7"),
    sentence("Ann lives in Rome", [(0, 1, "Peop"), (3, 4, "Loc")], [(0, 1, "Live_In"), (0, 1, "Left")]),
    sentence("Rome met Bo", [(0, 1, "Peop"), (2, 3, "Peop")]),
]


def test_entities_of_the_same_words_and_type_are_one_node():
    graph = relation_graph(DOCUMENTS)
    assert dict(graph.nodes(data="count")) == {"Peop:Ann": 2, "Loc:Rome": 2, "Peop:Rome": 1, "Peop:Bo": 1}
    left = [{"sentence": "7", "text": "Ann left Rome", "score": 0.25}, {"sentence": "#2", "text": "Ann lives in Rome"}]
    edges = [(head, tail, {**about, "places": json.loads(about["places"])}) for head, tail, about in graph.edges.data()]
    assert edges == [
        ("Peop:Ann", "Loc:Rome", {"type": "Left", "count": 2, "score": 0.25, "places": left}),
        ("Peop:Ann", "Loc:Rome", {"type": "Live_In", "count": 1, "places": left[1:]}),
    ]


def test_other_programs_read_the_file(tmp_path):
    bad = Document(["a\x1b<&", "b\ud800"], [], text="a\x1b<& b\ud800", offsets=[(0, 4), (5, 7)])
    bad = bad.with_annotation(sentence("a b", [(0, 1, "A"), (1, 2, "B")]).entities, DOCUMENTS[0].relations)
    write_graphml([*DOCUMENTS, bad], tmp_path / "a.graphml")
    graph = networkx.read_graphml(tmp_path / "a.graphml")
    assert graph.nodes["Peop:Ann"] == {"mention": "Ann", "type": "Peop", "count": 2}
    assert sorted(kind for *_, kind in graph.edges(data="type")) == ["Left", "Left", "Live_In"]
    assert max(count for *_, count in graph.edges(data="count")) == 2
    assert graph.nodes[r"A:a\x1b<&"]["mention"] == r"a\x1b<&"


def test_graph_shows_what_is_related():
    document = sentence(
        "Ana of $Lima$ left Oslo", [(0, 1, "Peop"), (2, 3, "Loc"), (4, 5, "Loc")], [(0, 1, "Live_In"), (0, 1, "Left")]
    )
    figure = graph_picture(relation_graph([document]))
    drawn(figure)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(texts) == sorted(["Ana", r"\$Lima\$", "Live_In, Left"])
    drawn(graph_picture(networkx.MultiDiGraph()))
