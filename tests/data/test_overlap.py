import pytest
from hypothesis import given, settings

from cman_tf.data import formats
from cman_tf.data.document import Entity, Relation
from cman_tf.data.overlap import POLICIES, Counts, no_overlapping, resolve
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence


def nested():
    """An outer entity with an inner one, and one beside them; relations inner-beside and beside-outer."""
    return sentence(
        "lung cancer after aspirin",
        [(0, 1, "Organ"), (0, 2, "Effect"), (3, 4, "Drug")],
        [(0, 2, "R"), (2, 1, "R")],
        id="3",
    )


def size(drawn):
    return len(drawn), sum(len(d.entities) for d in drawn), sum(len(d.relations) for d in drawn)


def test_error_is_the_default_and_names_the_sentence_and_the_policies():
    with pytest.raises(
        InputError, match=r"drop_sentences\|keep_outer\|keep_inner\. Received: 'lung cancer' and 'lung' in sentence 2"
    ):
        resolve([ann(), nested()])
    assert resolve([ann()]) == ([ann()], Counts())


def test_drop_sentences():
    assert resolve([nested(), ann()], "drop_sentences") == ([ann()], Counts(1, 3, 2))


def test_keep_outer_renumbers_what_remains():
    (kept,), counts = resolve([nested()], "keep_outer")
    assert kept.entities == (Entity(0, 2, "Effect"), Entity(3, 4, "Drug"))
    assert kept.relations == (Relation(1, 0, "R"),)
    assert (kept.text, kept.id) == (nested().text, "3")
    assert counts == Counts(0, 1, 1)
    assert str(counts) == "0 sentences, 1 entities, 1 relations"


def test_keep_outer_keeps_the_longer_of_two_that_cross_and_the_first_of_equals():
    crossing = sentence("a b c d", [(0, 2, "A"), (1, 4, "B"), (1, 4, "C")])
    (kept,), counts = resolve([crossing], "keep_outer")
    assert kept.entities == (Entity(1, 4, "B"),)
    assert counts == Counts(0, 2, 0)


def test_keep_inner_keeps_the_shortest():
    (kept,), counts = resolve(
        [sentence("New York City Hall", [(0, 4, "Org"), (0, 3, "Loc"), (3, 4, "Org")])], "keep_inner"
    )
    assert kept.entities == (Entity(0, 3, "Loc"), Entity(3, 4, "Org"))
    assert counts == Counts(0, 1, 0)


def test_no_overlapping_drops_outer_entities_too():
    (kept,), counts = no_overlapping([nested()])
    assert kept.entities == (Entity(3, 4, "Drug"),)
    assert kept.relations == ()
    assert counts == Counts(0, 2, 2)


def test_a_mistyped_policy_gets_the_nearest():
    with pytest.raises(
        InputError, match="error, drop_sentences, keep_outer, keep_inner. Received: keep_iner; nearest: keep_inner"
    ):
        resolve([], "keep_iner")


def test_counts_are_true_if_anything_was_dropped():
    assert not Counts()
    assert Counts(relations=1)


@settings(deadline=None)
@given(documents())
def test_no_policy_leaves_an_overlap_or_changes_a_sentence_without_one(drawn):
    for policy in (no_overlapping, *(lambda d, p=p: resolve(d, p) for p in POLICIES if p != "error")):
        kept, counts = policy(drawn)
        assert not any(document.overlapping() for document in kept)
        plain = [document for document in drawn if not document.overlapping()]
        assert policy(plain) == (plain, Counts())
        assert tuple(a - b for a, b in zip(size(drawn), size(kept))) == (
            counts.sentences,
            counts.entities,
            counts.relations,
        )


def test_ade_has_the_figures_of_the_literature(public_data):
    ade = formats.read(public_data / "ade" / "ade_full.json")
    assert size(ade) == (4272, 10839, 6821)
    assert size(resolve(ade, "drop_sentences")[0]) == (4153, 10477, 6552)
    assert resolve(ade, "drop_sentences")[1] == Counts(119, 10839 - 10477, 6821 - 6552)
    assert resolve(ade, "keep_outer")[1] == Counts(0, 120, 194)
    with pytest.raises(InputError, match=r"in sentence \d+ \(id '\d+'\)$"):
        resolve(ade)
