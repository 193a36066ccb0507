"""`cman search`: search hyper-parameters on dev, with Keras Tuner."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf import config as configs
from cman_tf.commands import cli, options
from cman_tf.commands.main import main
from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from tuning import OBJECTIVES, TUNERS
from tuning.folder import begin, check

if TYPE_CHECKING:
    from tuning.hypermodel import CmanHyperModel
    from tuning.keras2 import keras_tuner
    from tuning.space import Space


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman search",
        "Search hyper-parameters on the dev split, and write the best configuration for cman fit.",
        "cman search --config sample --tuner random --max-trials 4 --training.epochs 6 --directory search",
    )
    parser.add_argument(
        "--config",
        metavar="NAME|FILE",
        help="configuration to start from (default: that of the corpus, own for a folder)",
    )
    parser.add_argument(
        "--tuner",
        choices=TUNERS,
        default="hyperband",
        help="algorithm of Keras Tuner that chooses the trials (default: hyperband)",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="val_f1",
        help="strict micro F1 on dev: mean of entities and relations, relations alone, or entities alone (default: "
        "val_f1)",
    )
    parser.add_argument("--max-trials", metavar="N", type=int, default=30, help="number of trials (default: 30)")
    parser.add_argument(
        "--budget-hours", metavar="H", type=float, help="no trial starts after H hours (default: no limit)"
    )
    parser.add_argument(
        "--finalists",
        metavar="N",
        type=int,
        default=3,
        help="number of best trials to retrain, together with --config itself (default: 3)",
    )
    parser.add_argument("--executions", metavar="K", type=int, default=3, help="seeds for each finalist (default: 3)")
    parser.add_argument("--space", metavar="FILE", help="YAML file with changes to tuning/space.yaml (default: none)")
    parser.add_argument(
        "--max-parameters", metavar="N", type=int, help="trials with larger networks fail (default: no limit)"
    )
    parser.add_argument(
        "--directory",
        metavar="FOLDER",
        default="search",
        help="folder of the search (default: search)",
    )
    parser.add_argument("--resume", action="store_true", help="resume the search in --directory")
    parser.add_argument("--overwrite", action="store_true", help="delete the search in --directory and start a new one")
    parser.add_argument(
        "--chief-wait", metavar="S", type=float, default=600, help="seconds a worker waits for its chief (default: 600)"
    )
    parser.add_argument(
        "--worker-timeout",
        metavar="S",
        type=float,
        default=60,
        help="seconds without a sign of life after which a worker's trial goes to another (default: 60)",
    )
    parser.add_argument("--seed", metavar="N", help="seed of the trainings and of the tuner (default: 1)")
    options.add_corpus(parser, "the configuration's")
    options.add_config_options(parser)
    args = cli.parse(parser, argv)
    for name in ("max_trials", "finalists", "executions"):
        cli.check_count(f"--{name.replace('_', '-')}", getattr(args, name))
    if args.budget_hours is not None and not args.budget_hours > 0:
        raise InputError(f"--budget-hours must be above 0. Received: {args.budget_hours:g}")
    if args.resume and args.overwrite:
        raise InputError("--resume and --overwrite exclude each other.")

    from tuning import cluster
    from tuning.space import Space

    role = cluster.role()
    changes = options.overrides(args)
    args.config = args.config or options.preset_of(changes)
    space = Space.read(configs.load(args.config, changes), args.space)
    settings, folder = _settings(args, space), Path(args.directory)
    if role == "chief":
        cluster.check_port()
    if role == "worker":
        cluster.wait_for_chief(args.chief_wait)
    else:
        check(folder, settings, resume=args.resume, overwrite=args.overwrite)
    _search(args, space, folder, role, settings)


def _settings(args: argparse.Namespace, space: Space) -> dict[str, Any]:
    """What must not change when a search is resumed."""
    return {
        "tuner": args.tuner,
        "objective": args.objective,
        "config": configs.to_dict(space.base),
        "space": {name: repr(item) for name, item in space.dimensions.items()},
    }


def _search(args: argparse.Namespace, space: Space, folder: Path, role: str, settings: dict[str, Any]) -> None:
    from tuning import cluster
    from tuning.hypermodel import CmanHyperModel
    from tuning.keras2 import keras_tuner
    from tuning.oracles import make_oracle
    from tuning.tuner import CmanTuner

    hypermodel = CmanHyperModel(space)
    if role != "worker":
        # After the corpus was read: a wrong one neither leaves a folder nor deletes a search.
        begin(folder, settings, args.overwrite)
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    oracle = make_oracle(args.tuner, args.objective, args.max_trials, space.base.training.epochs, hp, space.base.seed)
    deadline = time.monotonic() + 3600 * args.budget_hours if args.budget_hours else None
    oracle.deadline = deadline
    tuner = CmanTuner(
        oracle,
        hypermodel,
        deadline=deadline,
        directory=str(folder),
        project_name="trials",
        max_model_size=args.max_parameters,
    )
    if role == "chief":
        print(f"chief: waiting for workers; the search ends after {args.max_trials} trials", flush=True)
        cluster.watch(folder, oracle, args.worker_timeout)
    if role == "worker":
        cluster.show_life(folder)
    try:
        tuner.search()
    except keras_tuner.errors.FatalError as error:
        raise InputError(str(error)) from None
    except RuntimeError as error:
        # Keras Tuner raises a plain RuntimeError after too many failed trials.
        if "consecutive failures" not in str(error):
            raise
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"The search stopped after ten failed trials in a row. The last one: {reason}") from None
    if role != "worker":
        _finish(args, space, folder, oracle, hypermodel)


def _finish(
    args: argparse.Namespace, space: Space, folder: Path, oracle: keras_tuner.Oracle, hypermodel: CmanHyperModel
) -> None:
    from tuning.outcome import BASE, finalists, retrain, trials_of, write_best
    from tuning.report import write_report

    trials = trials_of(oracle, space)
    chosen = finalists(trials, args.objective, args.finalists)
    if chosen:
        # The best trial must beat the base configuration under the same conditions.
        chosen.append({"id": BASE, "values": space.defaults()})
    ranked = retrain(hypermodel, chosen, args.objective, args.executions, folder)
    search = {
        "config": args.config,
        "tuner": args.tuner,
        "objective": args.objective,
        "base": space.defaults(),
        "trials": trials,
        "finalists": ranked,
    }
    with atomic_write(folder / "search.json") as file:
        json.dump(search, file, indent=2)
    write_report(folder / "report.html", search)
    if not ranked:
        raise InputError(f"All {len(trials)} trials failed; {folder / 'report.html'} shows why.")
    write_best(folder / "best.yaml", space, ranked[0], args.objective)
    print(f"\nBest:   {folder / 'best.yaml'}, for cman fit --config {folder / 'best.yaml'}")
    print(f"Report: {folder / 'report.html'}")
    print(f"Trials: {folder / 'search.json'}")


if __name__ == "__main__":
    main("search")
