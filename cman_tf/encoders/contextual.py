"""Loads a contextual encoder from a TensorFlow Hub handle or a folder."""

from __future__ import annotations

import contextlib
import os
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import tensorflow as tf

from cman_tf.data.formats.reading import located, read_text
from cman_tf.encoders.card import Card
from cman_tf.encoders.elmo import ElmoModule, is_elmo
from cman_tf.encoders.published import PUBLISHED
from cman_tf.errors import InputError, reason
from cman_tf.stack import load_saved_model

if TYPE_CHECKING:
    import numpy as np

_CACHE_VARIABLE = "TFHUB_CACHE_DIR"


class ContextualEncoder(tf.Module):
    """Vectors of tokens in their sentence, from every layer of a pretrained encoder.

    Args:
        module: the loaded SavedModel, or an adapter with the same interface.
        card: `Card`.

    Attributes:
        module: see above.
        name, layers, width, casing, licence, fingerprint: fields of the encoder's card.
        trainable_variables: tuple of `tf.Variable`. Empty for an encoder that can only be used frozen. Their names
            begin with `layer_0/` for the embeddings, `layer_1/` for the first layer, and so on.
        random_state: tuple of `tf.Variable`, the random state of its dropout.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""` at the end of rows.
        training: bool. Whether dropout is on. Default: False.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, layers, width)`, float32, 0 at padding.

    Example:
        >>> encoder = load_encoder("encoders/minilm")
        >>> encoder(tf.constant([["Ana", "lives", "in", "Lima"]])).shape
        TensorShape([1, 4, 7, 384])
    """

    def __init__(self, module: Any, card: Card) -> None:
        super().__init__(name="contextual_encoder")
        self.module = module
        self._card = card

    def __call__(self, tokens: tf.Tensor | np.ndarray, training: bool = False) -> tf.Tensor:
        # A tf.function would convert them itself; an adapter does not.
        return self.module(tf.convert_to_tensor(tokens), training=bool(training))

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """The encoder's weights, tuple of `tf.Variable`; see the class for their names."""
        return tuple(self.module.trainable_variables)

    @property
    def random_state(self) -> tuple[tf.Variable, ...]:
        """Random state of its dropout, tuple of `tf.Variable`."""
        return tuple(getattr(self.module, "random_state", ()))

    name = property(lambda self: self._card.name)
    layers = property(lambda self: self._card.layers)
    width = property(lambda self: self._card.width)
    casing = property(lambda self: self._card.casing)
    licence = property(lambda self: self._card.licence)
    fingerprint = property(lambda self: self._card.fingerprint)


def load_encoder(handle: str | Path) -> ContextualEncoder:
    """Load a contextual encoder.

    Args:
        handle: str or path. A folder, or an address that `tensorflow_hub` downloads to the user's cache folder or to
            `$TFHUB_CACHE_DIR`. ELMo's module is detected by its signature.

    Returns:
        `ContextualEncoder`.

    Raises:
        InputError: if the handle cannot be downloaded or loaded, is not an encoder, or has an invalid card.
    """
    handle = os.fspath(handle)
    folder = resolve(handle)
    module = _load(folder, handle)
    with located(handle):
        if is_elmo(module):
            module = ElmoModule(module, folder)
            return ContextualEncoder(module, module.card)
        if not callable(module) or not hasattr(module, "card") or not hasattr(module, "trainable_variables"):
            raise InputError(
                "An encoder must be a SavedModel written by `cman encoder convert`, or ELMo's module. "
                "Received: a SavedModel without a call or card"
            )
        card = Card.parse(read_text(_card_file(module)))
        _check_call(module, card)
    return ContextualEncoder(module, card)


def resolve(handle: str) -> str:
    """Folder of an encoder; an address is downloaded. Nothing is loaded.

    Args:
        handle: str, see `load_encoder`.

    Raises:
        InputError: if there is no SavedModel, or it cannot be downloaded.
    """
    if "://" not in handle:
        folder = os.path.expanduser(handle)
        if not (Path(folder) / "saved_model.pb").is_file():
            missing = "saved_model.pb is missing" if os.path.isdir(folder) else "there is no such folder"
            published = handle in PUBLISHED and PUBLISHED[handle].kind != "vectors"
            remedy = f" Download it with: cman encoder fetch {handle}" if published else ""
            raise InputError(f"Cannot load the encoder {handle}: {missing}.{remedy}")
        return folder
    import tensorflow_hub

    with _cache():
        try:
            return tensorflow_hub.resolve(handle)
        except Exception as error:
            # Resolvers and archives raise many kinds of errors, all about this address.
            raise InputError(
                f"Cannot download the encoder {handle}: {_cause(error)}. For a copy on disk, give its folder."
            ) from None


@contextlib.contextmanager
def _cache() -> Iterator[None]:
    """Download to the user's cache, not to a temporary folder."""
    given = os.environ.get(_CACHE_VARIABLE)
    os.environ.setdefault(_CACHE_VARIABLE, str(platformdirs.user_cache_path("cman-tf") / "hub"))
    try:
        yield
    finally:
        if given is None:
            del os.environ[_CACHE_VARIABLE]


def _load(folder: str, handle: str) -> Any:
    try:
        return load_saved_model(folder)
    except Exception as error:
        # The kind of error depends on the damaged part.
        raise InputError(f"Cannot load the SavedModel in {handle}: {_cause(error)}") from None


def _card_file(module: Any) -> str:
    path = getattr(module.card, "asset_path", None)
    if path is None:
        raise InputError("An encoder's card must be an asset. Received: something else")
    return path.numpy().decode("utf-8", "surrogateescape")


def _check_call(module: Any, card: Card) -> None:
    for training in (False, True):
        try:
            call = module.__call__.get_concrete_function(tf.TensorSpec([None, None], tf.string), training=training)
            received = call.structured_outputs.shape.as_list()
        except (AttributeError, TypeError, ValueError):
            raise InputError(
                f"An encoder must accept (tokens, training={training}) with tokens a string matrix. Received: one that "
                "does not"
            ) from None
        expected = [None, None, card.layers, card.width]
        if len(received) != 4 or received[2:] != expected[2:]:
            raise InputError(f"An encoder must return the shape of its card, {expected}. Received: {received}")


def _cause(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return reason(error.reason) if isinstance(error.reason, Exception) else str(error)
    text = reason(error).strip() or type(error).__name__
    return text.splitlines()[0]
