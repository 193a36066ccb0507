import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.config.fields import DecodingConfig
from cman_tf.data.schema import Schema
from cman_tf.layers.crf import CRF
from cman_tf.model.assembly import forbidden_transitions
from cman_tf.model.decoding import by_row, decode_entities, decode_relations, entity_scores, last_tokens
from cman_tf.model.extraction import allowed_types
from cman_tf.model.extraction import constraints as make_constraints

# O, B-0, I-0, B-1, I-1
OUT, B0, I0, B1, I1 = range(5)


def spans(tags):
    found = decode_entities(tf.constant([tags]), tf.constant([len(tags)]))
    kept = found["entity_mask"][0]
    return list(zip(*(found[f"entity_{name}"][0][kept].numpy().tolist() for name in ("start", "end", "type"))))


@pytest.mark.parametrize(
    ("row", "rows", "expected"),
    [([0, 0, 2], 3, [[5, 6], [0, 0], [7, 0]]), ([1], 2, [[0], [5]]), ([], 2, [[], []]), ([], 0, [])],
)
def test_items_are_padded_by_row(row, rows, expected):
    values = tf.constant([5, 6, 7][: len(row)], tf.int32)
    assert by_row(tf.constant(row, tf.int32), tf.constant(rows))(values).numpy().tolist() == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([OUT, OUT], []),
        ([B0, I0, OUT, B1], [(0, 2, 0), (3, 4, 1)]),
        ([B0, B0], [(0, 1, 0), (1, 2, 0)]),
        ([OUT, I0, I0], [(1, 3, 0)]),  # conlleval: I- after O opens a chunk
        ([B0, I1, I1], [(0, 1, 0), (1, 3, 1)]),  # and so does I- after another type
        ([I0], [(0, 1, 0)]),
        ([B1, I1, B1, I1], [(0, 2, 1), (2, 4, 1)]),
    ],
)
def test_chunks(tags, expected):
    assert spans(tags) == expected


def test_padding_is_no_entity():
    found = decode_entities(tf.constant([[B0, I0, I0], [OUT, B1, OUT]]), tf.constant([2, 3]))
    np.testing.assert_array_equal(found["entity_end"], [[2], [2]])
    found = decode_entities(tf.constant([[B0, B0]]), tf.constant([0]))
    assert found["entity_mask"].shape == (1, 0)


def scores_of(cells, tokens=4, relations=2):
    scores = np.full([1, tokens, tokens, relations], -9.0, np.float32)
    for cell, score in cells.items():
        scores[(0, *cell)] = score
    return tf.constant(scores)


def constraints(rules=()):
    """Of two entity types and the relation types `a` and `b`."""
    return make_constraints(Schema(["x", "y"], ["a", "b"]), DecodingConfig(rules=tuple(rules)))


def found_relations(scores, tags, **options):
    entities = decode_entities(tf.constant([tags]), tf.constant([len(tags)]))
    places = last_tokens(entities)[0]
    scores = tf.gather(tf.gather(scores, places, axis=1), places, axis=2)
    allowed = options.pop("allowed", tf.ones([2, 2, 2], tf.bool))
    obeyed = constraints(options.pop("rules", []))._replace(allowed=allowed)
    scale = options.pop("scale", (1.0, 0.0))
    found = decode_relations(scores, entities, options.pop("threshold", 0.5), obeyed, scale)
    kept = found["relation_mask"][0]
    return list(zip(*(found[f"relation_{name}"][0][kept].numpy().tolist() for name in ("head", "tail", "type"))))


def test_relations_link_last_tokens_from_row_to_column():
    tags = [B0, I0, OUT, B1]
    assert found_relations(scores_of({(1, 3, 1): 2.0}), tags) == [(0, 1, 1)]
    assert found_relations(scores_of({(3, 1, 0): 2.0, (1, 3, 1): 2.0}), tags) == [(0, 1, 1), (1, 0, 0)]
    # Not the last token of an entity, no entity, itself: no relation.
    assert found_relations(scores_of({(0, 3, 1): 2.0, (2, 3, 1): 2.0, (1, 1, 0): 2.0}), tags) == []


