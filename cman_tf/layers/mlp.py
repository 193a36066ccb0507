"""The MLP that replaces a BiLSTM in the ablation of Table 4."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class MLP(tf.keras.layers.Layer):
    """A dense ReLU layer with the width of a BiLSTM, for each token separately ("replace BiLSTM with MLP").

    Args:
        units: int. As in `BiLSTM`, the output is `2 * units` wide.

    Shapes:
        `(batch, tokens, features)` -> `(batch, tokens, 2 * units)`; a mask is accepted, as in `BiLSTM`, and ignored.

    Reference:
        Zhao et al. (2020), section 4.6; the paper does not describe its MLP.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True
        self.dense = tf.keras.layers.Dense(2 * units, activation="relu", name="dense", dtype=self.dtype_policy)

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None, training: bool | None = None) -> tf.Tensor:
        return self.dense(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
