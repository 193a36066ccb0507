"""`cman evaluate RUN`: score a trained network."""

from __future__ import annotations

import json
from pathlib import Path

from cman_tf.commands import cli, options
from cman_tf.errors import check_choice
from cman_tf.files import atomic_write, check_new_file


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman evaluate",
        "Score a trained network: strict and boundaries, micro and macro, per type, by length and distance.",
        "cman evaluate runs/conll04 --split test --exclude-type Other --against runs/conll04-2",
        usage="RUN [options]",
    )
    options.add_run(parser)
    options.add_corpus(parser, "the run's")
    parser.add_argument(
        "--split",
        choices=("train", "dev", "test"),
        help="split to score (default: that of --fit-thresholds, else test)",
    )
    parser.add_argument(
        "--fit-thresholds",
        metavar="dev|none",
        help="first choose a threshold for each relation type and for entities, and calibrate scores, on this split, "
        "and store them in the run, for all commands; none removes them (default: those of the run, if any)",
    )
    parser.add_argument(
        "--exclude-type",
        action="append",
        default=[],
        metavar="TYPE",
        help="also score without this entity type; may be repeated (default: none)",
    )
    parser.add_argument(
        "--against", metavar="RUN", help="a second run to compare with, by a paired bootstrap (default: none)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write all scores to this file (default: no file)")
    parser.add_argument(
        "--report", metavar="FILE", help="write an HTML page of every sentence to this file (default: no file)"
    )
    options.add_config_options(parser, sections=("corpus", "decoding"))
    args = cli.parse(parser, argv)

    from cman_tf.evaluation.report import write_report
    from cman_tf.evaluation.tables import evaluation_text, thresholds_text
    from cman_tf.training.results import evaluate_run
    from cman_tf.training.thresholds import fit_thresholds, remove_thresholds

    for path in filter(None, (args.json, args.report)):
        check_new_file(path)
    changes, fit_on = options.overrides(args), args.fit_thresholds
    if fit_on == "none":
        remove_thresholds(args.run)
    elif fit_on:
        check_choice("--fit-thresholds", fit_on, ("train", "dev", "test", "none"))
        print(thresholds_text(fit_thresholds(args.run, fit_on, changes, args.allow_encoder)))
    split = args.split or (fit_on if fit_on not in (None, "none") else "test")
    found = evaluate_run(args.run, split, changes, args.exclude_type, args.against, args.allow_encoder)
    try:
        if args.json:
            with atomic_write(args.json) as file:
                json.dump(found.metrics, file, indent=2)
        if args.report:
            title = f"{Path(args.run).name}: {split}"
            write_report(args.report, found.documents, found.predictions, found.metrics, title=title)
    finally:
        # The scores are printed even if a file cannot be written.
        print(evaluation_text(found.metrics))
