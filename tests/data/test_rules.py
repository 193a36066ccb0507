"""Rules of relations: reading their names, and learning them from annotation."""

import pytest

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.rules import LEAST, learn, parse
from cman_tf.data.schema import Schema
from cman_tf.errors import InputError

TYPES = ["Born_In", "Spouse", "Parent=Of", "Child_Of"]


def test_names_of_rules():
    rules = ["one_tail:Born_In", "one_head:Spouse", "symmetric:Spouse", "inverse:Parent=Of=Child_Of"]
    assert parse(rules, TYPES) == (False, (True, False, False, False), (False, True, False, False), (-1, 1, 3, 2))
    assert parse(["learnt", "one_tail:Spouse"], TYPES, ["one_type_per_pair"])[:2] == (True, (False, True, False, False))
    assert parse(["symmetric:Spouse", "learnt"], TYPES, ["symmetric:Spouse"]).inverse == (-1, 1, -1, -1)
    assert parse([], TYPES) == (False, (False,) * 4, (False,) * 4, (-1,) * 4)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["two_tails:Spouse"], "A rule of `decoding.rules` must be one_type_per_pair, .*Received: two_tails:Spouse$"),
        (["one_tail:Born"], "must name a relation type: Born_In, .* Received: one_tail:Born; nearest: Born_In$"),
        (["inverse:Spouse"], "must name a relation type.*Received: inverse:Spouse"),
        (
            ["symmetric:Spouse", "inverse:Spouse=Child_Of"],
            "must not give a type two inverse types. Received: .* for Spouse$",
        ),
        (["inverse:Born_In=Spouse", "inverse:Spouse=Child_Of"], "two inverse types. Received: .* for Spouse$"),
        (["one_type_per_pair", "symmetric:Spouse"], "must not have one_type_per_pair with a symmetric"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules, said):
    with pytest.raises(InputError, match=said):
        parse(rules, TYPES)


def sentence(*relations):
    entities = [Entity(position, position + 1, "x") for position in range(4)]
    return Document(["w"] * 4, entities, [Relation(head, tail, kind) for kind, head, tail in relations])


def test_rules_that_the_annotation_obeys_are_learnt():
    once = [sentence(("Born_In", 0, 1), ("Spouse", 2, 3), ("Spouse", 3, 2))] * LEAST
    expected = ("one_head:Born_In", "one_head:Spouse", "one_tail:Born_In", "one_tail:Spouse", "symmetric:Spouse")
    assert learn(once) == expected
    assert learn(once[:-1]) == ("one_head:Spouse", "one_tail:Spouse", "symmetric:Spouse")
    twice = [*once, sentence(("Born_In", 0, 1), ("Born_In", 0, 2))]
    assert learn(twice) == tuple(rule for rule in expected if rule != "one_tail:Born_In")
    assert learn([*once * 4, sentence(("Born_In", 0, 1), ("Born_In", 0, 2))]) == tuple(
        rule for rule in expected if rule != "one_tail:Born_In"
    )
    assert learn([*once * 8, sentence(("Born_In", 0, 1), ("Born_In", 0, 2))]) == expected
    assert learn([*once, sentence(("Spouse", 0, 1))]) == tuple(rule for rule in expected if "symmetric" not in rule)


def test_one_type_per_pair_is_not_learnt_beside_a_rare_symmetric_type():
    rare = [sentence(("Spouse", 0, 1), ("Spouse", 1, 0))] * (LEAST // 2)
    rules = learn([*[sentence(("Born_In", 0, 1))] * 100 * LEAST, *rare])
    assert "symmetric:Spouse" in rules
    assert "one_type_per_pair" not in rules
    assert parse(rules, TYPES).inverse[TYPES.index("Spouse")] == TYPES.index("Spouse")


def test_a_schema_keeps_them_and_older_schemas_have_none():
    schema = Schema.of([sentence(("Born_In", 0, 1))] * LEAST)
    assert schema.rules == ("one_head:Born_In", "one_tail:Born_In", "one_type_per_pair")
    assert Schema.from_json(schema.to_json()) == schema
    assert Schema.from_json('{"entity_types": ["x"], "relation_types": [], "signatures": []}').rules == ()