def test_a_pair_may_have_several_relations():
    assert found_relations(scores_of({(0, 1, 0): 1.0, (0, 1, 1): 1.0}), [B0, B1, OUT, OUT]) == [(0, 1, 0), (0, 1, 1)]


def test_threshold_is_a_probability():
    scores, tags = scores_of({(0, 1, 0): 0.4}), [B0, B1, OUT, OUT]  # sigma(.4) = .599
    assert found_relations(scores, tags, threshold=0.59) == [(0, 1, 0)]
    assert found_relations(scores, tags, threshold=0.61) == []


def test_relation_score_is_the_sigmoid():
    entities = decode_entities(tf.constant([[B0, B1]]), tf.constant([2]))
    logits = np.array([[[[0, 0], [0.4, 3]], [[-2, 1], [0, 0]]]], np.float32)
    found = decode_relations(tf.constant(logits), entities, 0.0, constraints())
    cells = zip(*(found[f"relation_{name}"][0].numpy().tolist() for name in ("head", "tail", "type")))
    scores = dict(zip(cells, found["relation_score"][0].numpy()))
    expected = {(0, 1, 0): 0.4, (0, 1, 1): 3, (1, 0, 0): -2, (1, 0, 1): 1}
    assert scores == pytest.approx({cell: 1 / (1 + np.exp(-logit)) for cell, logit in expected.items()})


def test_type_constraint(schema, documents):
    allowed = allowed_types(schema)
    live_in, loc, peop = 0, 0, 1
    assert schema.relation_types[live_in] == "Live_In"
    assert allowed.numpy()[peop, loc].tolist() == [True, False]
    tags = [3, 1, OUT, OUT]  # B-Peop, B-Loc
    every = scores_of({(0, 1, 0): 1.0, (1, 0, 0): 1.0, (0, 1, 1): 1.0})
    assert len(found_relations(every, tags)) == 3
    assert found_relations(every, tags, allowed=allowed) == [(0, 1, live_in)]


THREE = [B0, B1, B0, OUT]
SCORES = {(0, 1, 0): 3.0, (0, 1, 1): 2.0, (1, 0, 0): 1.0, (0, 2, 0): 2.5, (2, 1, 0): 1.5}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0), (2, 1, 0)]),
        (["one_type_per_pair"], [(0, 1, 0), (0, 2, 0), (2, 1, 0)]),
        (["one_tail:a"], [(0, 1, 0), (0, 1, 1), (1, 0, 0), (2, 1, 0)]),
        (["one_head:a"], [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0)]),
        (["one_tail:b"], [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0), (2, 1, 0)]),
        (["symmetric:b"], [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 0, 0), (1, 0, 1), (2, 1, 0)]),
        (["one_type_per_pair", "one_tail:a"], [(0, 1, 0), (2, 1, 0)]),
    ],
)
def test_rules_keep_the_best_relations(rules, expected):
    assert found_relations(scores_of(SCORES), THREE, rules=rules) == expected


def test_an_inverse_type_is_stated_in_the_other_direction_with_the_same_score():
    entities = decode_entities(tf.constant([[B0, B1]]), tf.constant([2]))
    logits = np.full([1, 2, 2, 2], -9.0, np.float32)
    logits[0, 0, 1, 0] = 2.0
    found = decode_relations(tf.constant(logits), entities, 0.5, constraints(["inverse:a=b"]))
    cells = zip(*(found[f"relation_{name}"][0].numpy().tolist() for name in ("head", "tail", "type")))
    assert sorted(cells) == [(0, 1, 0), (1, 0, 1)]
    np.testing.assert_allclose(found["relation_score"][0], 1 / (1 + np.exp([-2.0, -2.0])), rtol=1e-6)


@pytest.mark.parametrize("rules", [["one_tail:a"], ["one_head:b"], ["one_type_per_pair"]])
def test_equal_probabilities_do_not_keep_both(rules):
    # The sigmoid of 20 and of 25 is 1.
    kinds = {"one_tail:a": [(0, 1, 0), (0, 2, 0)], "one_head:b": [(0, 1, 1), (2, 1, 1)]}
    first, second = kinds.get(rules[0], [(0, 1, 0), (1, 0, 1)])
    assert found_relations(scores_of({first: 20.0, second: 25.0}), THREE, rules=rules) == [second]
    assert found_relations(scores_of({first: 25.0, second: 25.0}), THREE, rules=rules) == [first]


