"""ELMo's TensorFlow Hub module with the interface of the other encoders."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import tensorflow as tf

from cman_tf.encoders.card import Card
from cman_tf.errors import InputError

_SIGNATURE = "tokens"
_OUTPUTS = "word_emb", "lstm_outputs1", "lstm_outputs2"


class ElmoModule(tf.Module):
    """ELMo's three layers: words from their characters, and two layers of a bidirectional language model.

    The module's own sum over layers (`elmo`) is not used: each task learns one.

    Args:
        module: what `tensorflow_hub` loads from `https://tfhub.dev/google/elmo/3`.
        folder: str. Folder of its files.

    Attributes:
        card: `Card`.
        trainable_variables: empty. The module has gradients only for the weights of its own sum.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""`.
        training: bool. Has no effect.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, 3, width)`, 0 at padding. The word layer is half as wide as the others
        and is repeated, as in ELMo's own sum.

    Raises:
        InputError: if the signature has other outputs, or other widths.

    Reference:
        Peters et al. (2018), Deep Contextualized Word Representations.
    """

    trainable_variables = ()

    def __init__(self, module: Any, folder: str) -> None:
        super().__init__(name="elmo")
        self.module = module
        # One word, for a graph of TensorFlow 1 may not know the shapes of its own outputs.
        outputs = module.signatures[_SIGNATURE](tokens=tf.constant([["a"]]), sequence_len=tf.constant([1]))
        widths: list[Any] = [outputs[name].shape[-1] if name in outputs else None for name in _OUTPUTS]
        if None in widths or widths[1:] != [2 * widths[0]] * 2:
            raise InputError(
                f"ELMo's signature `{_SIGNATURE}` must return {', '.join(_OUTPUTS)}, the first half as wide as the "
                f"others. Received: widths {widths}"
            )
        self._widths = tuple(widths)
        self.card = Card("elmo", "elmo", 3, widths[1], "cased", "Apache-2.0", files_fingerprint(folder))

    def __call__(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        there = tokens != ""
        lengths = tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
        outputs = self.module.signatures[_SIGNATURE](tokens=tokens, sequence_len=lengths)
        words, first, second = (
            tf.ensure_shape(outputs[name], [None, None, width]) for name, width in zip(_OUTPUTS, self._widths)
        )
        layers = tf.stack([tf.concat([words, words], axis=-1), first, second], axis=2)
        return tf.where(there[:, :, None, None], layers, 0.0)


def is_elmo(module: Any) -> bool:
    """Whether a loaded SavedModel has ELMo's signature."""
    signatures = getattr(module, "signatures", {})
    if _SIGNATURE not in signatures:
        return False
    inputs = signatures[_SIGNATURE].structured_input_signature[1]
    return set(inputs) == {"tokens", "sequence_len"}


def files_fingerprint(folder: str) -> str:
    """SHA-256 of the module's graph, variables and assets."""
    digest = hashlib.sha256(b"elmo")
    files = [os.path.join(folder, "saved_model.pb")]
    for part in (os.path.join(folder, "variables"), os.path.join(folder, "assets")):
        if tf.io.gfile.isdir(part):
            files += sorted(os.path.join(part, name) for name in tf.io.gfile.listdir(part))
    for path in files:
        digest.update(b"\0" + os.path.basename(path).encode() + b"\0")
        with tf.io.gfile.GFile(path, "rb") as file:
            while block := file.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()
