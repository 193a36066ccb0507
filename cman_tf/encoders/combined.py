"""The contextual encoders of a run, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from cman_tf.encoders.contextual import load_encoder
from cman_tf.encoders.feature_store import input_names
from cman_tf.errors import InputError
from cman_tf.files import find_pretrained


class Encoders(tf.Module):
    """Several contextual encoders of the same tokens.

    Args:
        names: sequence of str, see `find_pretrained`.

    Call arguments:
        tokens: string `(batch, tokens)`, padded with `""`.
        training: bool. Whether dropout is on. Default False.

    Returns:
        dict: `contextual_1`, `contextual_2`, ... float32 `(batch, tokens, layers, width)` of each encoder.

    Raises:
        InputError: an encoder cannot be loaded.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(name="encoders")
        self.encoders = [load_encoder(find_pretrained(name)) for name in names]

    def __call__(self, tokens: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        return dict(zip(input_names(self.encoders), (encoder(tokens, training) for encoder in self.encoders)))

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """The weights of all encoders in their order, tuple of `tf.Variable`."""
        return tuple(variable for encoder in self.encoders for variable in encoder.trainable_variables)

    @property
    def random_state(self) -> tuple[tf.Variable, ...]:
        """What the dropout of all encoders draws from, tuple of `tf.Variable`."""
        return tuple(variable for encoder in self.encoders for variable in encoder.random_state)

    @property
    def about(self) -> list[dict[str, Any]]:
        """What a run folder keeps of each encoder, a list of dicts."""
        return [
            {name: getattr(item, name) for name in ("name", "layers", "width", "casing", "licence", "fingerprint")}
            for item in self.encoders
        ]

    def check(self, about: Sequence[Mapping[str, Any]], where: str | Path) -> None:
        """Raise `InputError` unless these are the encoders that a run was trained with.

        Args:
            about: list of dicts, what `about` was then.
            where: str. The run.
        """
        for kept, found in zip(about, self.about):
            for name in ("layers", "width", "fingerprint"):
                if kept[name] != found[name]:
                    raise InputError(
                        f"An encoder must be the one that the run was trained with, {kept['name']} of {name} "
                        f"{kept[name]}. Received: {found['name']} of {name} {found[name]} for {where}"
                    )
