"""Combines the contextual encoders of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from cman_tf.encoders.contextual import load_encoder
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
        InputError: if an encoder cannot be loaded.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(name="encoders")
        self.encoders = [load_encoder(find_pretrained(name)) for name in names]

    def __call__(self, tokens: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        return dict(zip(self.input_names, (encoder(tokens, training) for encoder in self.encoders)))

    @property
    def input_names(self) -> list[str]:
        """The network's input for each encoder: `contextual_1`, `contextual_2`, ..."""
        return [f"contextual_{number}" for number, _ in enumerate(self.encoders, 1)]

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """Weights of all encoders in order, tuple of `tf.Variable`."""
        return tuple(variable for encoder in self.encoders for variable in encoder.trainable_variables)

    @property
    def random_state(self) -> tuple[tf.Variable, ...]:
        """Random state of the dropout of all encoders, tuple of `tf.Variable`."""
        return tuple(variable for encoder in self.encoders for variable in encoder.random_state)

    @property
    def about(self) -> list[dict[str, Any]]:
        """Description of each encoder for the run folder, a list of dicts."""
        return [
            {name: getattr(item, name) for name in ("name", "layers", "width", "casing", "licence", "fingerprint")}
            for item in self.encoders
        ]

    def check(self, about: Sequence[Mapping[str, Any]], where: str | Path) -> None:
        """Raise `InputError` unless these are the encoders that a run was trained with.

        Args:
            about: list of dicts, `about` at the time of training.
            where: str or path. The run folder.
        """
        for kept, found in zip(about, self.about):
            for name in ("layers", "width", "fingerprint"):
                if kept[name] != found[name]:
                    raise InputError(
                        f"An encoder must be the one that the run was trained with, {kept['name']} with {name} "
                        f"{kept[name]}. Received: {found['name']} with {name} {found[name]} for {where}"
                    )
