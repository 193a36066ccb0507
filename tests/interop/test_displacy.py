import pytest

from cman_tf.errors import InputError
from cman_tf.interop import displacy
from tests.data.examples import ann, sentence


def test_entities_are_marked_in_the_order_of_the_text():
    document = sentence("Ann < Rome", [(2, 3, "Loc"), (0, 1, "Peop")])
    assert displacy.entities(document)["ents"] == [
        {"start": 0, "end": 3, "label": "Peop"},
        {"start": 6, "end": 10, "label": "Loc"},
    ]
    html = displacy.render(document)
    assert html.index("Peop") < html.index("&lt;") < html.index("Loc")


def test_relations_are_arcs_from_head_to_tail():
    data = displacy.relations(ann())
    assert [word["text"] for word in data["words"]] == ["Ann Lee", "of", "Acme", "lives", "in", "Paris", "."]
    assert data["arcs"][1] == {"start": 0, "end": 5, "label": "Live_In", "dir": "right"}
    backwards = sentence("Rome , Ann", [(0, 1, "Loc"), (2, 3, "Peop")], [(1, 0, "Live_In")])
    assert displacy.relations(backwards)["arcs"] == [{"start": 0, "end": 2, "label": "Live_In", "dir": "left"}]
    assert displacy.render(backwards, "dep", distance=90).count("Live_In") == 1


def test_overlapping_entities_have_no_arcs():
    with pytest.raises(InputError, match="overlap"):
        displacy.render(sentence("a b", [(0, 2, "A"), (1, 2, "B")]), "dep")