def test_what_a_symmetric_type_adds_obeys_the_other_rules():
    rules = ["one_head:a", "one_tail:a", "symmetric:a"]
    assert found_relations(scores_of({(0, 1, 0): 3.0, (2, 0, 0): 2.0}), THREE, rules=rules) == [(0, 1, 0), (1, 0, 0)]
    # The pair that excludes 2 and 3 is excluded itself.
    chain = scores_of({(0, 1, 0): 3.0, (1, 2, 0): 2.0, (3, 2, 0): 1.0})
    expected = [(0, 1, 0), (1, 0, 0), (2, 3, 0), (3, 2, 0)]
    assert found_relations(chain, [B0, B0, B0, B0], rules=rules) == expected


def test_what_an_inverse_type_adds_obeys_the_type_constraint():
    allowed = np.zeros([2, 2, 2], bool)
    allowed[0, 1, 0] = True  # x -a-> y, but not y -b-> x
    scores, tags = scores_of({(0, 1, 0): 3.0}), [B0, B1, OUT, OUT]
    assert found_relations(scores, tags, rules=["inverse:a=b"], allowed=tf.constant(allowed)) == []
    allowed[1, 0, 1] = True
    found = found_relations(scores, tags, rules=["inverse:a=b"], allowed=tf.constant(allowed))
    assert found == [(0, 1, 0), (1, 0, 1)]


def broken(kept, rules, allowed, types):
    """The rules that relations `(head, tail, type)` break."""
    found = set()
    for one, other in itertools.combinations(kept, 2):
        if one[2] == other[2]:
            found |= {f"one_{end}:{'ab'[one[2]]}" for end, i in (("tail", 0), ("head", 1)) if one[i] == other[i]}
        if {*one[:2]} == {*other[:2]}:
            found.add("one_type_per_pair")
    for head, tail, kind in kept:
        same, inverse = (tail, head, kind) in kept, (tail, head, 1 - kind) in kept
        found |= {rule for rule, holds in ((f"symmetric:{'ab'[kind]}", same), ("inverse:a=b", inverse)) if not holds}
    types_allowed = all(allowed[types[head], types[tail], kind] for head, tail, kind in kept)
    return sorted(found & set(rules)) + ["type_constrained"] * (not types_allowed)


def taken(logits, rules, allowed, types):
    """Relations taken one after the other, those with the highest logit first, where they break no rule."""
    inverse = {kind: kind for kind in (0, 1) if f"symmetric:{'ab'[kind]}" in rules}
    inverse = {0: 1, 1: 0} if "inverse:a=b" in rules else inverse
    groups = {}
    for head, tail, kind in itertools.product(range(len(types)), range(len(types)), range(2)):
        if head != tail and logits[head, tail, kind] > 0:
            other = (tail, head, inverse[kind]) if kind in inverse else (head, tail, kind)
            group = frozenset([(head, tail, kind), other])
            groups[group] = max(groups.get(group, 0), logits[head, tail, kind])
    kept = set()
    # Of equal ones the first, whether it or its opposite has the score.
    for group in sorted(groups, key=lambda group: (-groups[group], min(group))):
        if not broken(kept | group, rules, allowed, types):
            kept |= group
    return sorted(kept)


