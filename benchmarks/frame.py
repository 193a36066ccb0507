"""What the benchmarks share: options, bars, tables and the JSON file of figures."""

from __future__ import annotations

import json
import os
import sys

from rich.console import Console
from rich.table import Table

from cman_tf.commands import cli
from cman_tf.files import atomic_write

PERCENTILES = {"p50": 50, "p99": 99}


def parser(name, description, example, usage="[options]", rounds="how often each is timed"):
    """An `ArgumentParser` with the options of the benchmarks: `--json`, `--data-dir`, `--rounds`.

    Args:
        name: str. Module of the benchmark.
        description: str.
        example: str. Arguments of an example.
        usage: str.
        rounds: str or None. Help of `--rounds`, without the default; None leaves the option out.
    """
    command = f"python -m benchmarks.{name} {example} --json benchmarks/results/{name}.json"
    result = cli.parser(f"benchmarks.{name}", description, " ".join(command.split()), usage)
    result.add_argument("--json", metavar="FILE", help="JSON file to write with all figures (default: none)")
    result.add_argument(
        "--data-dir",
        metavar="DIR",
        help="directory with the public corpora (default: $CMAN_TF_DATA, else downloaded)",
    )
    if rounds:
        result.add_argument("--rounds", metavar="N", type=int, default=3, help=f"{rounds} (default: 3)")
    return result


def parse(parser, argv):
    """Parse the options, and refuse counts below 1."""
    args = cli.parse(parser, argv)
    for option in ("rounds", "steps", "sentences"):
        cli.check_count(f"--{option}", getattr(args, option, 1))
    return args


def run(name, command):
    """Run a benchmark and exit with its code."""
    sys.exit(cli.run(f"benchmarks.{name}", command))


def bar(mode, name, value, at, limit):
    """A value beside what it should reach: dict of `mode`, `name`, `value`, `at`, `bar`, `reached`.

    Args:
        mode: str. What the value was measured on.
        name: str. Name of the value.
        value: float.
        at: str, `"at least"`, `"at most"` or `"below"`.
        limit: float.
    """
    reached = value >= limit if at == "at least" else value <= limit
    return {"mode": mode, "name": name, "value": value, "at": at, "bar": limit, "reached": reached}


def table(title, headings, rows):
    """A rich `Table`: columns of text to the left, columns of numbers to the right."""
    result = Table(title=title, title_justify="left")
    rows = [[str(cell) for cell in row] for row in rows]
    for heading, column in zip(headings, zip(*rows)):
        number = all(cell == "" or cell.lstrip("-")[:1].isdigit() for cell in column)
        result.add_column(heading, justify="right" if number else "left")
    for row in rows:
        result.add_row(*row)
    return result


def report(args, about, result, *parts):
    """Print the tables, bars and notes of a benchmark, and write its figures to `--json`.

    Args:
        args: `Namespace` from `parse`.
        about: dict. What `environment` returned at the start.
        result: dict. The figures, with `bars` if there are any.
        *parts: tables and sentences.
    """
    about["load_at_end"] = round(os.getloadavg()[0], 2)
    # Off a terminal, rich assumes 80 columns and would break the rows.
    console = Console() if Console().is_terminal else Console(width=120)
    for part in (*parts, *_bars(result.get("bars", ())), _machine(about)):
        console.print(part, highlight=False)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump({"environment": about, **result}, file, indent=2)
            file.write("\n")


def _bars(bars):
    rows = [
        (
            item["mode"].replace("_", " "),
            item["name"],
            f"{item['value']:.2f}",
            f"{item['at']} {item['bar']:g}",
            "[green]reached[/]" if item["reached"] else "[red]not reached[/]",
        )
        for item in bars
    ]
    return [table("Bars", ("", "", "measured", "bar", ""), rows)] if rows else []


def _machine(about):
    return (
        f"{about['processors']} processors, {about['processor']}; load {about['load_at_start']} at start, "
        f"{about['load_at_end']} at end; TensorFlow {about['tensorflow']}, Python {about['python']}."
    )
