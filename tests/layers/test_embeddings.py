import numpy as np
import tensorflow as tf

from cman_tf.layers.character_encoder import CharacterEncoder
from cman_tf.layers.dropout import Dropout
from cman_tf.layers.scalar_mix import ScalarMix
from cman_tf.layers.word_embedding import WordEmbedding
from tests.layers.harness import check_layer


def test_scalar_mix_starts_as_the_mean_of_the_layers():
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    layer = ScalarMix()
    np.testing.assert_allclose(layer(inputs), inputs.mean(axis=2), atol=1e-6)
    check_layer(ScalarMix(), {"inputs": inputs}, (2, 3, 5))


def test_scalar_mix_weighs_by_softmax_and_gamma():
    layer, inputs = ScalarMix(), np.array([[[[1.0], [10.0]]]], np.float32)
    layer(inputs)
    layer.weight.assign([np.log(1.0), np.log(3.0)])
    layer.gamma.assign(2.0)
    np.testing.assert_allclose(layer(inputs), [[[2 * (0.25 * 1 + 0.75 * 10)]]], rtol=1e-5)


def test_character_encoder():
    # Words "ab", "c", padding, and a sentence "c ab (padding)".
    spellings = np.array([[2, 3, 0], [4, 0, 0], [0, 0, 0]], np.int32)
    index = np.array([[1, 0, 2]], np.int32)
    layer = CharacterEncoder(6, 4, 3)
    check_layer(layer, {"inputs": spellings, "index": index}, (1, 3, 6))


def test_character_encoder_takes_the_last_state_of_each_direction():
    spellings, index = tf.constant([[2, 3, 5], [4, 0, 0], [3, 2, 0]]), tf.constant([[0, 1, 2]])
    layer = CharacterEncoder(6, 4, 3)
    found = layer(spellings, index=index)[0]
    for row, length in enumerate([3, 1, 2]):
        states = layer.bilstm(tf.gather(layer.embedding.embeddings, spellings[row : row + 1, :length]))[0]
        np.testing.assert_allclose(found[row, :3], states[-1, :3], atol=1e-6)
        np.testing.assert_allclose(found[row, 3:], states[0, 3:], atol=1e-6)


def test_a_words_vector_does_not_depend_on_its_neighbours():
    layer = CharacterEncoder(6, 4, 3)
    alone = layer(tf.constant([[2, 3]]), index=tf.constant([[0]]))[0, 0]
    together = layer(tf.constant([[4, 4, 4, 4], [2, 3, 0, 0]]), index=tf.constant([[0, 1]]))[0, 1]
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_word_embedding_reads_trained_and_fixed_rows():
    layer = WordEmbedding(3, 2, 4)
    layer(tf.zeros([1, 1], tf.int32))
    layer.trained.assign(np.arange(12).reshape(3, 4))
    layer.fixed.assign(100 + np.arange(8).reshape(2, 4))
    np.testing.assert_array_equal(
        layer(tf.constant([[0, 2, 3, 4]]))[0],
        [[0, 1, 2, 3], [8, 9, 10, 11], [100, 101, 102, 103], [104, 105, 106, 107]],
    )
    assert [weight.name for weight in layer.trainable_weights] == [layer.trained.name]
    check_layer(WordEmbedding(3, 2, 4), {"inputs": np.array([[0, 1, 2, 4]], np.int32)}, (1, 4, 4))


def test_fixed_vectors_get_no_gradient():
    layer = WordEmbedding(3, 2, 4, trainable_vectors=False)
    layer(tf.zeros([1, 1], tf.int32))
    assert layer.trainable_weights == []


def test_dropout_continues_from_a_checkpoint(tmp_path):
    ones = tf.ones([50])
    layer = Dropout(0.5, seed=3)
    layer(ones, training=True)
    path = tf.train.Checkpoint(layer=layer).save(tmp_path / "state")
    expected = layer(ones, training=True)
    other = Dropout(0.5, seed=99)
    tf.train.Checkpoint(layer=other).restore(path)
    np.testing.assert_array_equal(other(ones, training=True), expected)
    assert Dropout.from_config(layer.get_config()).rate == 0.5


def test_dropout_keeps_the_mean_and_is_off_in_prediction():
    ones = tf.ones([20_000])
    dropped = Dropout(0.3, seed=1)(ones, training=True)
    np.testing.assert_allclose(np.mean(dropped), 1, atol=0.02)
    np.testing.assert_allclose(np.mean(dropped == 0), 0.3, atol=0.02)
    np.testing.assert_array_equal(Dropout(0.3)(ones), ones)
