"""Dropout whose random state is part of a checkpoint."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class Dropout(tf.keras.layers.Dropout):
    """Keras dropout with the same masks in a resumed training as in an uninterrupted one.

    Its masks come from its own `tf.random.Generator`, whose state `tf.train.Checkpoint` saves, unlike that of the
    Keras layer.

    Args:
        rate: float. Share of the inputs to set to zero, `0 <= rate < 1`.
        seed: int. Initial random state. Default 0.

    Shapes:
        `(...)` -> `(...)`; masking is passed through.

    Example:
        >>> Dropout(0.2, seed=7)(tf.ones([2, 3]), training=False).shape
        TensorShape([2, 3])
    """

    def __init__(self, rate: float, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.generator = tf.random.Generator.from_seed(seed)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training or self.rate == 0:
            return inputs
        # Random numbers in half precision are too coarse for the rate, and would give other masks than float32.
        wide = tf.cast(inputs, tf.float32)
        dropped = tf.nn.experimental.general_dropout(wide, self.rate, uniform_sampler=self.generator.uniform)
        return tf.cast(dropped, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class WordDropout(Dropout):
    """`Dropout` of whole tokens, `(batch, tokens, width)`."""

    def call(self, inputs, training=None):
        if not training or self.rate == 0:
            return inputs
        kept = super().call(tf.ones_like(inputs[..., :1]), training=training)
        return inputs * kept
