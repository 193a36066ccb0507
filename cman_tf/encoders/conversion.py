"""Converts published encoders to TensorFlow Hub modules."""

from __future__ import annotations

import json
import os
from pathlib import Path

import tensorflow as tf

from cman_tf.encoders.card import Card
from cman_tf.encoders.character_models import CharacterModels
from cman_tf.encoders.flair import FlairFolder
from cman_tf.encoders.hugging_face import HuggingFaceFolder
from cman_tf.encoders.module import fingerprint, save
from cman_tf.encoders.subword_encoder import SubwordEncoder
from cman_tf.encoders.subwords import WordPieces
from cman_tf.encoders.transformer import Transformer
from cman_tf.errors import InputError
from cman_tf.files import check_new_folder

_TRANSFORMER_SETTINGS = ("layers", "heads", "activation", "epsilon", "dropout", "attention_dropout", "first_position")


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
        folder: str or path. See `HuggingFaceFolder` and `FlairFolder`.
        out: str or path of a new or empty folder.
        name: str. Default: the folder's name.
        licence: str. Default: from the folder, or `"unknown"`.
        with_whitespace: bool. Only for `"flair"`; see `CharacterModels`. Default False.

    Returns:
        `Card`.

    Raises:
        InputError: if the folder is incomplete or its parts do not fit; if `out` has content or cannot be written; if
            `with_whitespace` is True for another kind.
    """
    if with_whitespace and kind != "flair":
        raise InputError(f"--with-whitespace is only for flair. Received: {kind}")
    out = Path(os.path.abspath(os.path.expanduser(out)))
    check_new_folder(out)
    name = name or Path(os.path.abspath(os.path.expanduser(folder))).name
    if kind == "flair":
        encoder, card = _flair(folder, name, licence, with_whitespace)
    else:
        encoder, card = _transformer(kind, folder, name, licence)
    save(encoder, card, out)
    return card


def _transformer(kind: str, folder: str | Path, name: str, licence: str | None) -> tuple[tf.Module, Card]:
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
    source = FlairFolder(folder)
    reading = json.dumps(source.characters, sort_keys=True) + " with whitespace" * with_whitespace
    digest = fingerprint("flair", source.weights, reading.encode())
    card = Card(name, "flair", 1, source.width, "cased", licence or "unknown", digest)
    return CharacterModels(source.characters, source.weights, with_whitespace), card
