"""Sequences of different length, stored without padding."""

from __future__ import annotations

import tensorflow as tf


class Packing:
    """Positions of the elements of packed sequences.

    Sequences are sorted, longest first. Elements are stored time step by time step, so those of a step are neighbours.

    Args:
        lengths: int32 `(batch,)`.

    Attributes:
        active: int32 `(steps,)`, number of sequences that reach each time step.
        time, sequence: int32 `(elements,)`, the origin of each element.
        rank: int32 `(elements,)`, position of each element within its step.
        order: int32 `(batch,)`, the sequences, longest first.
        first: int32 `(batch,)`, position of each sequence in that order.
        offsets: int32 `(steps,)`, the first element of each step.
    """

    def __init__(self, lengths: tf.Tensor) -> None:
        self.order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        self.first = tf.math.invert_permutation(self.order)
        steps = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        self.there = tf.gather(lengths, self.order)[None, :] > tf.range(steps)[:, None]
        self.active = tf.reduce_sum(tf.cast(self.there, tf.int32), axis=1)
        self.offsets = tf.cumsum(self.active, exclusive=True)
        elements = tf.cast(tf.where(self.there), tf.int32)
        self.time, self.rank = tf.unstack(elements, num=2, axis=1)
        self.sequence = tf.gather(self.order, self.rank)


class TwoWayPacking:
    """Packed sequences and, in the same time steps, the reversed sequences.

    A bidirectional network then needs only one loop, which starts with all sequences and loses those that end.

    Args:
        lengths: int32 `(batch,)`.

    Attributes:
        sizes: int32 `(steps,)`, number of elements of each time step, half of them of each direction.
        time, sequence, direction: int32 `(elements,)`, the origin of each element; direction 0 is from left to right,
            1 from right to left.
        last: int32 `(2, batch)`, the last element of each sequence in each direction: its last and its first token.
            Undefined for an empty sequence.
    """

    def __init__(self, lengths: tf.Tensor) -> None:
        packing = Packing(lengths)
        steps = tf.size(packing.active)
        self.sizes = 2 * packing.active
        self._offsets = 2 * packing.offsets
        elements = tf.cast(tf.where(tf.stack([packing.there, packing.there], axis=1)), tf.int32)
        self._step, self.direction, self._rank = tf.unstack(elements, num=3, axis=1)
        self.sequence = tf.gather(packing.order, self._rank)
        from_end = tf.gather(lengths, self.sequence) - 1 - self._step
        self.time = tf.where(self.direction == 0, self._step, from_end)
        ends = tf.clip_by_value(lengths - 1, 0, tf.maximum(steps - 1, 0))
        half, start = (tf.gather(tf.pad(values, [[0, 1]]), ends) for values in (packing.active, self._offsets))
        self.last = tf.stack([start, start + half]) + packing.first
        self._half = packing.active

    def previous(self, values: tf.Tensor) -> tf.Tensor:
        """Value one step before each element in its direction, 0 at the first: `(elements, width)`."""
        begin = tf.reduce_sum(self.sizes[:1])
        step = self._step[begin:] - 1
        place = tf.gather(self._offsets, step) + self.direction[begin:] * tf.gather(self._half, step)
        return tf.pad(tf.gather(values, place + self._rank[begin:]), [[begin, 0], [0, 0]])
