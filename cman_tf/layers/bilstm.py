"""A bidirectional LSTM that leaves only the recurrence in its time loop."""

import math

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class BiLSTM(tf.keras.layers.Layer):
    """Bidirectional LSTM, eq. 1 of the paper: `H = BiLSTM(X)`.

    The same function as `Bidirectional(LSTM(units, return_sequences=True))`, arranged for speed on a CPU: the input is
    multiplied for all time steps and both directions at once, the loop holds the recurrent product alone, and a
    hand-written gradient leaves all weight gradients to single products after its loop. That is about a tenth of the
    stock layer's graph, and two to three times its speed in training (`benchmarks/results/training_step.json`).

    Args:
        units: int. Width per direction; the output is `2 * units` wide.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        mask: bool `(batch, tokens)`, False for padding, which must follow all tokens. Default: no padding.

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
        width, gates = input_shape[-1], 4 * self.units
        # Glorot's limit for one direction, though both share one matrix.
        limit = math.sqrt(6 / (width + gates))
        self.kernel = self.add_weight("kernel", [width, 2 * gates], initializer=tf.random_uniform_initializer(-limit, limit))
        self.forward_kernel = self.add_weight("forward_kernel", [self.units, gates], initializer="orthogonal")
        self.backward_kernel = self.add_weight("backward_kernel", [self.units, gates], initializer="orthogonal")
        # Gates in the order input, forget, output, candidate.
        bias = tf.constant([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0])
        self.bias = self.add_weight(
            "bias", [2 * gates], initializer=lambda shape, dtype=None: tf.repeat(tf.cast(bias, dtype), self.units)
        )
        super().build(input_shape)

    def call(self, inputs, mask=None):
        if mask is None:
            mask = tf.ones(tf.shape(inputs)[:2], tf.bool)
        valid = tf.cast(mask, inputs.dtype)[:, :, None]
        gates = tf.transpose(tf.matmul(inputs, self.kernel) + self.bias, [1, 0, 2])
        forward, backward = tf.split(gates, 2, axis=2)
        # From right to left, padding comes first: a closed input gate keeps the state at 0 until the last token.
        closed = tf.constant([-1e4] + [0.0] * 3, inputs.dtype)
        backward += (1 - tf.transpose(valid, [1, 0, 2])) * tf.repeat(closed, self.units)
        states = tf.concat(
            [
                _lstm(forward, tf.convert_to_tensor(self.forward_kernel), reverse=False),
                _lstm(backward, tf.convert_to_tensor(self.backward_kernel), reverse=True),
            ],
            axis=2,
        )
        return tf.transpose(states, [1, 0, 2]) * valid

    def compute_output_shape(self, input_shape):
        return tf.TensorShape(input_shape[:-1]).concatenate(2 * self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _lstm(gates, kernel, reverse):
    """Hidden states `(time, batch, units)` from the input's part of the gates, `(time, batch, 4 * units)`."""

    @tf.custom_gradient
    def run(gates, kernel):
        hidden, cells, gates = _forward(gates, kernel, reverse)

        def gradient(d_hidden):
            d_gates = _backward(d_hidden, kernel, cells, gates, reverse)
            previous = _previous(hidden, reverse)
            d_kernel = tf.matmul(_rows(previous), _rows(d_gates), transpose_a=True)
            return d_gates, d_kernel

        return hidden, gradient

    return run(gates, kernel)


def _forward(inputs, kernel, reverse):
    steps, batch = tf.unstack(tf.shape(inputs)[:2])
    units = kernel.shape[0]

    def step(count, hidden, cell, hiddens, cells, gates):
        time = steps - 1 - count if reverse else count
        gate = tf.gather(inputs, time) + tf.matmul(hidden, kernel)
        i, f, o, g = tf.split(gate, 4, axis=1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
        hidden = tf.sigmoid(o) * tf.tanh(cell)
        return count + 1, hidden, cell, hiddens.write(time, hidden), cells.write(time, cell), gates.write(time, gate)

    zero = tf.zeros([batch, units], inputs.dtype)
    *_, hiddens, cells, gates = tf.while_loop(
        lambda count, *_: count < steps,
        step,
        (0, zero, zero, _array(steps, units), _array(steps, units), _array(steps, 4 * units)),
    )
    return hiddens.stack(), cells.stack(), gates.stack()


def _backward(d_hidden, kernel, cells, gates, reverse):
    """Gradient of the gates. What does not depend on the recurrence is computed for all steps before the loop."""
    steps, batch = tf.unstack(tf.shape(cells)[:2])
    units = kernel.shape[0]
    i, f, o, g = tf.split(gates, 4, axis=2)
    i, f, o, g, squashed = tf.sigmoid(i), tf.sigmoid(f), tf.sigmoid(o), tf.tanh(g), tf.tanh(cells)
    to_cell = o * (1 - squashed * squashed)
    to_gates = tf.concat(
        [g * i * (1 - i), _previous(cells, reverse) * f * (1 - f), squashed * o * (1 - o), i * (1 - g * g)], axis=2
    )
    transposed = tf.transpose(kernel)

    def step(count, d_state, d_cell, d_gates):
        time = count if reverse else steps - 1 - count
        d_state += tf.gather(d_hidden, time)
        d_cell += d_state * tf.gather(to_cell, time)
        d_gate = tf.concat([d_cell, d_cell, d_state, d_cell], axis=1) * tf.gather(to_gates, time)
        return count + 1, tf.matmul(d_gate, transposed), d_cell * tf.gather(f, time), d_gates.write(time, d_gate)

    zero = tf.zeros([batch, units], cells.dtype)
    *_, d_gates = tf.while_loop(
        lambda count, *_: count < steps, step, (0, zero, zero, _array(steps, 4 * units))
    )
    return d_gates.stack()


def _previous(states, reverse):
    zero = tf.zeros_like(states[:1])
    return tf.concat([states[1:], zero] if reverse else [zero, states[:-1]], axis=0)


def _rows(array):
    return tf.reshape(array, [-1, array.shape[-1]])


def _array(steps, width):
    return tf.TensorArray(tf.float32, size=steps, element_shape=[None, width])
