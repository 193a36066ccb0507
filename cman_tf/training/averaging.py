"""An exponential average of the weights."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf


class WeightAverage(tf.Module):
    """Maintains `average = decay * average + (1 - decay) * weights`, and exchanges it with the weights on request.

    Args:
        weights: list of `tf.Variable`.
        decay: float. Per update, `0 < decay < 1`. At update n it is at most `(1 + n) / (10 + n)`, so that the average
            soon forgets the start values.
    """

    def __init__(self, weights: Iterable[tf.Variable], decay: float) -> None:
        super().__init__(name="weight_average")
        self.decay = decay
        self.updates = tf.Variable(0.0, trainable=False)
        self.weights = list(weights)
        self.average = [tf.Variable(weight, trainable=False) for weight in weights]

    @tf.function(autograph=False)
    def update(self) -> None:
        """Move the average towards the weights; called once per training step."""
        self.updates.assign_add(1.0)
        rate = 1 - tf.minimum(self.decay, (1 + self.updates) / (10 + self.updates))
        for average, weight in zip(self.average, self.weights):
            average.assign_add(rate * (weight - average))

    @tf.function(autograph=False)
    def swap(self) -> None:
        """Exchange weights and average; a second call restores them."""
        for average, weight in zip(self.average, self.weights):
            kept = tf.identity(weight)
            weight.assign(average)
            average.assign(kept)
