"""`python -m cman_tf.encoders.conversion KIND FOLDER OUT`: a published encoder as a TensorFlow Hub module."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.commands import cli
from cman_tf.errors import InputError

if TYPE_CHECKING:
    import tensorflow as tf

    from cman_tf.encoders.card import Card

KINDS = ("bert", "mpnet", "flair")


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman-encoder-convert",
        "Turn a published encoder into a TensorFlow Hub module: a SavedModel that takes tokens, sub-words inside.",
        "python -m cman_tf.encoders.conversion bert all-MiniLM-L6-v2 encoders/minilm --licence Apache-2.0",
        usage="KIND FOLDER OUT [options]",
    )
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="bert, mpnet: config.json, vocab.txt, *.safetensors, and tokenizer_config.json, without which text is "
        "taken in lower case; flair: lm.npz, char2id.json",
    )
    parser.add_argument("out", metavar="OUT", help="folder to write; must not exist")
    parser.add_argument(
        "--licence", metavar="TEXT", help="licence of the weights (default: as FOLDER's README.md says)"
    )
    parser.add_argument("--name", metavar="TEXT", help="name of the encoder (default: FOLDER's)")
    parser.add_argument(
        "--with-whitespace",
        action="store_true",
        help="flair: read states after the blank at a word's border, not at its last character (default: no; "
        "the default of Flair's library: yes)",
    )
    args = cli.parse(parser, argv)

    card = convert(args.kind, args.folder, args.out, args.name, args.licence, args.with_whitespace)
    print(
        f"{args.out}: {card.name}, {card.layers} layer{'s' * (card.layers > 1)} of {card.width}, {card.casing}, "
        f"licence {card.licence}, fingerprint {card.fingerprint[:12]}"
    )


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


def main() -> None:
    sys.exit(cli.run("cman-encoder-convert", command))


if __name__ == "__main__":
    main()