RULES = ["one_tail:a", "one_tail:b", "one_head:a", "one_head:b"]
TURNED = [["one_type_per_pair"], ["symmetric:a"], ["symmetric:b"], ["symmetric:a", "symmetric:b"], ["inverse:a=b"], []]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_relations_obey_all_rules_together(data):
    rules = data.draw(st.lists(st.sampled_from(RULES), unique=True)) + data.draw(st.sampled_from(TURNED))
    types = data.draw(st.lists(st.sampled_from([0, 1]), min_size=2, max_size=5))
    # Few values, so that many are equal; with all of these the sigmoid is nearly or exactly 1, or below the threshold.
    size = len(types) ** 2 * 2
    values = data.draw(st.lists(st.sampled_from([-9.0, -1.0, 1.0, 2.0, 20.0, 25.0]), min_size=size, max_size=size))
    logits = np.array(values, np.float32).reshape(len(types), len(types), 2)
    signatures = data.draw(st.one_of(st.just([True] * 8), st.lists(st.booleans(), min_size=8, max_size=8)))
    allowed = np.array(signatures).reshape(2, 2, 2)
    padded = np.pad(logits, [[0, 1], [0, 1], [0, 0]], constant_values=30.0)
    entities = {
        "entity_type": tf.constant([[*types, 0]]),
        "entity_mask": tf.constant([[True] * len(types) + [False]]),
    }
    obeyed = constraints(rules)._replace(allowed=tf.constant(allowed))
    found = decode_relations(tf.constant(padded[None]), entities, 0.5, obeyed)
    kept = list(zip(*(found[f"relation_{name}"][0].numpy().tolist() for name in ("head", "tail", "type"))))
    assert not broken(set(kept), rules, allowed, types)
    assert kept == taken(logits, rules, allowed, types)


def test_entity_score_is_the_marginal_of_its_span():
    random = np.random.default_rng(0)
    crf = CRF(5)
    crf(tf.zeros([1, 1, 2]))
    crf.transitions.assign(random.normal(size=(5, 5)))
    lengths, tags = [4, 3], np.array([[OUT, B0, I0, OUT], [B1, I1, B0, OUT]], np.int32)
    emissions = random.normal(size=(2, 4, 5)).astype(np.float32)
    entities = decode_entities(tf.constant(tags), tf.constant(lengths))
    found = entity_scores(crf, emissions, tf.constant(tags), entities, tf.constant(lengths)).numpy()
    transitions = crf.transitions.numpy()
    for row, length in enumerate(lengths):
        scores = {}
        for sequence in itertools.product(range(5), repeat=length):
            scores[sequence] = np.exp(
                sum(emissions[row, time, tag] for time, tag in enumerate(sequence))
                + sum(transitions[pair] for pair in zip(sequence, sequence[1:]))
            )
        for index, (start, end, label) in enumerate(spans(tags[row, :length].tolist())):
            with_span = sum(
                score
                for sequence, score in scores.items()
                if list(sequence[start:end]) == tags[row, start:end].tolist()
                and (end == length or sequence[end] != 2 + 2 * label)
            )
            np.testing.assert_allclose(found[row, index], with_span / sum(scores.values()), rtol=1e-6)


def test_entity_scores_stay_exact_in_long_sentences():
    """Compared with the share of the sequences that contain the span, in double precision."""
    random = np.random.default_rng(1)
    crf, length = CRF(5), 600
    crf(tf.zeros([1, 1, 2]))
    crf.transitions.assign(random.normal(size=(5, 5)))
    emissions = (5 * random.normal(size=(1, length, 5))).astype(np.float32)
    tags = crf.decode(tf.constant(emissions), tf.constant([length]))
    entities = decode_entities(tags, tf.constant([length]))
    found = entity_scores(crf, emissions, tags, entities, tf.constant([length])).numpy()[0]

    def log_norm(scores):
        total = scores[0]
        for row in scores[1:]:
            total = np.logaddexp.reduce(total[:, None] + crf.transitions.numpy().astype(np.float64), axis=0) + row
        return np.logaddexp.reduce(total)

    every = log_norm(emissions[0].astype(np.float64))
    chosen = spans(tags[0].numpy().tolist())
    assert len(chosen) > 50
    for index in (0, len(chosen) // 2, len(chosen) - 2):
        start, end, label = chosen[index]
        held = emissions[0].astype(np.float64)
        for position in range(start, end):
            others = [tag for tag in range(5) if tag != tags[0, position]]
            held[position, others] = -1e9
        held[end, 2 + 2 * label] = -1e9
        assert found[index] == pytest.approx(np.exp(log_norm(held) - every), abs=1e-6)


def test_bio_constraint_forbids_i_without_its_b():
    forbidden = set(forbidden_transitions(5))
    assert (-1, I0) in forbidden
    assert (OUT, I1) in forbidden
    assert (B0, I1) in forbidden
    assert not {(B0, I0), (I0, I0), (OUT, B0), (I0, B1), (-1, B1)} & forbidden
