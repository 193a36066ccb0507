"""The recurrence of a bidirectional LSTM over packed sequences, with a gradient written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from cman_tf.layers.packing import TwoWayPacking


def run_lstm(gates: tf.Tensor, kernel: tf.Tensor, packing: TwoWayPacking) -> tf.Tensor:
    """Compute the hidden states of both directions.

    Args:
        gates: float32 `(elements, 4 * units)`, the input's part of the gates, in the order input, forget, candidate,
            output.
        kernel: float32 `(2, units, 4 * units)`, the recurrent kernel of each direction.
        packing: `TwoWayPacking` of the elements.

    Returns:
        float32 `(elements, units)`.
    """

    @tf.custom_gradient
    def run(
        gates: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
        hidden, cells, gates = _forward(gates, kernel, packing.sizes)

        def gradient(d_hidden: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            d_gates = _backward(d_hidden, kernel, cells, gates, packing)
            before = packing.previous(hidden)
            d_kernel = [
                tf.matmul(*(tf.boolean_mask(part, packing.direction == way) for part in (before, d_gates)), True)
                for way in (0, 1)
            ]
            return d_gates, tf.stack(d_kernel)

        return hidden, gradient

    return run(gates, kernel)


def _forward(inputs: tf.Tensor, kernel: tf.Tensor, sizes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Hidden states, cells and gates of all elements."""
    steps, units = tf.size(sizes), kernel.shape[1]
    inputs, kernel = _array(steps, 4 * units).split(inputs, sizes), tf.unstack(kernel)

    def step(
        time: tf.Tensor,
        hidden: tf.Tensor,
        cell: tf.Tensor,
        hiddens: tf.TensorArray,
        cells: tf.TensorArray,
        gates: tf.TensorArray,
    ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        gate = tf.reshape(inputs.read(time), [2, -1, 4 * units])
        # Sequences leave when they end.
        rows = tf.shape(gate)[1]
        gate += _both(hidden[:, :rows], kernel)
        i, f, g, o = tf.split(gate, 4, axis=2)
        cell = tf.sigmoid(f) * cell[:, :rows] + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell)
        return (
            time + 1,
            hidden,
            cell,
            hiddens.write(time, tf.reshape(hidden, [-1, units])),
            cells.write(time, tf.reshape(cell, [-1, units])),
            gates.write(time, tf.reshape(gate, [-1, 4 * units])),
        )

    start = tf.zeros([2, tf.reduce_sum(sizes[:1]) // 2, units])
    *_, hiddens, cells, gates = tf.while_loop(
        lambda time, *_: time < steps,
        step,
        (0, start, start, _array(steps, units), _array(steps, units), _array(steps, 4 * units)),
        shape_invariants=_invariants(units, arrays=3),
    )
    return hiddens.concat(), cells.concat(), gates.concat()


def _backward(
    d_hidden: tf.Tensor, kernel: tf.Tensor, cells: tf.Tensor, gates: tf.Tensor, packing: TwoWayPacking
) -> tf.Tensor:
    """Gradient of the gates. Everything outside the recurrence is computed for all steps before the loop."""
    steps, units = tf.size(packing.sizes), kernel.shape[1]
    i, f, g, o = tf.split(gates, 4, axis=1)
    i, f, g, o, squashed = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o), tf.tanh(cells)
    known = tf.concat(
        [
            d_hidden,
            o * (1 - squashed * squashed),
            f,
            g * i * (1 - i),
            packing.previous(cells) * f * (1 - f),
            i * (1 - g * g),
            squashed * o * (1 - o),
        ],
        axis=1,
    )
    known = _array(steps, 7 * units).split(known, packing.sizes)
    transposed = tf.unstack(tf.transpose(kernel, [0, 2, 1]))

    def step(
        count: tf.Tensor, d_state: tf.Tensor, d_cell: tf.Tensor, d_gates: tf.TensorArray
    ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        time = steps - 1 - count
        now = tf.reshape(known.read(time), [2, -1, 7 * units])
        above, to_cell, forget, to_gates = tf.split(now, [units, units, units, 4 * units], axis=2)
        # Going backwards, sequences join at their ends.
        more = [[0, 0], [0, tf.shape(now)[1] - tf.shape(d_state)[1]], [0, 0]]
        d_state = above + tf.pad(d_state, more)
        d_cell = tf.pad(d_cell, more) + d_state * to_cell
        d_gate = tf.concat([d_cell, d_cell, d_cell, d_state], axis=2) * to_gates
        d_gates = d_gates.write(time, tf.reshape(d_gate, [-1, 4 * units]))
        return count + 1, _both(d_gate, transposed), d_cell * forget, d_gates

    start = tf.zeros([2, 0, units])
    *_, d_gates = tf.while_loop(
        lambda count, *_: count < steps,
        step,
        (0, start, start, _array(steps, 4 * units)),
        shape_invariants=_invariants(units, arrays=1),
    )
    return d_gates.concat()


def _both(vectors: tf.Tensor, kernels: Sequence[tf.Tensor]) -> tf.Tensor:
    """`(2, rows, width)` times a matrix for each direction. One `tf.matmul` for both takes four times as long."""
    return tf.stack([tf.matmul(one, kernel) for one, kernel in zip(tf.unstack(vectors, num=2), kernels)])


def _array(steps: tf.Tensor, width: int) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=steps, element_shape=[None, width], infer_shape=False)


def _invariants(units: int, arrays: int) -> tuple[tf.TensorShape, ...]:
    state = tf.TensorShape([2, None, units])
    return (tf.TensorShape([]), state, state, *[tf.TensorShape(None)] * arrays)
