"""What the command lines share: options for every config field, one-sentence errors, exit codes."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import yaml

from cman_tf import config as configs
from cman_tf.commands import field_texts
from cman_tf.errors import InputError, printable

INPUT_ERROR = 2
INTERRUPTED = 130


def run(program: str, command: Callable[[list[str]], object], argv: list[str] | None = None) -> int:
    """Call a command and turn bad input into one sentence on standard error.

    Args:
        program: str. Name shown before the sentence.
        command: callable that takes the list of arguments.
        argv: list of str. Default: the process's.

    Returns:
        int, the exit code: 0; 2 for bad input or a file that cannot be read or written; 130 when interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a terminal that lacks a character shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command(sys.argv[1:] if argv is None else argv)
        # Here, for a full disk that shows only at exit ends in a traceback.
        sys.stdout.flush()
    except InputError as error:
        return _refuse(program, error)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        _drop_output()
        return 0
    except OSError as error:
        if error.filename is None:  # standard output has no name, and would fail again at exit
            _drop_output()
        return _refuse(program, f"A file must be readable and writable. Received: {error}")
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _refuse(program: str, error: object) -> int:
    print(f"{program}: {printable(str(error))}", file=sys.stderr)
    return INPUT_ERROR


def _drop_output() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"The command must be one that --help shows. Received: {message}")


def parser(program: str, description: str, example: str, usage: str = "[options]") -> argparse.ArgumentParser:
    """An `ArgumentParser` with `-v` and an example below its options.

    Args:
        program: str.
        description: str. What the program does.
        example: str. A whole command.
        usage: str. What follows the program's name. Default: `"[options]"`.
    """
    result = _Parser(
        prog=program,
        usage=f"%(prog)s {usage}",
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("-v", "--verbose", action="store_true", help="show TensorFlow's own messages too")
    return result


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse, with the nearest option named where one does not exist; set how much TensorFlow says."""
    # Intermixed: sentences may follow options.
    args, unknown = parser.parse_known_intermixed_args(argv)
    if unknown:
        raise InputError(_unknown_option(parser, unknown[0]))
    if args.verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        logging.getLogger("tensorflow").setLevel(logging.INFO)
    return args


def add_config_options(parser: argparse.ArgumentParser, sections: Sequence[str] | None = None) -> None:
    """Add an option for each config field, named as in the file: `--model.hidden_size 64`.

    Args:
        parser: `ArgumentParser`.
        sections: names of sections to offer, for a command whose defaults are a run's. Default: all.
    """
    source = "the run's" if sections else "for what the file does not say"
    group = parser.add_argument_group("config fields", f"named as in a configuration file; the defaults are {source}")
    for name, kind, *_ in configs.all_fields():
        section = name.split(".")[0]
        if (sections is None or section in sections) and "." in name:
            text = field_texts.option_help(name, with_default=not sections)
            group.add_argument(f"--{name}", metavar=field_texts.metavar(kind), dest=name, help=text.replace("%", "%%"))


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """The config fields given on the command line, a dict of dotted names to values."""
    given = {name: (getattr(args, name, None), kind) for name, kind, *_ in configs.all_fields()}
    return {name: _value(text, kind) for name, (text, kind) in given.items() if text is not None}


def _value(text: str, kind: Any) -> Any:
    if "tuple" in str(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    # Only a number or a switch is YAML: a folder may be named 2024 or no.
    if kind not in (int, float, bool):
        return text
    try:
        return configs.parse_yaml(text)
    except yaml.YAMLError:
        return text


def _unknown_option(parser: argparse.ArgumentParser, option: str) -> str:
    import difflib

    known = [text for action in parser._actions for text in action.option_strings]
    near = difflib.get_close_matches(option.split("=")[0], known, 1) or [
        text for text in known if text.split(".")[-1] == option.split("=")[0].lstrip("-").split(".")[-1]
    ]
    return f"An option must exist; --help lists them. Received: {option}" + (f"; nearest: {near[0]}" if near else "")


def check_count(option: str, value: int) -> None:
    """Raise `InputError` unless the value of an option is 1 or more."""
    if value < 1:
        raise InputError(f"{option} must be 1 or more. Received: {value}")


def numbers(text: str, what: str) -> list[int]:
    """Whole numbers written as `1-3,7`: a sorted list.

    Raises:
        InputError: something else is written.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise InputError(f"{what} must be whole numbers such as 1-3,7. Received: {text}")
        found.update(range(first, last + 1))
    return sorted(found)


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], object]]:
    """A bar on standard error, on a terminal only, for work that takes a while; yields `advance(count)`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
