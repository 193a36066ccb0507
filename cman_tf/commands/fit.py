"""`cman fit`: train a network on a corpus."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf import config as configs
from cman_tf.commands import cli, field_texts
from cman_tf.errors import InputError
from cman_tf.files import free_folder
from cman_tf.training.distribution import STRATEGIES, is_chief, make_strategy

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.training.run import Run


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman fit",
        "Train a Cross-Modal Attention Network and score it on the test split.",
        "cman fit --config conll04 --data-dir ~/corpora --training.epochs 30",
    )
    parser.add_argument(
        "--config",
        metavar="NAME|FILE",
        help=f"{', '.join(sorted(configs.shipped()))}, or a YAML file (default: the corpus's own, or sample)",
    )
    parser.add_argument(
        "--corpus",
        metavar="NAME|FOLDER",
        dest="corpus.name",
        help="sample, conll04, ade, or a folder with train, dev, test files (default: the configuration's)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="FOLDER",
        dest="corpus.data_dir",
        help="copies of the public corpora (default: CMAN_TF_DATA, or a download)",
    )
    parser.add_argument(
        "--run-dir", metavar="FOLDER", help="new folder for the run (default: runs/CONFIG, runs/CONFIG-2, ...)"
    )
    parser.add_argument("--seed", metavar="N", help=field_texts.option_help("seed"))
    parser.add_argument("--protocol", metavar="train|train+dev", help=field_texts.option_help("protocol"))
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run in --run-dir")
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="none",
        help="none: one device; mirrored: all devices of this machine; multi_worker: a process on each host of the "
        "TF_CONFIG variable, each started with the same command (default: none)",
    )
    cli.add_config_options(parser)
    args = cli.parse(parser, argv)
    changes = cli.overrides(args)
    if args.resume:
        return _resume(args, changes)
    name = args.config or _default(changes.get("corpus.name"))
    config = configs.load(name, changes)

    if args.strategy == "multi_worker" and not args.run_dir:
        raise InputError("Workers must be told of the same run folder. Received: --strategy multi_worker, no --run-dir")
    path = args.run_dir or free_folder("runs", Path(name).stem)
    return _train(config, path, args)


def _resume(args: argparse.Namespace, changes: Mapping[str, Any]) -> None:
    refused = ["--config"] * bool(args.config) + [f"--{name}" for name in changes if name not in configs.PLACES]
    if not args.run_dir or refused:
        raise InputError(
            "--resume goes on with the configuration of the run: it takes --run-dir, and where things lie by now "
            f"(--{', --'.join(configs.PLACES)}). Received: {', '.join(refused) or 'no --run-dir'}"
        )
    return _train(None, args.run_dir, args, changes)


def _train(
    config: configs.Config | None, path: str | Path, args: argparse.Namespace, moved: Mapping[str, Any] | None = None
) -> None:
    # TensorFlow is slow to import; a wrong option is answered before.
    strategy = make_strategy(args.strategy)
    from cman_tf.training.progress import TrainingProgress
    from cman_tf.training.workflow import train

    progress = TrainingProgress if is_chief(strategy) else None
    trained = train(config, path, resuming=args.resume, progress=progress, strategy=strategy, moved=moved)
    if trained:
        _report(*trained)
    else:
        print(f"Done; worker 0 writes {path}")


def _default(corpus: str | None) -> str:
    return corpus if corpus in configs.shipped() else "sample"


def _report(run: Run, metrics: Mapping[str, Any] | None, predictions: Sequence[Document]) -> None:
    from cman_tf.commands.printing import table
    from cman_tf.evaluation.tables import text_table

    if metrics:
        print(f"\nScores on {metrics['split']}\n\n{text_table(metrics)}\nSome sentences, as extracted:\n")
        table([document for document in predictions if document.relations][:3] or predictions[:3])
        print(f"Report: {run.report}")
    print(f"Run:    {run.path}")
