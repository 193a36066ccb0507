import numpy as np
import tensorflow as tf

from cman_tf.layers.packing import Packing, TwoWayPacking

LENGTHS = tf.constant([2, 3, 0, 1])


def test_longest_first_and_step_by_step():
    packing = Packing(LENGTHS)
    np.testing.assert_array_equal(packing.active, [3, 2, 1])
    np.testing.assert_array_equal(packing.offsets, [0, 3, 5])
    np.testing.assert_array_equal(packing.time, [0, 0, 0, 1, 1, 2])
    np.testing.assert_array_equal(packing.sequence, [1, 0, 3, 1, 0, 1])
    np.testing.assert_array_equal(tf.gather(packing.first, [0, 1, 3]), [1, 0, 2])


def test_both_directions_lose_sequences_together():
    packing = TwoWayPacking(LENGTHS)
    np.testing.assert_array_equal(packing.sizes, [6, 4, 2])
    np.testing.assert_array_equal(packing.sequence, [1, 0, 3, 1, 0, 3, 1, 0, 1, 0, 1, 1])
    np.testing.assert_array_equal(packing.direction, [0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(packing.time, [0, 0, 0, 2, 1, 0, 1, 1, 1, 0, 2, 0])
    # The last token of sequences 0, 1 and 3, and the first one, which the other direction ends with.
    np.testing.assert_array_equal(tf.gather(packing.last, [0, 1, 3], axis=1), [[7, 10, 2], [9, 11, 5]])


def test_what_came_before():
    values = tf.range(1.0, 13.0)[:, None]
    previous = TwoWayPacking(LENGTHS).previous(values)[:, 0]
    np.testing.assert_array_equal(previous, [0] * 6 + [1, 2, 4, 5, 7, 9])


def test_nothing_to_pack():
    packing = TwoWayPacking(tf.zeros([2], tf.int32))
    assert not len(packing.sizes)
    assert packing.previous(tf.zeros([0, 3])).shape == (0, 3)
