import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.attention_unit import BLA, BSA
from tests.layers.harness import check_layer

LENGTHS = [2, 5, 3]


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"self_attention": False}, {"encoder": "mlp"}])
def test_bsa(options):
    layer = BSA(4, 2, **options)
    if options.get("self_attention") is False:
        # Without its attention the unit is its BiLSTM.
        inputs = tf.constant(random(3, 5, 6))
        np.testing.assert_array_equal(layer(inputs), layer.sequence_encoder(inputs))
    else:
        check_layer(
            layer, {"inputs": random(3, 5, 6)}, (3, 5, 8), lengths=LENGTHS, lengths_as="mask", call={"training": True}
        )


@pytest.mark.parametrize("options", [{}, {"encoder": "mlp"}])
def test_bla(options):
    inputs = {"inputs": random(3, 5, 8), "labels": random(3, 5, 4, seed=1)}
    check_layer(BLA(4, 2, **options), inputs, (3, 5, 8), lengths=LENGTHS, lengths_as="mask", call={"training": True})


def attention_by_hand(unit, query, memory):
    """Equations 2 and 3 and the residual for one sentence, head by head."""
    kernels = {name: getattr(unit.attention, f"{name}_kernel").numpy() for name in ("query", "key", "value", "output")}
    heads = []
    for columns in np.split(np.arange(2 * unit.hidden_size), unit.num_heads):
        q, k, v = (
            query @ kernels["query"][:, columns],
            memory @ kernels["key"][:, columns],
            memory @ kernels["value"][:, columns],
        )
        scores = q @ k.T / np.sqrt(2 * unit.hidden_size / unit.num_heads)
        weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        heads.append(weights @ v)
    attended = np.concatenate(heads, axis=1) @ kernels["output"]
    total = query + attended
    centred = total - total.mean(axis=1, keepdims=True)
    gamma, beta = (weight.numpy() for weight in unit.normalization.weights)
    return (
        centred
        / np.sqrt((total**2).mean(axis=1, keepdims=True) - total.mean(axis=1, keepdims=True) ** 2 + 1e-6)
        * gamma
        + beta
    )


def test_bsa_is_equations_1_to_3():
    unit, inputs = BSA(4, 2), random(1, 5, 6)
    output = unit(inputs)
    hidden = unit.sequence_encoder(inputs)[0].numpy()
    np.testing.assert_allclose(output[0], attention_by_hand(unit, hidden, hidden), atol=1e-5)


def test_bla_attends_from_tokens_to_labels_and_adds_the_tokens():
    unit, tokens, labels = BLA(4, 2), random(1, 5, 8), random(1, 5, 3, seed=1)
    output = unit(tokens, labels=labels)
    hidden = unit.sequence_encoder(labels)[0].numpy()
    np.testing.assert_allclose(output[0], attention_by_hand(unit, tokens[0], hidden), atol=1e-5)


def test_attention_scores_sum_to_one_over_tokens_and_leave_padding_out():
    unit, inputs = BSA(4, 2), random(3, 5, 6)
    _, scores = unit(inputs, mask=tf.sequence_mask(LENGTHS, 5), return_attention_scores=True)
    assert scores.shape == (3, 2, 5, 5)
    np.testing.assert_allclose(tf.reduce_sum(scores, axis=-1), 1, atol=1e-5)
    assert np.max(scores[0, :, :2, 2:]) < 1e-6


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="hidden_size=4, num_heads=3"):
        BSA(4, 3)


def test_the_tokens_of_bla_have_the_units_width():
    with pytest.raises(ValueError, match="width 6, hidden_size=4"):
        BLA(4, 2)(random(1, 5, 6), labels=random(1, 5, 3))


def test_dropout_is_on_in_training_alone():
    unit, inputs = BSA(4, 2, dropout=0.5), random(1, 5, 6)
    np.testing.assert_array_equal(unit(inputs), unit(inputs))
    assert np.any(unit(inputs, training=True) != unit(inputs, training=True))
