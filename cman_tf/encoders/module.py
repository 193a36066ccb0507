"""Writing an encoder as a SavedModel that `tensorflow_hub` loads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from cman_tf.encoders.card import FILE, Card
from cman_tf.errors import InputError, reason

# Part of every fingerprint: to be changed when the same weights begin to give other vectors.
_REVISION = b"1"


class EncoderModule(tf.Module):
    """The contract of a contextual encoder, in the form that is saved.

    Args:
        encoder: `tf.Module`, called with `(tokens, training)`. States of the `tf.random.Generator`s in it and its parts
            become `random_state`.
        card: `Card`.
        card_file: path of the file with the card's content.

    Attributes:
        card: `tf.saved_model.Asset`.
        trainable_variables: list of `tf.Variable`.
        random_state: list of `tf.Variable`, those that dropout draws its numbers from.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""` at the end of rows.
        training: bool.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, layers, width)`, float32, 0 at padding.

    Reference:
        https://www.tensorflow.org/hub/reusable_saved_models
    """

    # tf.Module's property would not be saved; a list is.
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
    """Write an encoder as a folder, whole or not at all.

    Args:
        encoder: `tf.Module`, called with `(tokens, training)`.
        card: `Card`.
        out: str or path of a folder that is not there yet.

    Raises:
        InputError: `out` is there, or cannot be written.
    """
    out = new_folder(out)
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=temporary) as folder:
            file = Path(folder) / FILE
            file.write_text(card.dump(), encoding="utf-8")
            module = EncoderModule(encoder, card, file)
            tokens = tf.TensorSpec([None, None], tf.string, name="tokens")
            for training in (False, True):
                module.__call__.get_concrete_function(tokens, training=training)
            tf.saved_model.save(module, str(temporary))
        os.rename(temporary, out)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"An encoder's folder must be writable. Received: {out} ({reason(error)})") from None
    finally:
        # Gone already if it has its final name.
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)


def new_folder(out: str | Path) -> Path:
    """`out` as a path.

    Raises:
        InputError: something of that name is there.
    """
    out = Path(os.path.abspath(os.path.expanduser(out)))
    if os.path.lexists(out):
        raise InputError(f"An encoder's folder must be a new one, so that none is overwritten. Received: {out}")
    return out


def fingerprint(kind: str, weights: Mapping[str, np.ndarray], vocabulary: bytes) -> str:
    """SHA-256 of all that decides an encoder's vectors.

    Args:
        kind: str.
        weights: dict of str to array.
        vocabulary: bytes. The word pieces or characters, and how text is normalised.

    Returns:
        str, hexadecimal.
    """
    digest = hashlib.sha256(_REVISION + kind.encode() + b"\0" + vocabulary)
    for name, value in sorted(weights.items()):
        digest.update(f"\0{name}{value.shape}{value.dtype}\0".encode())
        digest.update(np.ascontiguousarray(value))  # type: ignore[arg-type]
    return digest.hexdigest()
