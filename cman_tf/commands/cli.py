"""Runs a command: parser, one-sentence errors, exit codes, progress. Must not import TensorFlow, YAML or pydantic."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from cman_tf.errors import InputError, printable

INPUT_ERROR = 2
INTERRUPTED = 130


def run(program: str, command: Callable[[list[str]], object], argv: list[str] | None = None) -> int:
    """Call a command and print invalid input as one sentence on standard error.

    Args:
        program: str. Printed before the sentence.
        command: callable that takes the list of arguments.
        argv: list of str. Default: those of the process.

    Returns:
        int, the exit code: 0; 2 for invalid input or a file that cannot be read or written; 130 if interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a character that the terminal lacks is printed as its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command(sys.argv[1:] if argv is None else argv)
        # A full disk that is noticed only at exit would end in a traceback.
        sys.stdout.flush()
    except InputError as error:
        return _refuse(program, error)
    except BrokenPipeError:  # the reader of the output, for example `head`, has stopped
        _drop_output()
        return 0
    except OSError as error:
        if error.filename is None:  # standard output, which would fail again at exit
            _drop_output()
        return _refuse(program, f"Cannot read or write a file: {error}")
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
        raise InputError(f"Invalid command: {message}. See {self.prog} --help.")


def parser(program: str, description: str, example: str, usage: str = "[options]") -> argparse.ArgumentParser:
    """Create an `ArgumentParser` with `-v` and an example below its options.

    Args:
        program: str, e.g. `"cman fit"`.
        description: str. What the program does.
        example: str. A complete command.
        usage: str. Arguments shown after the program's name. Default: `"[options]"`.
    """
    result = _Parser(
        prog=program,
        usage=f"%(prog)s {usage}",
        description=description,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("-v", "--verbose", action="store_true", help="show the messages of TensorFlow too")
    return result


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments, suggest the nearest option for an unknown one, and apply `-v`.

    Raises:
        InputError: if they are not valid, or an option that takes one value is given twice.
    """
    _check_once(parser, argv)
    # Intermixed: sentences may come after options.
    args, unknown = parser.parse_known_intermixed_args(argv)
    if unknown:
        raise InputError(_unknown_option(parser, unknown[0]))
    if args.verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        logging.getLogger("tensorflow").setLevel(logging.INFO)
    return args


def _check_once(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Refuse an option that is given twice: argparse would keep the last value and say nothing of the others."""
    seen: dict[str, str] = {}
    for argument in argv:
        option = argument.split("=")[0]
        action = parser._option_string_actions.get(option)
        # Switches may be repeated, and options whose values are collected.
        if action is None or action.nargs == 0 or isinstance(action, argparse._AppendAction):
            continue
        if action.dest in seen:
            # Two options may have the same meaning, such as --corpus and --corpus.name.
            both = f"{option} twice" if seen[action.dest] == option else f"{seen[action.dest]} and {option}"
            raise InputError(f"An option must be given once. Received: {both}")
        seen[action.dest] = option


def _unknown_option(parser: argparse.ArgumentParser, option: str) -> str:
    known = [text for action in parser._actions for text in action.option_strings]
    near = difflib.get_close_matches(option.split("=")[0], known, 1) or [
        text for text in known if text.split(".")[-1] == option.split("=")[0].lstrip("-").split(".")[-1]
    ]
    kind = "option" if option.startswith("-") else "argument"
    return f"Unknown {kind}: {option}" + (f"; nearest: {near[0]}" if near else "") + f". See {parser.prog} --help."


def check_count(option: str, value: int) -> None:
    """Raise `InputError` unless the value of an option is 1 or more."""
    if value < 1:
        raise InputError(f"{option} must be 1 or more. Received: {value}")


def numbers(text: str, what: str) -> list[int]:
    """Parse whole numbers written as `1-3,7` into a sorted list.

    Raises:
        InputError: if `text` has another form.
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
def progress(total: int | None, what: str) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on standard error if that is a terminal; yields `advance(count)`.

    Args:
        total: int or None, if it is not known.
        what: str. What is counted.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextlib.contextmanager
def transfers() -> Iterator[Callable[[str, int, int], object]]:
    """Show a bar for each download on standard error if that is a terminal; yields `report(name, done, size)`."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=size or None)
            bar.update(tasks[name], completed=done)

        yield report
