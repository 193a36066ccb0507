"""`python -m reproduction`: train the experiments and write the pages of results."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.commands import cli
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.training.jobs import Runner
    from reproduction.plan import Job


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction",
        "Train the experiments behind the results page and write its tables and plots. Trainings can be resumed.",
        "python -m reproduction --experiments conll04/best_frozen --seeds 1-3 --data-dir ~/corpora --plan",
    )
    parser.add_argument(
        "--experiments",
        nargs="+",
        default=[],
        metavar="NAME",
        help="experiments to run, by name or prefix (default: all)",
    )
    parser.add_argument("--seeds", metavar="LIST", help="seeds, such as 1-5 (default: those of each experiment)")
    parser.add_argument("--max-hours", metavar="H", type=float, help="stop after this many hours (default: no limit)")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="parallel trainings (default: 1)")
    parser.add_argument("--plan", action="store_true", help="show the trainings and their expected time, and stop")
    parser.add_argument(
        "--rescore", action="store_true", help="score finished runs again, after a change of the scorer"
    )
    parser.add_argument("--tables", action="store_true", help="train nothing, only write the tables and plots")
    parser.add_argument(
        "--model-card",
        metavar="RUN",
        help="train nothing, only write model_card.md beside --page, with the errors of RUN, a run of "
        "conll04/best_frozen (default: do not write it)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="FOLDER",
        dest="data_dir",
        help="directory with the public corpora (default: $CMAN_TF_DATA, else downloaded)",
    )
    parser.add_argument(
        "--run-dir", metavar="FOLDER", default="runs/reproduce", help="folder of the runs (default: runs/reproduce)"
    )
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        default="results",
        help="folder of the small files of the runs (default: results)",
    )
    parser.add_argument(
        "--page",
        metavar="FILE",
        default="docs/results.md",
        help="page of tables and plots; speed.md and relations.md are written beside it (default: docs/results.md)",
    )
    parser.add_argument(
        "--benchmarks",
        metavar="FOLDER",
        default="benchmarks/results",
        help="folder with the JSON files of the benchmarks, for speed.md (default: benchmarks/results)",
    )
    args = cli.parse(parser, argv)
    cli.check_count("--jobs", args.jobs)
    if args.max_hours is not None and not args.max_hours > 0:
        raise InputError(f"--max-hours must be above 0. Received: {args.max_hours:g}")

    if args.model_card:
        from reproduction.model_card import write_card

        print(f"Page: {write_card(Path(args.results), args.model_card, Path(args.page).with_name('model_card.md'))}")
        return

    from cman_tf.training.jobs import Runner
    from reproduction.ensembles import combined
    from reproduction.plan import choose, experiments, jobs

    known = experiments()
    chosen = choose(args.experiments, known)
    seeds = cli.numbers(args.seeds, "--seeds") if args.seeds else None
    planned = jobs(chosen, seeds, {"corpus.data_dir": args.data_dir} if args.data_dir else {})
    runner = Runner(args.run_dir, args.results, args.jobs, args.max_hours)
    outcome = {}
    if not args.tables:
        _show(planned, runner, args.jobs)
        if args.plan:
            return
        outcome = runner.run(planned, args.rescore)
        for experiment in chosen:
            if experiment.members:
                members = known[experiment.members]
                outcome[experiment.name] = combined(experiment, members, Path(args.run_dir), Path(args.results))

    from reproduction import speed
    from reproduction.dev_log import write_log
    from reproduction.page import write_page

    page = Path(args.page)
    print(f"Page: {write_page(Path(args.results), page, known)}")
    if Path(args.benchmarks).is_dir():
        print(f"Page: {speed.write_page(Path(args.benchmarks), page.with_name('speed.md'))}")
    if (Path(args.results) / "dev" / "notes.md").is_file():
        print(f"Page: {write_log(Path(args.results) / 'dev', page.with_name('relations.md'))}")
    missing = [f"{name} ({state})" for name, state in outcome.items() if state != "done"]
    if missing:
        raise InputError(f"Not all jobs are done: {', '.join(missing)}. Run the same command again to resume.")


def _show(planned: Sequence[Job], runner: Runner, processes: int) -> None:
    left = 0.0
    for job in planned:
        left += runner.minutes_left(job)
        print(f"{runner.state(job):<6} {job.minutes:>5.0f} min  {job.name}", flush=True)
    # One training uses two processors, so parallel trainings on fewer save no time.
    at_once = max(1, min(processes, (os.cpu_count() or 1) // 2))
    hours = datetime.timedelta(minutes=round(left / at_once))
    print(f"To do: {hours} (h:mm:ss) on an idle machine with two processors for each training\n", flush=True)
