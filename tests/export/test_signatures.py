"""More found than there are places for: the best are kept, the rest is counted."""

import tensorflow as tf

from cman_tf.data.schema import Schema
from cman_tf.data.tokenizer import tokenize
from export.probe import Probe
from export.signatures import Signatures, best
from tests.export.tiny import rows

SCHEMA = Schema(("Loc", "Peop"), ("Live_In", "Kill"))


class Found:
    """An extractor that finds four entities and three relations in the first sentence, nothing in the others."""

    def split(self, text):
        tokens, starts, ends = tokenize(text)
        return {"tokens": tokens.to_tensor(""), "token_start": starts.to_tensor(0), "token_end": ends.to_tensor(0)}

    def from_tokens(self, tokens):
        def rows(first):
            values = tf.constant([first])
            return tf.pad(values, [[0, tf.shape(tokens)[0] - 1], [0, 0]])

        return {
            "tags": tf.ones_like(tokens, tf.int32)
            if tokens.dtype != tf.string
            else tf.ones(tf.shape(tokens), tf.int32),
            "entity_start": rows([0, 1, 3, 4]),
            "entity_end": rows([1, 3, 4, 5]),
            "entity_type": rows([0, 1, 0, 1]),
            "entity_score": rows([0.9, 0.2, 0.8, 0.7]),
            "entity_mask": rows([True] * 4),
            "relation_head": rows([0, 1, 3]),
            "relation_tail": rows([2, 0, 0]),
            "relation_type": rows([0, 0, 1]),
            "relation_score": rows([0.6, 0.99, 0.7]),
            "relation_mask": rows([True] * 3),
        }


def answer(texts, **limits):
    functions = Signatures(Found(), SCHEMA, **limits).functions()
    signatures = {name: functions[name] for name in ("serving_default", "tokens")}
    return rows(Probe(tf, signatures).answers("serving_default", "text", texts))


TEXT = "aa bb cc dd ee"


def scoreless(items):
    return [item[:-1] for item in items]


def test_everything_has_a_place():
    found, empty = answer([TEXT, "x"], max_entities=4, max_relations=3, max_tokens=5)
    assert scoreless(found["entities"]) == [
        [0, 1, 0, 2, "Loc"],
        [1, 3, 3, 8, "Peop"],
        [3, 4, 9, 11, "Loc"],
        [4, 5, 12, 14, "Peop"],
    ]
    assert scoreless(found["relations"]) == [[0, 2, "Live_In"], [1, 0, "Live_In"], [3, 0, "Kill"]]
    assert found["overflow"] == {"token": 0, "entity": 0, "relation": 0}
    assert (empty["entities"], empty["relations"], empty["overflow"]["entity"]) == ([], [], 0)


def test_a_dropped_entity_takes_its_relations_along_and_indices_follow():
    found, empty = answer([TEXT, "x"], max_entities=3, max_relations=9, max_tokens=5)
    assert [item[0] for item in found["entities"]] == [0, 3, 4]
    assert scoreless(found["relations"]) == [[0, 1, "Live_In"], [2, 0, "Kill"]]
    assert found["overflow"] == {"token": 0, "entity": 1, "relation": 1}
    assert empty["overflow"] == {"token": 0, "entity": 0, "relation": 0}


def test_the_best_relations_are_kept_in_their_order():
    found = answer([TEXT], max_entities=9, max_relations=2, max_tokens=5)[0]
    assert scoreless(found["relations"]) == [[1, 0, "Live_In"], [3, 0, "Kill"]]
    assert found["overflow"] == {"token": 0, "entity": 0, "relation": 1}


def test_one_place_is_enough_for_the_best():
    found = answer([TEXT], max_entities=1, max_relations=1, max_tokens=5)[0]
    assert scoreless(found["entities"]) == [[0, 1, 0, 2, "Loc"]]
    assert found["relations"] == []
    assert found["overflow"] == {"token": 0, "entity": 3, "relation": 3}


def test_tokens_past_the_limit_are_counted_in_their_row():
    short, long = answer(["x", f"{TEXT} ff gg"], max_entities=9, max_relations=9, max_tokens=5)
    assert long["tokens"] == TEXT.split()
    assert long["overflow"]["token"] == 2
    assert short["overflow"]["token"] == 0


def test_of_equal_scores_the_first_is_kept():
    place, kept = best(
        tf.constant([[0.5, 0.5, 0.5], [0.1, 0.0, 0.9]]), tf.constant([[True] * 3, [True, True, False]]), 2
    )
    assert place.numpy().tolist() == [[0, 1], [0, 1]]
    assert kept.numpy().all()
