"""`cman`: one command with subcommands, each imported only when it is called."""

from __future__ import annotations

import importlib
import sys

from cman_tf.errors import InputError, nearest
from cman_tf.version import __version__

COMMANDS = {
    "fit": ("cman_tf.commands.fit", "train a network on a corpus"),
    "evaluate": ("cman_tf.commands.evaluate", "score a trained network"),
    "predict": ("cman_tf.commands.predict", "find entities and relations in texts"),
    "ensemble": ("cman_tf.commands.ensemble", "combine several runs into one"),
    "crossval": ("cman_tf.commands.crossval", "train and score a network on each fold of a corpus"),
    "data": ("cman_tf.commands.data", "check an annotated corpus, split it, or pick sentences to annotate"),
    "convert": ("cman_tf.commands.convert", "convert annotated sentences between formats"),
    "encoder": ("cman_tf.commands.encoder", "download or convert pretrained encoders; show or clear their vectors"),
    "search": ("tuning.search", "search hyper-parameters with Keras Tuner"),
    "export": ("export.savedmodel", "write a run as a SavedModel that takes sentences"),
    "check": ("export.check", "check an export, and compare it with its run"),
    "serve": ("export.server", "serve exports over gRPC and REST"),
    "ask": ("export.client", "send sentences to a server"),
    "batch": ("export.batch", "process sentences in many files with Apache Beam"),
    "info": ("cman_tf.commands.info", "print versions and machine, for bug reports"),
}
"""The one table of commands: name -> (module with `command(argv)`, description)."""


def main(name: str | None = None) -> None:
    """Run a command and exit with its code; `name` defaults to the first argument."""
    from cman_tf.commands import cli

    arguments = sys.argv[1:]
    if name is None:
        if not arguments or arguments[0] in ("-h", "--help"):
            print(_help())
            sys.exit(0 if arguments else cli.INPUT_ERROR)
        if arguments[0] == "--version":
            print(f"cman {__version__}")
            sys.exit(0)
        name, *arguments = arguments
    sys.exit(cli.run(f"cman {name}", lambda argv: call(name, argv), arguments))


def call(name: str, argv: list[str]) -> None:
    """Call a command.

    Args:
        name: str. A key of `COMMANDS`.
        argv: list of str. Its arguments.

    Raises:
        InputError: if the command is unknown, or what the command itself raises.
    """
    if name not in COMMANDS:
        raise InputError(f"Unknown command: {name}{nearest(name, COMMANDS)}. See cman --help.")
    importlib.import_module(COMMANDS[name][0]).command(argv)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        ["usage: cman COMMAND [options]", "", *lines, "", "cman COMMAND --help shows its options; cman --version."]
    )


if __name__ == "__main__":
    main()
