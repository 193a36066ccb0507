"""Smaller word tables: how much smaller, how near, and refused where they cost too much."""

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.errors import InputError
from cman_tf.layers.word_embedding import WordEmbedding
from cman_tf.training.run import Run
from export import quantize as quantizing
from export.quantize import measured, quantize, stored_weights, summary


class Model:
    """A network of word vectors alone."""

    def __init__(self, num_fixed):
        words = tf.keras.Input([None], dtype=tf.int32)
        layer = WordEmbedding(5, num_fixed, 8, name="word_embedding")
        self.token_embedding = tf.keras.Model(words, layer(words))
        random = np.random.default_rng(0)
        layer.trained.assign(random.normal(size=[5, 8]))
        # The padding word, and one with large numbers.
        layer.trained[0].assign(tf.zeros([8]))
        layer.trained[3].assign(tf.range(8.0) * 100)
        if num_fixed:
            layer.fixed.assign(random.normal(size=[num_fixed, 8]))

    @property
    def weights(self):
        return self.token_embedding.weights


@pytest.mark.parametrize(("kind", "bound"), [("float16", 1 / 2048), ("int8", 0.5 / 127 + 1e-6)])
@pytest.mark.parametrize("num_fixed", [0, 4])
def test_vectors_stay_near(kind, bound, num_fixed):
    model, ids = Model(num_fixed), tf.range(5 + num_fixed)[None]
    before = model.token_embedding(ids).numpy()
    sizes = quantize(model, kind)
    after = model.token_embedding(ids).numpy()
    assert sizes[0] == 5 * 8 * 4 + num_fixed * 8 * 2
    assert sizes[1] == (5 + num_fixed) * (16 if kind == "float16" else 12)
    assert after.dtype == np.float32
    assert not after[0, 0].any()
    assert (np.abs(after - before).max(axis=2) <= bound * np.abs(before).max(axis=2) + 1e-7).all()
    # The last bits did go: this is no comparison of a table with itself.
    assert num_fixed == 0 or kind == "float16" or (after != before).any()


def test_the_larger_tables_are_not_stored():
    model = Model(4)
    assert [weight.dtype for weight in stored_weights(model)] == [tf.float32, tf.float16]
    quantize(model, "int8")
    assert [weight.dtype for weight in stored_weights(model)] == [tf.int8, tf.float32, tf.int8, tf.float32]


@pytest.fixture
def scored(monkeypatch, documents):
    """Let the two measurements give these F1."""

    def use(before, after):
        scores = iter([({"entities": 80.0, "relations": value}, 100.0) for value in (before, after)])
        monkeypatch.setattr(quantizing, "_documents", lambda run: ("dev", documents))
        monkeypatch.setattr(quantizing, "_score", lambda predictor, documents: next(scores))
        monkeypatch.setattr(Run, "predictor", lambda run: None)

    return use


class Holder:
    def __init__(self):
        self.model = Model(4)


def test_a_loss_within_the_bound_is_reported(scored, tmp_path):
    scored(60.0, 59.9)
    report = measured(Run(tmp_path), Holder(), "int8", 0.2)
    assert report["f1"]["after"]["relations"] == 59.9
    assert "relations F1 on dev 60.00 -> 59.90" in summary(report)


def test_a_larger_loss_is_refused(scored, tmp_path):
    scored(60.0, 59.7)
    with pytest.raises(InputError, match="relations from 60.00 to 59.70 on dev"):
        measured(Run(tmp_path), Holder(), "int8", 0.2)


def test_without_the_corpus_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(quantizing, "_documents", lambda run: (None, ()))
    assert "not measured" in summary(measured(Run(tmp_path), Holder(), "float16", 0.2))
