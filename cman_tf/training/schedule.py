"""Learning rate schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from cman_tf.config.fields import TrainingConfig


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class Schedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then a constant rate or a linear decay to 0 at the last step.

    Args:
        peak: float. The highest rate.
        warmup_steps: int. Steps of the warm-up, 0 for none.
        total_steps: int. All steps of the training.
        decay: bool. Whether the rate falls linearly to 0.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, decay: bool) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.decay = decay

    @classmethod
    def of(cls, training: TrainingConfig, steps: int, peak: float) -> Schedule:
        """The schedule of a configuration with `steps` steps per epoch and the highest rate `peak`."""
        return cls(
            peak,
            warmup_steps=round(training.warmup_epochs * steps),
            total_steps=training.epochs * steps,
            decay=training.schedule == "linear",
        )

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rise = tf.minimum(1.0, (step + 1) / max(self.warmup_steps, 1))
        fall = tf.maximum(0.0, (self.total_steps - step) / max(self.total_steps - self.warmup_steps, 1))
        return self.peak * rise * (tf.minimum(1.0, fall) if self.decay else 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "decay": self.decay,
        }
