"""A bidirectional LSTM with only the recurrence in its time loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import tensorflow as tf

from cman_tf.layers.lstm import run_lstm
from cman_tf.layers.packing import TwoWayPacking
from cman_tf.layers.recurrence import predicted_states, trained_states
from cman_tf.layers.symbolic import shapes_only


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class BiLSTM(tf.keras.layers.Layer):
    """Bidirectional LSTM, eq. 1 of the paper: `H = BiLSTM(X)`.

    The same function as `Bidirectional(LSTM(units, return_sequences=True))`, optimised for CPUs: the input is
    multiplied for all time steps and both directions at once; sequences are packed, longest first, so that a step of
    the loop computes only sequences that are long enough; the loop contains only the recurrent product; and a
    hand-written gradient computes all weight gradients with single products after its loop.

    With a mixed precision policy, only the input projection is in half precision. The recurrence, its kernel and the
    bias stay float32, because rounding errors of the states would accumulate over the steps.

    Args:
        units: int. Width per direction; the output is `2 * units` wide.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        mask: bool `(batch, tokens)`, False for padding, which must follow all tokens. Default: no padding.
        training: bool. False uses, for few sequences, a kernel that is faster but has no gradient. Default None.

    Shapes:
        `(batch, tokens, features)` -> `(batch, tokens, 2 * units)`. Padding never changes the output at a token; the
        output at padding is 0.

    Example:
        >>> BiLSTM(8)(tf.zeros([2, 5, 3])).shape
        TensorShape([2, 5, 16])

    Reference:
        Hochreiter and Schmidhuber (1997); bias of the forget gate 1, Jozefowicz et al. (2015).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape: tf.TensorShape) -> None:
        width, units = input_shape[-1], self.units
        # Columns: the gates of the forward direction, in the order input, forget, candidate, output, then those of the
        # backward one.
        self.kernel = self.add_weight("kernel", [width, 8 * units], initializer=_start_kernel)
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", [2, units, 4 * units], initializer=_start_recurrent, experimental_autocast=False
        )
        self.bias = self.add_weight("bias", [8 * units], initializer=_start_bias, experimental_autocast=False)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        batch, time = tf.unstack(tf.shape(inputs)[:2])
        if shapes_only():
            return tf.zeros([batch, time, 2 * self.units], self.compute_dtype)
        lengths = tf.fill([batch], time) if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        gates = self.project(tf.reshape(inputs, [-1, inputs.shape[-1]]))
        if training:
            states = trained_states(self.units)(gates, tf.convert_to_tensor(self.recurrent_kernel), lengths, time)
        else:
            states = predicted_states(self.units)(
                tf.stop_gradient(gates), tf.stop_gradient(self.recurrent_kernel), lengths, time
            )
            states = _without_gradient(states, gates)
        states = tf.cast(tf.reshape(states, [batch, time, 2 * self.units]), self.compute_dtype)
        return tf.ensure_shape(states, [*inputs.shape[:2], 2 * self.units])

    def project(self, inputs: tf.Tensor) -> tf.Tensor:
        """Input projection of the gates, directions alternating: `(rows, features)` -> `(2 * rows, 4 * units)`."""
        product = tf.cast(tf.matmul(inputs, self.kernel), tf.float32)
        return tf.reshape(product + self.bias, [-1, 4 * self.units])

    def recur(self, gates: tf.Tensor, packing: TwoWayPacking) -> tf.Tensor:
        """From packed projected inputs `(elements, 4 * units)` to packed states `(elements, units)`."""
        return run_lstm(gates, self.recurrent_kernel, packing)

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        return tf.TensorShape(input_shape[:-1]).concatenate(2 * self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def _start_kernel(shape: Sequence[int], dtype: tf.DType | None = None) -> tf.Tensor:
    # Two initializers: one would give both directions the same values.
    return tf.concat(
        [tf.keras.initializers.GlorotUniform()([shape[0], shape[1] // 2], dtype) for _ in range(2)], axis=1
    )


def _start_recurrent(shape: Sequence[int], dtype: tf.DType | None = None) -> tf.Tensor:
    return tf.stack([tf.keras.initializers.Orthogonal()(shape[1:], dtype) for _ in range(shape[0])])


def _start_bias(shape: Sequence[int], dtype: tf.DType | None = None) -> tf.Tensor:
    return tf.tile(tf.repeat(tf.constant([0.0, 1.0, 0.0, 0.0], dtype), shape[0] // 8), [2])


@tf.custom_gradient
def _without_gradient(states: tf.Tensor, gates: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], NoReturn]]:
    """`states`, whose gradient is an error. They were computed from constants; `gates` leads a tape to that error."""

    def gradient(_: tf.Tensor) -> NoReturn:
        # TensorFlow 2.15's gradient of BlockLSTMV2 differs from that of the Keras LSTM.
        raise ValueError("A BiLSTM called with training=False has no gradient; call it with training=True")

    return tf.identity(states), gradient
