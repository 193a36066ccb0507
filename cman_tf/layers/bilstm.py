"""A bidirectional LSTM that leaves only the recurrence in its time loop."""

import tensorflow as tf

from cman_tf.layers.symbolic import shapes_only

# Sequences in a batch up to which the fused kernel is the faster one.
FEW = 4


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class BiLSTM(tf.keras.layers.Layer):
    """Bidirectional LSTM, eq. 1 of the paper: `H = BiLSTM(X)`.

    The same function as `Bidirectional(LSTM(units, return_sequences=True))`, arranged for speed on a CPU: the input is
    multiplied for all time steps and both directions at once; sequences are packed, longest first, so that a step of
    the loop touches those alone that are that long; the loop holds the recurrent product alone; and a hand-written
    gradient leaves all weight gradients to single products after its loop.

    Args:
        units: int. Width per direction; the output is `2 * units` wide.

    Call arguments:
        inputs: float32 `(batch, tokens, features)`.
        mask: bool `(batch, tokens)`, False for padding, which must follow all tokens. Default: no padding.
        training: bool. False takes, for few sequences, a kernel that is faster but has no gradient. Default None.

    Shapes:
        `(batch, tokens, features)` -> `(batch, tokens, 2 * units)`. Padding never changes the output at a token; the
        output at padding is 0.

    Example:
        >>> BiLSTM(8)(tf.zeros([2, 5, 3])).shape
        TensorShape([2, 5, 16])

    Reference:
        Hochreiter and Schmidhuber (1997); bias of the forget gate 1, Jozefowicz et al. (2015).
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        width = input_shape[-1]
        for name in ("forward", "backward"):
            # Input's rows, then the recurrence's; gates in the order input, forget, candidate, output.
            kernel = self.add_weight(f"{name}_kernel", [width + self.units, 4 * self.units], initializer=_start_kernel)
            bias = self.add_weight(f"{name}_bias", [4 * self.units], initializer=_start_bias)
            setattr(self, f"{name}_kernel", kernel)
            setattr(self, f"{name}_bias", bias)
        super().build(input_shape)

    def call(self, inputs, mask=None, training=None):
        batch, time = tf.unstack(tf.shape(inputs)[:2])
        if shapes_only():
            return tf.zeros([batch, time, 2 * self.units])
        lengths = tf.fill([batch], time) if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        if training:
            return self._packed(inputs, lengths)
        return tf.cond(batch <= FEW, lambda: self._fused(inputs, lengths), lambda: self._packed(inputs, lengths))

    def project(self, inputs):
        """The input's part of the gates of each direction: `(rows, features)` -> two of `(rows, 4 * units)`."""
        return [
            tf.matmul(inputs, self._parts(kernel)[0]) + bias
            for kernel, bias in (
                (self.forward_kernel, self.forward_bias),
                (self.backward_kernel, self.backward_bias),
            )
        ]

    def recur(self, gates, packing):
        """Packed projected inputs, two of `(elements, 4 * units)`, to packed states `(elements, 2 * units)`."""
        forward, backward = gates
        return tf.concat(
            [
                _lstm(forward, self._parts(self.forward_kernel)[1], packing, reverse=False),
                _lstm(backward, self._parts(self.backward_kernel)[1], packing, reverse=True),
            ],
            axis=1,
        )

    def _parts(self, kernel):
        """The input's rows and the recurrence's. A split, whose gradient puts both together; that of a slice fills the
        rest with zeros first."""
        return tf.split(kernel, [kernel.shape[0] - self.units, self.units])

    def _packed(self, inputs, lengths):
        batch, time = tf.unstack(tf.shape(inputs)[:2])
        packing = Packing(lengths)
        rows = packing.sequence * time + packing.time
        gates = self.project(tf.reshape(inputs, [-1, inputs.shape[-1]]))
        states = self.recur([tf.gather(gate, rows) for gate in gates], packing)
        states = tf.scatter_nd(rows[:, None], states, [batch * time, 2 * self.units])
        return tf.reshape(states, [batch, time, 2 * self.units])

    def _fused(self, inputs, lengths):
        """`call` with the whole loop in one kernel, which has no gradient and multiplies its input step by step."""
        forward = tf.transpose(inputs, [1, 0, 2])
        backward = tf.reverse_sequence(forward, lengths, seq_axis=0, batch_axis=1)
        backward = tf.reverse_sequence(
            _block_lstm(backward, self.backward_kernel, self.backward_bias), lengths, seq_axis=0, batch_axis=1
        )
        forward = _block_lstm(forward, self.forward_kernel, self.forward_bias)
        states = _without_gradient(tf.transpose(tf.concat([forward, backward], axis=2), [1, 0, 2]))
        return states * tf.sequence_mask(lengths, tf.shape(inputs)[1], states.dtype)[:, :, None]

    def compute_output_shape(self, input_shape):
        return tf.TensorShape(input_shape[:-1]).concatenate(2 * self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _start_kernel(shape, dtype=None):
    units = shape[1] // 4
    inputs = tf.keras.initializers.GlorotUniform()([shape[0] - units, shape[1]], dtype)
    return tf.concat([inputs, tf.keras.initializers.Orthogonal()([units, shape[1]], dtype)], axis=0)


def _start_bias(shape, dtype=None):
    return tf.repeat(tf.constant([0.0, 1.0, 0.0, 0.0], dtype), shape[0] // 4)


def _block_lstm(inputs, kernel, bias):
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
        b=bias,
        cell_clip=0,
        use_peephole=False,
    ).h


@tf.custom_gradient
def _without_gradient(states):
    def gradient(_):
        # TensorFlow 2.15's own gradient of BlockLSTMV2 did not agree with that of the stock Keras LSTM.
        raise ValueError("A BiLSTM called with training=False has no gradient; call it with training=True")

    return tf.identity(states), gradient


class Packing:
    """Where the elements of sequences of different length lie when they are stored without padding.

    Sequences are taken longest first; elements are stored time step by time step, so that each step's are neighbours.

    Args:
        lengths: int32 `(batch,)`.

    Attributes:
        active: int32 `(time,)`, how many sequences reach each time step.
        time, sequence: int32 `(elements,)`, where each element comes from.
        first, last: int32 `(batch,)`, the element that begins and ends each sequence; any, for an empty one.
    """

    def __init__(self, lengths):
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        steps = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        there = tf.gather(lengths, order)[None, :] > tf.range(steps)[:, None]
        self.active = tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
        elements = tf.cast(tf.where(there), tf.int32)
        self.time, self.rank = elements[:, 0], elements[:, 1]
        self.sequence = tf.gather(order, self.rank)
        self.offsets = tf.cumsum(self.active, exclusive=True)
        self.first = tf.math.invert_permutation(order)
        self.last = self.first + tf.gather(tf.pad(self.offsets, [[0, 1]]), tf.maximum(lengths - 1, 0))

    def previous(self, values, reverse):
        """The value one step before (after, if `reverse`) each element, 0 where there is none."""
        steps = tf.shape(self.active)[0]
        time = self.time + 1 if reverse else self.time - 1
        inside = tf.clip_by_value(time, 0, steps - 1)
        there = (time == inside) & (self.rank < tf.gather(self.active, inside))
        position = tf.gather(self.offsets, inside) + self.rank
        # The row after the last is 0.
        position = tf.where(there, position, tf.shape(values)[0])
        return tf.gather(tf.pad(values, [[0, 1], [0, 0]]), position)


def _lstm(gates, kernel, packing, reverse):
    """Packed hidden states `(elements, units)` from the input's part of the gates, `(elements, 4 * units)`."""

    @tf.custom_gradient
    def run(gates, kernel):
        hidden, cells, gates = _forward(gates, kernel, packing.active, reverse)

        def gradient(d_hidden):
            d_gates = _backward(d_hidden, kernel, cells, gates, packing, reverse)
            return d_gates, tf.matmul(packing.previous(hidden, reverse), d_gates, transpose_a=True)

        return hidden, gradient

    return run(gates, kernel)


def _forward(inputs, kernel, active, reverse):
    steps, units = tf.shape(active)[0], kernel.shape[0]
    inputs = _array(steps, 4 * units).split(inputs, active)

    def step(count, hidden, cell, hiddens, cells, gates):
        time = steps - 1 - count if reverse else count
        gate = inputs.read(time)
        hidden, cell = _resize(hidden, gate, reverse), _resize(cell, gate, reverse)
        gate += tf.matmul(hidden, kernel)
        i, f, g, o = tf.split(gate, 4, axis=1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell)
        return count + 1, hidden, cell, hiddens.write(time, hidden), cells.write(time, cell), gates.write(time, gate)

    start = tf.zeros([0 if reverse else _most(active), units])
    *_, hiddens, cells, gates = tf.while_loop(
        lambda count, *_: count < steps,
        step,
        (0, start, start, _array(steps, units), _array(steps, units), _array(steps, 4 * units)),
        shape_invariants=_invariants(units, arrays=3),
    )
    return hiddens.concat(), cells.concat(), gates.concat()


def _backward(d_hidden, kernel, cells, gates, packing, reverse):
    """Gradient of the gates. What does not depend on the recurrence is computed for all steps before the loop."""
    active, units = packing.active, kernel.shape[0]
    steps = tf.shape(active)[0]
    i, f, g, o = tf.split(gates, 4, axis=1)
    i, f, g, o, squashed = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o), tf.tanh(cells)
    to_gates = tf.concat(
        [
            g * i * (1 - i),
            packing.previous(cells, reverse) * f * (1 - f),
            i * (1 - g * g),
            squashed * o * (1 - o),
        ],
        axis=1,
    )
    to_cell = _array(steps, units).split(o * (1 - squashed * squashed), active)
    forget, to_gates = _array(steps, units).split(f, active), _array(steps, 4 * units).split(to_gates, active)
    d_hidden = _array(steps, units).split(d_hidden, active)
    transposed = tf.transpose(kernel)

    def step(count, d_state, d_cell, d_gates):
        time = count if reverse else steps - 1 - count
        above = d_hidden.read(time)
        d_state, d_cell = above + _resize(d_state, above, not reverse), _resize(d_cell, above, not reverse)
        d_cell += d_state * to_cell.read(time)
        d_gate = tf.concat([d_cell, d_cell, d_cell, d_state], axis=1) * to_gates.read(time)
        return count + 1, tf.matmul(d_gate, transposed), d_cell * forget.read(time), d_gates.write(time, d_gate)

    start = tf.zeros([_most(active) if reverse else 0, units])
    *_, d_gates = tf.while_loop(
        lambda count, *_: count < steps,
        step,
        (0, start, start, _array(steps, 4 * units)),
        shape_invariants=_invariants(units, arrays=1),
    )
    return d_gates.concat()


def _resize(state, like, growing):
    """Sequences leave when they end; from right to left, they join where they end."""
    rows = tf.shape(like)[0]
    if growing:
        return tf.pad(state, [[0, rows - tf.shape(state)[0]], [0, 0]])
    return state[:rows]


def _most(active):
    return tf.reduce_max(tf.concat([active, [0]], axis=0))


def _array(steps, width):
    return tf.TensorArray(tf.float32, size=steps, element_shape=[None, width], infer_shape=False)


def _invariants(units, arrays):
    state = tf.TensorShape([None, units])
    return (tf.TensorShape([]), state, state, *[tf.TensorShape(None)] * arrays)
