import numpy as np
import pytest
import tensorflow as tf

from cman_tf.layers.pair_context import DISTANCE_SIZE, EDGES, PairContext
from tests.layers.harness import check_layer


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2, 19, 6)).astype(np.float32)


def test_layer(inputs):
    check_layer(PairContext(3), {"inputs": inputs}, (2, 19, 19, 3 + DISTANCE_SIZE), token_axes=(1, 2))


def test_it_is_the_maximum_between_and_the_distance(inputs):
    layer = PairContext(3)
    found = layer(inputs).numpy()
    layer.bias.assign([0.5, 0.0, -0.5])
    found = layer(inputs).numpy()
    values = np.maximum(inputs @ layer.kernel.numpy() + [0.5, 0.0, -0.5], 0)
    table = layer.distances.numpy()
    for i in range(19):
        for j in range(19):
            inside = values[:, min(i, j) + 1 : max(i, j)]
            expected = inside.max(axis=1) if inside.shape[1] else np.zeros([2, 3])
            np.testing.assert_allclose(found[:, i, j, :3], expected, atol=1e-5)
            far = sum(abs(j - i) >= edge for edge in EDGES)
            row = len(EDGES) + (far if j > i else -far)
            np.testing.assert_array_equal(found[:, i, j, 3:], [table[row]] * 2)


def test_some_positions_are_rows_and_columns_of_all(inputs):
    layer = PairContext(3)
    positions = np.array([[0, 7, 18], [4, 4, 2]], np.int32)
    found, whole = layer(inputs, positions=tf.constant(positions)).numpy(), layer(inputs).numpy()
    for row in range(2):
        np.testing.assert_array_equal(found[row], whole[row][positions[row]][:, positions[row]])


def test_a_sentence_in_a_padded_batch_has_the_same_answer(inputs):
    layer = PairContext(3)
    alone = layer(inputs[:1, :11]).numpy()
    inputs[:, 11:] = 9.0
    np.testing.assert_allclose(layer(inputs).numpy()[:1, :11, :11], alone, atol=1e-6)
