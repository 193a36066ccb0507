"""Writes an encoder as a SavedModel that `tensorflow_hub` loads."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from cman_tf.encoders.card import FILE, Card
from cman_tf.errors import InputError, reason
from cman_tf.files import atomic_folder

# Part of every fingerprint. Change it when the same weights give other vectors.
_REVISION = b"1"


class EncoderModule(tf.Module):
    """A contextual encoder with the interface that is saved.

    Args:
        encoder: `tf.Module`, called with `(tokens, training)`. `random_state` collects the states of the
            `tf.random.Generator`s in it and its parts.
        card: `Card`.
        card_file: str or path. File with the card's content.

    Attributes:
        card: `tf.saved_model.Asset`.
        trainable_variables: list of `tf.Variable`.
        random_state: list of `tf.Variable`, the random state of dropout.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""` at the end of rows.
        training: bool.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, layers, width)`, float32, 0 at padding.

    Reference:
        https://www.tensorflow.org/hub/reusable_saved_models
    """

    # A list is saved, unlike tf.Module's property.
    trainable_variables = None

    def __init__(self, encoder: tf.Module, card: Card, card_file: str | Path) -> None:
        super().__init__()
        self.encoder = encoder
        self.trainable_variables = list(encoder.trainable_variables)
        parts = (encoder, *encoder.submodules)
        generators = [part.generator for part in parts if hasattr(part, "generator")]
        self.random_state = [generator.state for generator in generators]
        self.card = tf.saved_model.Asset(str(card_file))
        self._shape = [None, None, card.layers, card.width]

    @tf.function(autograph=False)
    def __call__(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.ensure_shape(self.encoder(tokens, training), self._shape)


def save(encoder: tf.Module, card: Card, out: str | Path) -> None:
    """Write an encoder as a folder, completely or not at all.

    Args:
        encoder: `tf.Module`, called with `(tokens, training)`.
        card: `Card`.
        out: str or path of a new or empty folder.

    Raises:
        InputError: if `out` has content or cannot be written.
    """
    # The card is copied into the SavedModel, so its file is only needed while that is written.
    with atomic_folder(out) as temporary, tempfile.TemporaryDirectory(dir=temporary) as folder:
        file = Path(folder) / FILE
        file.write_text(card.dump(), encoding="utf-8")
        module = EncoderModule(encoder, card, file)
        tokens = tf.TensorSpec([None, None], tf.string, name="tokens")
        for training in (False, True):
            module.__call__.get_concrete_function(tokens, training=training)
        try:
            tf.saved_model.save(module, str(temporary))
        except tf.errors.OpError as error:
            raise InputError(f"Cannot write {out}: {reason(error)}") from None


def fingerprint(kind: str, weights: Mapping[str, np.ndarray], vocabulary: bytes) -> str:
    """SHA-256 of everything that an encoder's vectors depend on.

    Args:
        kind: str.
        weights: dict of str to array.
        vocabulary: bytes. Word pieces or characters, and the normalisation of text.

    Returns:
        str, hexadecimal.
    """
    digest = hashlib.sha256(_REVISION + kind.encode() + b"\0" + vocabulary)
    for name, value in sorted(weights.items()):
        digest.update(f"\0{name}{value.shape}{value.dtype}\0".encode())
        digest.update(np.ascontiguousarray(value))  # type: ignore[arg-type]
    return digest.hexdigest()
