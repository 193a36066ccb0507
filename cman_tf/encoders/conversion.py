"""Published encoders converted to TensorFlow Hub modules."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

    from cman_tf.encoders.card import Card

KINDS = ("bert", "mpnet", "flair")


def convert(
    kind: str,
    folder: str | Path,
    out: str | Path,
    name: str | None = None,
    licence: str | None = None,
    with_whitespace: bool = False,
) -> Card:
    """Convert a published encoder.

    Args:
        kind: `"bert"`, `"mpnet"` or `"flair"`.
        folder: str or path. What `HuggingFaceFolder` or `FlairFolder` reads.
        out: str or path of a folder that is not there yet.
        name: str. Default: the folder's name.
        licence: str. Default: as the folder says, or `"unknown"`.
        with_whitespace: bool, for `"flair"` alone; see `CharacterModels`. Default False.

    Returns:
        `Card`.

    Raises:
        InputError: the folder is not complete, or its parts do not fit; `out` is there, or cannot be written;
            `with_whitespace` for another kind.
    """
    from cman_tf.encoders.module import new_folder, save

    if with_whitespace and kind != "flair":
        raise InputError(f"--with-whitespace must be used for flair alone. Received: {kind}")
    new_folder(out)
    name = name or Path(os.path.abspath(os.path.expanduser(folder))).name
    if kind == "flair":
        encoder, card = _flair(folder, name, licence, with_whitespace)
    else:
        encoder, card = _transformer(kind, folder, name, licence)
    save(encoder, card, out)
    return card


def _transformer(kind: str, folder: str | Path, name: str, licence: str | None) -> tuple[tf.Module, Card]:
    from cman_tf.encoders.card import Card
    from cman_tf.encoders.hugging_face import HuggingFaceFolder
    from cman_tf.encoders.module import fingerprint
    from cman_tf.encoders.subword_encoder import SubwordEncoder
    from cman_tf.encoders.subwords import WordPieces
    from cman_tf.encoders.transformer import Transformer

    source = HuggingFaceFolder(kind, folder)
    settings = {
        name: getattr(source, name)
        for name in (*_TRANSFORMER_SETTINGS, "lower_case", "strip_accents", "unknown", "begin", "end", "positions")
    }
    card = Card(
        name,
        kind,
        source.layers + 1,
        source.hidden,
        "uncased" if source.lower_case else "cased",
        licence or source.licence,
        fingerprint(kind, source.weights, json.dumps([source.vocabulary, settings], sort_keys=True).encode()),
    )
    encoder = SubwordEncoder(
        WordPieces(source.vocabulary, source.unknown, source.lower_case, source.strip_accents),
        Transformer(source.weights, **{name: settings[name] for name in _TRANSFORMER_SETTINGS}),
        source.vocabulary.index(source.begin),
        source.vocabulary.index(source.end),
        source.positions,
    )
    return encoder, card


def _flair(folder: str | Path, name: str, licence: str | None, with_whitespace: bool) -> tuple[tf.Module, Card]:
    from cman_tf.encoders.card import Card
    from cman_tf.encoders.character_models import CharacterModels
    from cman_tf.encoders.flair import FlairFolder
    from cman_tf.encoders.module import fingerprint

    source = FlairFolder(folder)
    reading = json.dumps(source.characters, sort_keys=True) + " with whitespace" * with_whitespace
    digest = fingerprint("flair", source.weights, reading.encode())
    card = Card(name, "flair", 1, source.width, "cased", licence or "unknown", digest)
    return CharacterModels(source.characters, source.weights, with_whitespace), card


_TRANSFORMER_SETTINGS = (
    "layers",
    "heads",
    "activation",
    "epsilon",
    "dropout",
    "attention_dropout",
    "first_position",
)
