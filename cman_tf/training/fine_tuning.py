"""Training the contextual encoders' own weights."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.training.schedule import Schedule

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.encoders.combined import Encoders
    from cman_tf.encoders.contextual import ContextualEncoder


class FineTuning:
    """The encoders as part of a training step, each layer with its own learning rate.

    The rate of the last layer is `encoder.learning_rate`; each layer below has `encoder.layer_decay` times the rate of
    the layer above it, because lower layers are more general. Rates follow the network's schedule.

    Args:
        encoders: `Encoders`.
        config: `Config`.
        steps: int. Steps per epoch.

    Attributes:
        variables: list of `tf.Variable`, the trained weights.
        optimizers: list of Adam optimizers, one for each depth, for checkpoints.
        random_state: list of `tf.Variable`, the state of the encoders' dropout, seeded by `seed`; for checkpoints.

    Reference:
        Howard and Ruder (2018), section 3.2, discriminative fine-tuning.
    """

    def __init__(self, encoders: Encoders, config: Config, steps: int) -> None:
        self.encoders = encoders
        top = int(os.environ.get("TOP", "4"))
        first = encoders.encoders[0]
        last = first.layers - 1
        self.variables = [v for v in first.trainable_variables
                          if int(re.search(r"layer_(\d+)", v.name).group(1)) > last - top]
        self.random_state = list(encoders.random_state)
        for number, variable in enumerate(self.random_state):
            variable.assign(tf.random.Generator.from_seed(config.seed + number).state)
        below = [last - int(re.search(r"layer_(\d+)", v.name).group(1)) for v in self.variables]
        self.groups = {level: [n for n, other in enumerate(below) if other == level] for level in sorted(set(below))}
        rates = [config.encoder.learning_rate * config.encoder.layer_decay**level for level in self.groups]
        self.optimizers = [tf.keras.optimizers.legacy.Adam(Schedule.of(config.training, steps, rate)) for rate in rates]
        # TensorFlow traces a step twice if it creates variables.
        for optimizer, rows in zip(self.optimizers, self.groups.values()):
            optimizer._create_all_weights([self.variables[row] for row in rows])

    def encode(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """The network's contextual inputs for string `(batch, tokens)`, with dropout."""
        return {"contextual_1": self.encoders.encoders[0](tokens, training=os.environ.get("ENCDROP", "1") == "1")}

    def apply_gradients(self, gradients: Sequence[tf.Tensor]) -> None:
        """Update the weights with gradients in the order of `variables`."""
        for optimizer, rows in zip(self.optimizers, self.groups.values()):
            optimizer.apply_gradients([(gradients[row], self.variables[row]) for row in rows])


def _levels_below(encoder: ContextualEncoder) -> list[int]:
    """Distance of each trainable variable from the last layer, by the number in its name; without one, below all."""
    numbers = [re.search(r"layer[^0-9]{0,2}(\d+)", variable.name) for variable in encoder.trainable_variables]
    depths = [int(found.group(1)) if found else -1 for found in numbers]
    return [max(depths, default=0) - depth for depth in depths]
