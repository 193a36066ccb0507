"""The converted encoders compute the same numbers as the published models."""

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from cman_tf.encoders.character_models import CharacterModels
from cman_tf.encoders.flair import FlairFolder
from cman_tf.encoders.transformer import Transformer
from tests.encoders import numpy_models, tiny

# Each token with its word pieces, by hand.
PIECES = [
    ("Ana", ["ana"]),
    ("lives", ["lives"]),
    ("in", ["in"]),
    ("Anma", ["an", "##ma"]),
    ("Münchens", ["munchen", "##s"]),
    ("zzz", ["[UNK]"]),
    ("Lima", ["li", "##ma"]),
    (".", ["."]),
]
LONG = [PIECES[number % len(PIECES)] for number in range(45)]


def states(kind, source, pieces):
    """Every layer's vectors `(pieces, layers, width)` of one window, without its borders."""
    vocabulary = tiny.BERT if kind == "bert" else tiny.MPNET
    begin, end = ("[CLS]", "[SEP]") if kind == "bert" else ("<s>", "</s>")
    ids = [vocabulary.index(piece) for piece in (begin, *pieces, end)]
    tensors = load_file(source / "model.safetensors")
    epsilon = 1e-12 if kind == "bert" else 1e-5
    found = numpy_models.transformer(kind, tensors, ids, tiny.HEADS, tiny.LAYERS, epsilon)
    return found.transpose(1, 0, 2)[1:-1]


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_a_sentence(sources, encoders, kind):
    pieces = [piece for _, parts in PIECES for piece in parts]
    vectors, expected = iter(states(kind, sources[kind], pieces)), []
    for _, parts in PIECES:
        expected.append(np.mean([next(vectors) for _ in parts], axis=0))
    found = encoders[kind](tf.constant([[token for token, _ in PIECES]]))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_a_sentence_longer_than_the_positions(sources, encoders, kind):
    """Windows of 14 pieces, 7 apart: each token from one in which it has as much context as it can have."""
    tokens, groups = zip(*LONG)
    pieces = [piece for parts in groups for piece in parts]
    capacity = tiny.POSITIONS - 2
    starts = [*range(0, len(pieces) - capacity, capacity // 2), len(pieces) - capacity]
    windows = [states(kind, sources[kind], pieces[start : start + capacity]) for start in starts]
    found = encoders[kind](tf.constant([tokens]))[0].numpy()
    position = 0
    for vectors, parts in zip(found, groups):
        place, size = position, len(parts)
        position += size
        middle = place + (size - 1) // 2

        def context(start, middle=middle):
            return min(middle - start, start + capacity - 1 - middle)

        best = max(context(start) for start in starts if start <= place and place + size <= start + capacity)
        candidates = [
            windows[number][place - start : place - start + size].mean(axis=0)
            for number, start in enumerate(starts)
            if start <= place and place + size <= start + capacity and context(start) == best
        ]
        assert min(np.abs(vectors - candidate).max() for candidate in candidates) < 1e-5


@pytest.mark.parametrize("buckets", [8, 32])
def test_relative_positions(buckets):
    """Every distance in the bin of the formula, those on a border too, in a graph as outside."""
    width, table = 300, np.arange(buckets, dtype=np.float32)[:, None]
    transformer = Transformer({"layer_0/relative": table}, layers=0, heads=1)
    expected = [[numpy_models.bucket(j - i, buckets) for j in range(width)] for i in range(width)]
    for call in (transformer._relative, tf.function(transformer._relative)):
        np.testing.assert_array_equal(call(tf.constant(width))[0, 0], expected)


@pytest.mark.parametrize("with_whitespace", [False, True])
@pytest.mark.parametrize(
    "words",
    [["Ana"], ["Ana", "lives", "in", "Oslo", "."], ["a", "😀", "日本", "a😀b", "é"], ["ne\u0301", "👩‍👩‍👧", "\u200b"]],
    ids=["one word", "ASCII", "beyond", "joined"],
)
def test_characters(sources, encoders, words, with_whitespace):
    source = FlairFolder(sources["flair"])
    encoder = encoders["flair"]
    if with_whitespace:
        encoder = CharacterModels(source.characters, source.weights, with_whitespace)
    with np.load(sources["flair"] / "lm.npz") as tensors:
        expected = numpy_models.flair(dict(tensors), source.characters, words, with_whitespace)
    # Beside others, for a batch holds sentences that end at different times.
    batch = [[*words, *[""] * (6 - len(words))], ["in"] * 6, ["Oslo", *[""] * 5]]
    np.testing.assert_allclose(encoder(tf.constant(batch))[0, : len(words), 0], expected, atol=1e-5)


def test_elmo_has_the_words_twice_then_both_layers(modules, encoders):
    tokens = tf.constant([["Ana", "in", "Rome", "Oslo"], ["lives", "in", "", ""]])
    outputs = encoders["elmo"].module.module.signatures["tokens"](tokens=tokens, sequence_len=tf.constant([4, 2]))
    found = encoders["elmo"](tokens).numpy()
    for row, length in ((0, 4), (1, 2)):
        words = outputs["word_emb"][row, :length]
        np.testing.assert_array_equal(found[row, :length, 0], np.concatenate([words, words], axis=-1))
        np.testing.assert_array_equal(found[row, :length, 1], outputs["lstm_outputs1"][row, :length])
        np.testing.assert_array_equal(found[row, :length, 2], outputs["lstm_outputs2"][row, :length])
    assert np.abs(outputs["lstm_outputs1"][1, 2:]).max() > 0  # the module's own padding is not 0
