"""Word pieces by hand, and windows by counting."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.encoders.subwords import Windows, WordPieces
from tests.encoders.tiny import BERT

VOCABULARY = [*BERT, "Ana", "é", "e", "ss", "1", "2", "½", "[", "]", "cls", "i", "##1"]


@functools.cache  # making one takes longer than its answers
def word_pieces(lower_case, strip_accents):
    return WordPieces(VOCABULARY, "[UNK]", lower_case, strip_accents)


def pieces(*tokens, lower_case=True, strip_accents=True):
    found = word_pieces(lower_case, strip_accents)(tf.constant(tokens, tf.string))
    return [[VOCABULARY[id] for id in row] for row in found.to_list()]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("Ana", ["ana"]),
        ("Lima", ["li", "##ma"]),
        ("rainy", ["rain", "##y"]),
        ("lima,oslo", ["li", "##ma", ",", "oslo"]),
        ("MÜNCHEN", ["munchen"]),
        ("Mu\u0308nchen", ["munchen"]),
        ("ß", ["ß"]),
        ("½", ["½"]),
        ("東京", ["東", "京"]),
        ("rainß", ["[UNK]"]),
        ("😀", ["[UNK]"]),
        ("ana😀", ["[UNK]"]),
        ("in oslo", ["in", "oslo"]),
        ("in\toslo\nin", ["in", "oslo", "in"]),
        ("o\u200bsl\x00o", ["oslo"]),
        (b"os\xfflo", ["oslo"]),
        ("[CLS]", ["[", "cls", "]"]),
        # Tokens that leave nothing.
        (" ", ["[UNK]"]),
        ("\u200b", ["[UNK]"]),
        ("\u0301", ["[UNK]"]),
        (b"\xff", ["[UNK]"]),
        # Up to 100 characters.
        ("x" * 100, ["x", *["##x"] * 99]),
        ("x" * 101, ["[UNK]"]),
    ],
)
def test_word_pieces(token, expected):
    assert pieces(token) == [expected]


def test_cased_and_accented():
    found = pieces("Ana", "ANA", "é", "e\u0301", lower_case=False, strip_accents=False)
    assert found == [["Ana"], ["[UNK]"], ["é"], ["[UNK]"]]
    assert pieces("É", lower_case=True, strip_accents=False) == [["é"]]
    assert pieces("É", "é", lower_case=False, strip_accents=True) == [["[UNK]"], ["e"]]


def test_no_tokens():
    assert pieces() == []


@pytest.mark.parametrize("capacity", [4, 5, 14, 15])
def test_windows_hold_all_and_give_most_context(capacity):
    sizes = [0, 1, capacity - 1, capacity, capacity + 1, 3 * capacity, 0, 10 * capacity + 3]
    windows = Windows(tf.constant(sizes), capacity)
    rows = windows.pieces.to_list()
    assert all(len(row) <= capacity for row in rows)
    window, position = (part.numpy() for part in windows.locate(tf.ones([sum(sizes)], tf.int32)))
    first = np.cumsum([0, *sizes[:-1]])
    for piece in range(sum(sizes)):
        assert rows[window[piece]][position[piece]] == piece
        sentence = np.searchsorted(first, piece, side="right") - 1
        contexts = [
            min(piece - row[0], row[-1] - piece)
            for row in rows
            if piece in row and row[0] >= first[sentence] and len(row) == capacity
        ]
        row = rows[window[piece]]
        assert min(piece - row[0], row[-1] - piece) == max(contexts, default=min(piece - row[0], row[-1] - piece))
    # One window for what fits.
    assert [len(row) for row in rows[:4]] == sizes[:4]


def test_windows_keep_a_token_together():
    groups = [1, 3, 2, 3, 1, 1, 3, 2, 2, 3] * 8
    windows = Windows(tf.constant([sum(groups)]), 14)
    window = windows.locate(tf.constant(groups))[0].numpy()
    for token in np.split(window, np.cumsum(groups)[:-1]):
        assert len(set(token)) == 1


def test_a_token_longer_than_a_window_takes_several():
    windows = Windows(tf.constant([41]), 14)
    window, position = (part.numpy() for part in windows.locate(tf.constant([1, 40])))
    rows = windows.pieces.to_list()
    assert [rows[w][p] for w, p in zip(window, position)] == list(range(41))
    assert len(set(window)) > 2
