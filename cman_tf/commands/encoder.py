"""`cman encoder fetch|convert|info|clear`: get pretrained encoders; show or remove their stored vectors."""

from __future__ import annotations

import shutil

from cman_tf.commands import cli
from cman_tf.encoders.card import KINDS
from cman_tf.encoders.published import PUBLISHED
from cman_tf.errors import InputError, check_choice, printable


def command(argv: list[str]) -> None:
    actions = {"fetch": _fetch, "convert": _convert, "info": _info, "clear": _clear}
    if argv and argv[0] in actions:
        return actions[argv[0]](argv[1:])
    parser = cli.parser(
        "cman encoder",
        "Download or convert a pretrained encoder; show or remove the stored vectors of frozen encoders.",
        "cman encoder fetch minilm",
        usage="fetch|convert|info|clear ...",
    )
    parser.add_argument("action", metavar="fetch|convert|info|clear", help="each has its own --help (default: none)")
    action = cli.parse(parser, argv).action
    raise InputError(f"The action must be fetch, convert, info or clear. Received: {action}")


def _fetch(argv: list[str]) -> None:
    parser = cli.parser(
        "cman encoder fetch",
        "Download published encoders or word vectors, check them, and convert them: minilm (91 MB), mpnet (438 MB), "
        "flair (70 MB), glove (862 MB, of which 171 MB are kept). An interrupted download is resumed.",
        "cman encoder fetch mpnet flair glove",
        usage="NAME ... [options]",
    )
    parser.add_argument("names", metavar="NAME", nargs="+", help=", ".join(PUBLISHED))
    args = cli.parse(parser, argv)
    for name in args.names:
        check_choice("A published encoder", name, PUBLISHED)

    from cman_tf.encoders.fetching import fetch

    for name in args.names:
        with cli.transfers() as progress:
            path, new = fetch(name, progress)
        print(f"{name}: {path}, licence {PUBLISHED[name].licence}" + ("" if new else ", was there already"))


def _convert(argv: list[str]) -> None:
    parser = cli.parser(
        "cman encoder convert",
        "Convert a pretrained encoder to a TensorFlow Hub module: a SavedModel that takes tokens.",
        "cman encoder convert bert all-MiniLM-L6-v2 encoders/minilm --licence Apache-2.0",
        usage="KIND FOLDER OUT [options]",
    )
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="bert, mpnet: config.json, vocab.txt, *.safetensors and optionally tokenizer_config.json (default: "
        "uncased); flair: lm.npz, char2id.json",
    )
    parser.add_argument("out", metavar="OUT", help="new folder for the module")
    parser.add_argument("--licence", metavar="TEXT", help="licence of the weights (default: from FOLDER/README.md)")
    parser.add_argument("--name", metavar="TEXT", help="name of the encoder (default: FOLDER's)")
    parser.add_argument(
        "--with-whitespace",
        action="store_true",
        help="flair: read the states after the blank that follows a word, as Flair's library does, not at its last "
        "character",
    )
    args = cli.parse(parser, argv)

    from cman_tf.encoders.conversion import convert

    card = convert(args.kind, args.folder, args.out, args.name, args.licence, args.with_whitespace)
    print(
        f"{args.out}: {printable(card.name)}, {card.layers} layer{'s' * (card.layers > 1)} of {card.width}, "
        f"{card.casing}, licence {printable(card.licence)}, fingerprint {card.fingerprint[:12]}"
    )


def _info(argv: list[str]) -> None:
    _stores("info", "Show the stored vectors of frozen encoders.", argv)


def _clear(argv: list[str]) -> None:
    _stores("clear", "Remove the stored vectors of frozen encoders.", argv)


def _stores(action: str, about: str, argv: list[str]) -> None:
    parser = cli.parser(f"cman encoder {action}", about, f"cman encoder {action} minilm", usage="[NAME] [options]")
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the encoder (default: all)")
    parser.add_argument(
        "--folder", metavar="FOLDER", help="folder of the vectors (default: $CMAN_TF_STORE, else the user's cache)"
    )
    args = cli.parse(parser, argv)

    from cman_tf.encoders.store_files import store_folder, stores

    found = [row for row in stores(args.folder) if args.name in (None, row["name"])]
    if args.name and not found:
        raise InputError(f"There are no vectors of {args.name} in {store_folder(args.folder)}.")
    for row in found:
        size = f"{row['bytes'] / 1e6:,.1f} MB, {row['sentences']} sentences"
        if action == "clear":
            shutil.rmtree(row["path"])
        print(f"{'removed ' * (action == 'clear')}{printable(row['name'] or 'damaged')}: {size}, {row['path']}")
    if not found:
        print(f"No vectors in {store_folder(args.folder)}")
