"""Runs of words that two corpora share."""

from reproduction.overlap import shared


def test_runs_of_words_that_are_in_both():
    first = [("a", "b", "c", "d"), ("x",)]
    assert shared(first, [("z", "b", "c", "d"), ("a", "b")], 2) == {("a", "b"), ("b", "c"), ("c", "d")}
    assert shared(first, [("z", "b", "c", "d"), ("a", "b")], 3) == {("b", "c", "d")}
    # A run does not cross sentences.
    assert shared([("a",), ("b",)], [("a", "b")], 2) == set()
