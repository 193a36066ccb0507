"""`cman crossval`: train and score a network on each fold of a corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cman_tf import config as configs
from cman_tf.commands import cli, options
from cman_tf.errors import InputError
from cman_tf.files import atomic_write


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman crossval",
        "Train and score a network on each fold of a corpus. Finished folds are skipped.",
        "cman crossval --corpus ade --folds 0-9 --run-dir runs/ade",
    )
    parser.add_argument("--config", metavar="NAME|FILE", help="configuration (default: ade)")
    parser.add_argument("--folds", metavar="LIST", default="0-9", help="folds to train, e.g. 0-4,7 (default: 0-9)")
    parser.add_argument(
        "--run-dir",
        metavar="FOLDER",
        default="runs/crossval",
        help="folder for the runs, one for each fold, and crossval.json (default: runs/crossval)",
    )
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="folds to train at a time (default: 1)")
    options.add_training(parser)
    args = cli.parse(parser, argv)

    from cman_tf.evaluation.folds import summary
    from cman_tf.training.jobs import Job, Runner

    changes = options.overrides(args)
    if changes.get("start_from"):
        changes = {"corpus.name": "ade", **changes}
    config = options.configuration(args.config, changes, "ade")
    if config.corpus.name != "ade":
        raise InputError(f"A corpus for cross-validation must come in folds: ade. Received: {config.corpus.name}")
    if config.training.teacher:
        raise InputError(
            "`training.teacher` must not be given: a fold would be tested on sentences that the teacher has learnt. "
            f"Received: {config.training.teacher}"
        )
    cli.check_count("--jobs", args.jobs)
    jobs = [
        Job(f"fold{fold}", configs.change(config, {"corpus.fold": fold})) for fold in cli.numbers(args.folds, "--folds")
    ]
    folder = Path(args.run_dir)
    outcome = Runner(folder, processes=args.jobs).run(jobs)
    done = [job.name for job in jobs if outcome[job.name] == "done"]
    if done:
        found = summary([folder / name / "metrics.json" for name in done])
        with atomic_write(folder / "crossval.json") as file:
            json.dump({"config": configs.to_dict(config), **found}, file, indent=2)
        print(_text(found))
        print(f"Figures: {folder / 'crossval.json'}")
    failed = [name for name in outcome if outcome[name] != "done"]
    if failed:
        raise InputError(f"{failed[0]} failed: {outcome[failed[0]]}. Run the same command again to resume.")


def _text(found: Mapping[str, Any]) -> str:
    """Format strict F1, with every average and policy, as a table."""
    from io import StringIO

    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    text = StringIO()
    console = Console(file=text, width=100, color_system=None)
    table = Table(box=SIMPLE, pad_edge=False)
    for position, name in enumerate(("Strict F1, mean ± sd over folds", "Entities", "Relations")):
        table.add_column(name, justify="right" if position else "left", no_wrap=True)
    rows = {f"as trained, {average}": found["strict"][average] for average in ("micro", "macro")}
    for policy, scores in found["overlap_policies"].items():
        rows.update({f"gold entities: {policy}, {average}": scores[average] for average in ("micro", "macro")})
    for name, scores in rows.items():
        table.add_row(name, *(spread(scores[item]["f1"]) for item in ("entities", "relations")))
    console.print(table)
    return f"{found['folds']} folds\n{text.getvalue().rstrip()}\n"


def spread(value: Mapping[str, Any]) -> str:
    """Format `{"mean", "sd"}` of fractions as percent."""
    text = f"{100 * value['mean']:.2f}"
    return text if value["sd"] is None else f"{text} ± {100 * value['sd']:.2f}"
