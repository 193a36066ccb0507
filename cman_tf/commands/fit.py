"""`cman fit`: train a network on a corpus."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf import config as configs
from cman_tf.commands import cli, options
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
        help=f"{', '.join(sorted(configs.shipped()))}, or a YAML file (default: that of the corpus, own for a folder)",
    )
    parser.add_argument("--run-dir", metavar="FOLDER", help="new run folder (default: runs/CONFIG, runs/CONFIG-2, ...)")
    parser.add_argument("--resume", action="store_true", help="resume the interrupted run in --run-dir")
    parser.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="none",
        help="none: one device; mirrored: all devices of this machine; multi_worker: a process on each host listed "
        "in $TF_CONFIG, all started with the same command (default: none)",
    )
    options.add_allow_encoder(parser)
    options.add_training(parser)
    args = cli.parse(parser, argv)
    changes = options.overrides(args)
    if args.resume:
        if args.config or not args.run_dir:
            received = f"--config {args.config}" if args.config else "no --run-dir"
            raise InputError(f"--resume takes the configuration of the run in --run-dir. Received: {received}")
        config, path, moved = None, args.run_dir, changes
    else:
        name = args.config or options.preset_of(changes)
        config, moved = options.configuration(args.config, changes, name), None
        if args.strategy == "multi_worker" and not args.run_dir:
            raise InputError("--strategy multi_worker requires --run-dir, the same for all workers.")
        stem = "start" if changes.get("start_from") and not args.config else Path(name).stem
        path = args.run_dir or free_folder("runs", stem)

    strategy = make_strategy(args.strategy)
    # TensorFlow is slow to import: a wrong option is refused before.
    from cman_tf.training.progress import TrainingProgress
    from cman_tf.training.workflow import train

    progress = TrainingProgress if is_chief(strategy) else None
    try:
        trained = train(config, path, args.resume, progress, strategy, moved, args.allow_encoder)
    except KeyboardInterrupt:
        if (Path(path) / "config.yaml").is_file():
            print(f"To resume the training, run: cman fit --resume --run-dir {shlex.quote(str(path))}", file=sys.stderr)
        raise
    if trained:
        _print(*trained)
    else:
        print(f"Done; worker 0 writes {path}")


def _print(run: Run, metrics: Mapping[str, Any] | None, predictions: Sequence[Document]) -> None:
    from cman_tf.commands.printing import table
    from cman_tf.evaluation.tables import text_table

    if metrics:
        if not run.schema().relation_types:
            print("The training sentences have no relations: the network finds entities only.")
        print(f"\nScores on {metrics['split']}\n\n{text_table(metrics)}\nSome sentences, as extracted:\n")
        table([document for document in predictions if document.relations][:3] or predictions[:3])
        print(f"Report: {run.report}")
    print(f"Run:    {run.path}")
