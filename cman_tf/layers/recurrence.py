"""The recurrence of a bidirectional LSTM, traced once for all layers of a width."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from cman_tf.layers.lstm import run_lstm
from cman_tf.layers.packing import TwoWayPacking
from cman_tf.layers.traced import by_sizes, traced

# Largest number of sequences in a batch for which the fused kernel is faster.
FEW = 4

States = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


@by_sizes
def trained_states(units: int) -> States:
    """The recurrence for training, with a gradient.

    Args:
        units: int. Width of a direction.

    Returns:
        function `(gates, kernel, lengths, tokens) -> states`: float32 `(batch * tokens * 2, 4 * units)`, the input's
        part of the gates, both directions of a token in turn; float32 `(2, units, 4 * units)`, the recurrent kernels;
        int32 `(batch,)`; int32 scalar -> float32 `(batch * tokens * 2, units)`, 0 at padding.
    """
    return _traced(_packed, units)


@by_sizes
def predicted_states(units: int) -> States:
    """The same function for prediction: faster for few sequences, without a gradient."""

    def states(gates: tf.Tensor, kernel: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        arguments = gates, kernel, lengths, tokens
        return tf.cond(tf.size(lengths) <= FEW, lambda: _fused(*arguments), lambda: _packed(*arguments))

    return _traced(states, units)


def _traced(function: States, units: int) -> States:
    return traced(
        function,
        [
            tf.TensorSpec([None, 4 * units]),
            tf.TensorSpec([2, units, 4 * units]),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([], tf.int32),
        ],
    )


def _packed(gates: tf.Tensor, kernel: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    packing = TwoWayPacking(lengths)
    rows = 2 * (packing.sequence * tokens + packing.time) + packing.direction
    states = run_lstm(tf.gather(gates, rows), kernel, packing)
    return tf.scatter_nd(rows[:, None], states, [tf.shape(gates)[0], kernel.shape[1]])


def _fused(gates: tf.Tensor, kernel: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """The same with the whole loop in one kernel, which has no gradient.

    That kernel multiplies its input in every step. Its input is the row of `gates` of each element, one-hot, and
    its matrix contains those rows, because they are few.
    """
    batch, units = tf.size(lengths), kernel.shape[1]
    elements = batch * tokens
    forward = tf.transpose(tf.reshape(tf.eye(elements), [batch, tokens, elements]), [1, 0, 2])
    backward = tf.reverse_sequence(forward, lengths, seq_axis=0, batch_axis=1)
    gates = tf.reshape(gates, [-1, 2, 4 * units])
    # A concatenation would be divided over threads, and waking one takes longer than the copying.
    rows = [tf.range(elements), elements + tf.range(units)]
    forward = _block_lstm(forward, tf.dynamic_stitch(rows, [gates[:, 0], kernel[0]]))
    backward = _block_lstm(backward, tf.dynamic_stitch(rows, [gates[:, 1], kernel[1]]))
    backward = tf.reverse_sequence(backward, lengths, seq_axis=0, batch_axis=1)
    states = tf.transpose(tf.concat([forward, backward], axis=2), [1, 0, 2])
    states *= tf.sequence_mask(lengths, tokens, states.dtype)[:, :, None]
    return tf.reshape(states, [-1, units])


def _block_lstm(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Hidden states `(time, batch, units)` of one direction."""
    units = kernel.shape[1] // 4
    zero, none = tf.zeros([tf.shape(inputs)[1], units]), tf.zeros([units])
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.cast(tf.shape(inputs)[0], tf.int64),
        x=inputs,
        cs_prev=zero,
        h_prev=zero,
        w=kernel,
        wci=none,
        wcf=none,
        wco=none,
        b=tf.zeros([4 * units]),
        cell_clip=0,
        use_peephole=False,
    ).h
