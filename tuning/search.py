"""`python -m tuning.search`: find hyper-parameters on dev, with Keras Tuner."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf import config as configs
from cman_tf.commands import cli, options
from cman_tf.commands.main import main
from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from tuning import OBJECTIVES, TUNERS

if TYPE_CHECKING:
    import keras_tuner

    from tuning.hypermodel import CmanHyperModel
    from tuning.space import Space


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman search",
        "Search hyper-parameters on the dev split; the best configuration is one that cman_tf.fit takes.",
        "python -m tuning.search --config sample --tuner random --max-trials 4 --training.epochs 6 --directory search",
    )
    parser.add_argument(
        "--config", metavar="NAME|FILE", default="sample", help="what is searched from (default: sample)"
    )
    parser.add_argument(
        "--tuner",
        choices=TUNERS,
        default="hyperband",
        help="Keras Tuner's algorithm that chooses the trials (default: hyperband)",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        default="val_f1",
        help="strict micro F1 on dev: the mean of entities and relations, of relations alone, or of entities alone "
        "(default: val_f1)",
    )
    parser.add_argument("--max-trials", metavar="N", type=int, default=30, help="trials (default: 30)")
    parser.add_argument("--budget-hours", metavar="H", type=float, help="no new trial after that (default: no limit)")
    parser.add_argument(
        "--finalists",
        metavar="N",
        type=int,
        default=3,
        help="best trials that are trained again, beside --config itself (default: 3)",
    )
    parser.add_argument("--executions", metavar="K", type=int, default=3, help="seeds of each finalist (default: 3)")
    parser.add_argument("--space", metavar="FILE", help="YAML that changes tuning/space.yaml (default: no change)")
    parser.add_argument(
        "--max-parameters", metavar="N", type=int, help="larger networks count as failed trials (default: no limit)"
    )
    parser.add_argument(
        "--directory", metavar="FOLDER", default="search", help="folder of the search, made if needed (default: search)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the search in --directory")
    parser.add_argument("--overwrite", action="store_true", help="throw away the search in --directory")
    parser.add_argument(
        "--chief-wait", metavar="S", type=float, default=600, help="seconds a worker waits for its chief (default: 600)"
    )
    parser.add_argument(
        "--worker-timeout",
        metavar="S",
        type=float,
        default=60,
        help="seconds without a sign after which a worker's trial goes to another (default: 60)",
    )
    parser.add_argument("--seed", metavar="N", help="seed of the trials' trainings and of the tuner (default: 1)")
    parser.add_argument(
        "--data-dir",
        metavar="FOLDER",
        dest="corpus.data_dir",
        help="copies of the public corpora (default: CMAN_TF_DATA, or a download)",
    )
    options.add_config_options(parser)
    args = cli.parse(parser, argv)
    for name in ("max_trials", "finalists", "executions"):
        cli.check_count(f"--{name.replace('_', '-')}", getattr(args, name))
    if args.budget_hours is not None and not args.budget_hours > 0:
        raise InputError(f"--budget-hours must be above 0. Received: {args.budget_hours:g}")
    if args.resume and args.overwrite:
        raise InputError("A search is either gone on with or thrown away. Received: --resume and --overwrite")

    from tuning import cluster
    from tuning.space import Space

    role = cluster.role()
    space = Space.read(configs.load(args.config, options.overrides(args)), args.space)
    folder = Path(args.directory)
    if role == "chief":
        cluster.check_port()
    if role == "worker":
        cluster.wait_for_chief(args.chief_wait)
    else:
        _prepare(folder, _settings(args, space), args)
    _search(args, space, folder, role)


def _settings(args: argparse.Namespace, space: Space) -> dict[str, Any]:
    """What makes two searches the same one."""
    dimensions = {name: repr(item) for name, item in space.dimensions.items()}
    return {
        "tuner": args.tuner,
        "objective": args.objective,
        "config": configs.to_dict(space.base),
        "space": dimensions,
    }


def _prepare(folder: Path, settings: dict[str, Any], args: argparse.Namespace) -> None:
    """Make the folder of a new search, or check that of one to go on with."""
    file = folder / "settings.json"
    if args.overwrite and file.is_file():
        for name in ("trials", "finalists", "workers"):
            shutil.rmtree(folder / name, ignore_errors=True)
        file.unlink()
    if file.is_file():
        if not args.resume:
            raise InputError(
                "A folder that holds a search needs --resume, to go on, or --overwrite, to begin anew. Received: "
                f"{folder}"
            )
        kept = json.loads(file.read_text(encoding="utf-8"))
        different = [name for name in settings if kept.get(name) != settings[name]]
        if different:
            raise InputError(
                f"A search must be resumed with its own settings. Received: {folder} with another "
                f"{', '.join(different)}"
            )
        return
    if args.resume:
        raise InputError(f"--resume needs a search to go on with. Received: {folder} without one")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"A new search needs a new or empty folder. Received: {folder}")
    with atomic_write(file) as output:
        json.dump(settings, output, indent=2)


def _search(args: argparse.Namespace, space: Space, folder: Path, role: str) -> None:
    import keras_tuner

    from tuning import cluster
    from tuning.hypermodel import CmanHyperModel
    from tuning.oracles import make_oracle
    from tuning.tuner import CmanTuner

    hypermodel = CmanHyperModel(space)
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
    with contextlib.ExitStack() as stack:
        if role == "chief":
            print(f"chief: waiting for workers; the search is over after {args.max_trials} trials", flush=True)
            stack.enter_context(cluster.watching(folder, oracle, lost=args.worker_timeout))
        if role == "worker":
            stack.enter_context(cluster.alive(folder))
        try:
            tuner.search()
        except RuntimeError as error:
            # Keras Tuner's way to say that nothing but failures came.
            if "consecutive failures" not in str(error):
                raise
            reason = str(error).strip().splitlines()[-1]
            raise InputError(
                f"A search must have trials that succeed. Received: ten failures in a row ({reason})"
            ) from None
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
        # What the search began from has to be beaten on the same terms.
        chosen.append({"id": BASE, "values": space.defaults()})
    ranked = retrain(hypermodel, chosen, args.objective, args.executions, folder / "finalists")
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
        raise InputError(f"A search must have a trial that succeeds. Received: {len(trials)} trials, all failed")
    write_best(folder / "best.yaml", space, ranked[0], args.objective)
    print(f"\nBest:   {folder / 'best.yaml'}, for python -m cman_tf.fit --config {folder / 'best.yaml'}")
    print(f"Report: {folder / 'report.html'}")
    print(f"Trials: {folder / 'search.json'}")


if __name__ == "__main__":
    main("search")
