"""The common behaviour of all contextual encoders."""

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders import tiny

SENTENCES = [
    ["Ana", "lives", "in", "Oslo"],
    ["Rains"],
    ["rain", "münchen", "Lima", ".", "東京", "😀👩‍👩‍👧", "zzz"],
    ["in"] * 40,
    ["lives", "x" * 150, "in"],
]
FORMS = {
    "bert": (tiny.LAYERS + 1, tiny.HIDDEN, "uncased"),
    "mpnet": (tiny.LAYERS + 1, tiny.HIDDEN, "uncased"),
    "flair": (1, 2 * tiny.UNITS, "cased"),
    "elmo": (3, 6, "cased"),
}


@pytest.fixture(params=FORMS)
def encoder(request, encoders):
    return encoders[request.param]


def encode(encoder, *sentences, width=None):
    width = width or max(map(len, sentences))
    return encoder(tf.constant([[*s, *[""] * (width - len(s))] for s in sentences], tf.string)).numpy()


@pytest.mark.parametrize("kind", FORMS)
def test_form(encoders, kind):
    encoder, (layers, width, casing) = encoders[kind], FORMS[kind]
    assert (encoder.layers, encoder.width, encoder.casing) == (layers, width, casing)
    found = encoder(tf.constant([["Ana", "lives"], ["Rain", ""]]))
    assert (found.dtype, found.shape) == (tf.float32, (2, 2, layers, width))
    assert np.isfinite(found).all()
    call = tf.function(encoder, input_signature=[tf.TensorSpec([None, None], tf.string)])
    assert call.get_concrete_function().structured_outputs.shape.as_list() == [None, None, layers, width]


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_dropout_draws_from_a_state_that_can_be_set(encoders, kind):
    encoder, tokens = encoders[kind], tf.constant([SENTENCES[0]])
    (state,) = encoder.random_state

    def draw(seed):
        state.assign(tf.random.Generator.from_seed(seed).state)
        return encoder(tokens, training=True).numpy()

    np.testing.assert_array_equal(draw(3), draw(3))
    assert np.abs(draw(3) - draw(4)).max() > 1e-3
    assert np.abs(draw(3) - encoder(tokens, training=True)).max() > 1e-3


def test_padding_is_zero_and_changes_nothing(encoder):
    alone = encode(encoder, SENTENCES[0])
    assert np.abs(alone).max(axis=-1).all()
    padded = encode(encoder, SENTENCES[0], width=9)
    np.testing.assert_array_equal(padded[:, 4:], 0)
    np.testing.assert_allclose(padded[:, :4], alone, atol=1e-5)


def test_a_batch_of_one_is_a_batch_of_many(encoder):
    many = encode(encoder, *SENTENCES)
    for row, sentence in enumerate(SENTENCES):
        np.testing.assert_allclose(many[row, : len(sentence)], encode(encoder, sentence)[0], atol=1e-5)
        np.testing.assert_array_equal(many[row, len(sentence) :], 0)


def test_rows_without_a_token(encoder):
    found = encode(encoder, [], SENTENCES[0], [], width=4)
    np.testing.assert_array_equal(found[[0, 2]], 0)
    np.testing.assert_allclose(found[1], encode(encoder, SENTENCES[0])[0], atol=1e-5)
    for shape in ((2, 3), (2, 0), (0, 0), (0, 3)):
        assert encoder(tf.fill(shape, "")).shape == (*shape, encoder.layers, encoder.width)
        np.testing.assert_array_equal(encoder(tf.fill(shape, "")), 0)


def test_an_array_of_bytes(encoder):
    """As the feature store gives them."""
    rows = np.array([[b"Ana", b"lives"], ["münchen".encode(), b""]], object)
    np.testing.assert_array_equal(encoder(rows), encode(encoder, ["Ana", "lives"], ["münchen"]))


def test_words_see_their_sentence(encoder):
    one, other = encode(encoder, ["Ana", "lives", "in"], ["in", "lives", "Ana"])
    assert np.abs(one[1] - other[1]).max() > 1e-3


def test_bytes_that_are_no_text(encoder):
    assert np.isfinite(encoder(tf.constant([[b"Ana", b"\xff\xfe", b"\x00", b"a\nb", b" "]]))).all()


@pytest.mark.parametrize("kind", ["bert", "mpnet", "flair"])
def test_gradients_reach_every_weight(encoders, kind):
    encoder = encoders[kind]
    assert all(variable.name.startswith("layer_") for variable in encoder.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(tf.constant([SENTENCES[2]]), training=True) ** 2)
    for variable, gradient in zip(encoder.trainable_variables, tape.gradient(loss, encoder.trainable_variables)):
        assert gradient is not None, variable.name
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.name


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_dropout_in_training_alone(encoders, kind):
    tokens = tf.constant([SENTENCES[0]])
    assert np.abs(encoders[kind](tokens, training=True) - encoders[kind](tokens, training=True)).max() > 1e-2
    np.testing.assert_array_equal(encoders[kind](tokens), encoders[kind](tokens))
