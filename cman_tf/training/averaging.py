"""An exponential average of the weights."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf


class WeightAverage(tf.Module):
    """Keeps `average = decay * average + (1 - decay) * weights`, and puts it in the place of the weights for a while.

    Args:
        weights: list of `tf.Variable`.
        decay: float. Per update, `0 < decay < 1`. Early on it is lowered to `(1 + n) / (10 + n)` at update n, so that
            the average does not remember the start.
    """

    def __init__(self, weights: Iterable[tf.Variable], decay: float) -> None:
        super().__init__(name="weight_average")
        self.decay = decay
        self.updates = tf.Variable(0.0, trainable=False)
        self.weights = list(weights)
        self.average = [tf.Variable(weight, trainable=False) for weight in weights]

    @tf.function(autograph=False)
    def update(self) -> None:
        """Move the average towards the weights, once for each step of the training."""
        self.updates.assign_add(1.0)
        rate = 1 - tf.minimum(self.decay, (1 + self.updates) / (10 + self.updates))
        for average, weight in zip(self.average, self.weights):
            average.assign_add(rate * (weight - average))

    @tf.function(autograph=False)
    def swap(self) -> None:
        """Exchange weights and average; a second call puts them back."""
        for average, weight in zip(self.average, self.weights):
            kept = tf.identity(weight)
            weight.assign(average)
            average.assign(kept)
