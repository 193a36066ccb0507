"""`python -m reproduction.unsure`: scores of runs on dev without their entities of low probability."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from cman_tf.commands import cli
from cman_tf.errors import InputError
from cman_tf.evaluation.evaluator import contextual_vectors
from cman_tf.evaluation.scorer import ITEMS, score
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.unsure",
        "Score runs on dev at several thresholds of entities, one threshold of relations.",
        "python -m reproduction.unsure runs/seed1 runs/seed2 --json results/dev/entity_threshold/base.json",
        usage="RUN ... --json FILE [options]",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folders of runs that were not trained on dev")
    parser.add_argument("--json", metavar="FILE", required=True, help="the scores of each run")
    parser.add_argument(
        "--threshold", metavar="X", type=float, default=0.75, help="that of relations (default: %(default)s)"
    )
    args = cli.parse(parser, argv)
    scores = [dev_scores(Run.open(path), args.threshold) for path in args.runs]
    with atomic_write(args.json) as file:
        json.dump({"threshold": args.threshold, "runs": scores}, file, indent=1)


def dev_scores(run: Run, threshold: float, entity_thresholds: Sequence[float] = THRESHOLDS) -> dict[str, Any]:
    """Strict micro F1 on dev, fractions: a dict of each entity threshold, as text, to `{"entities", "relations"}`.

    Raises:
        InputError: if the run was trained on dev.
    """
    config, predictor = run.config(), run.predictor()
    if config.protocol != "train":
        raise InputError(f"A run must not be trained on dev. Received: {run.path}, with protocol {config.protocol}")
    dev = load_corpus(config, splits=("dev",)).splits["dev"]
    vectors = contextual_vectors(predictor, dev)
    result = {}
    for lowest in entity_thresholds:
        other = predictor.with_decoding(threshold=threshold, entity_threshold=lowest)
        micro = score(dev, other.extract(dev, contextual=vectors))["strict"]["micro"]
        result[f"{lowest:g}"] = {item: micro[item]["f1"] for item in ITEMS}
    return result


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.unsure", command))
