"""`python -m cman_tf.encoders.store info|clear`: the contextual vectors that are kept on disk."""

from __future__ import annotations

import shutil
import sys

from cman_tf.commands import cli
from cman_tf.errors import InputError


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman-encoder-store",
        "Show or remove the contextual vectors that frozen encoders left on disk.",
        "python -m cman_tf.encoders.store clear minilm",
        usage="info|clear [NAME] [options]",
    )
    parser.add_argument("action", metavar="info|clear", help="show what is there, or remove it")
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="only the stores of the encoder of this name (default: all)"
    )
    parser.add_argument(
        "--folder", metavar="FOLDER", help="where the stores lie (default: CMAN_TF_STORE, or the user's cache folder)"
    )
    args = cli.parse(parser, argv)
    if args.action not in ("info", "clear"):
        raise InputError(f"The action must be info or clear. Received: {args.action}")
    from cman_tf.encoders.feature_store import store_folder, stores

    found = [row for row in stores(args.folder) if args.name in (None, row["name"])]
    if args.name and not found:
        raise InputError(f"The encoder must have a store in {store_folder(args.folder)}. Received: {args.name}")
    for row in found:
        size = f"{row['bytes'] / 1e6:,.1f} MB, {row['sentences']} sentences"
        if args.action == "clear":
            shutil.rmtree(row["path"])
        print(f"{'removed ' * (args.action == 'clear')}{row['name'] or 'damaged'}: {size}, {row['path']}")
    if not found:
        print(f"No vectors in {store_folder(args.folder)}")


def main() -> None:
    sys.exit(cli.run("cman-encoder-store", command))


if __name__ == "__main__":
    main()
