"""`python -m cman_tf.evaluate RUN`: measure a trained network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cman_tf.commands import cli
from cman_tf.data.formats.reading import located
from cman_tf.files import atomic_write, check_new_file


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman-evaluate",
        "Measure a trained network: strict and boundaries, micro and macro, per type, by length and distance.",
        "python -m cman_tf.evaluate runs/conll04 --split test --exclude-type Other --against runs/conll04-2",
        usage="RUN [options]",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman_tf.fit")
    parser.add_argument(
        "--corpus",
        metavar="NAME|FOLDER",
        dest="corpus.name",
        help="another corpus: sample, conll04, ade, or a folder (default: the run's)",
    )
    parser.add_argument(
        "--data-dir", metavar="FOLDER", dest="corpus.data_dir", help="copies of the public corpora (default: the run's)"
    )
    parser.add_argument(
        "--split", choices=("train", "dev", "test"), default="test", help="what is scored (default: test)"
    )
    parser.add_argument(
        "--exclude-type",
        action="append",
        default=[],
        metavar="TYPE",
        help="score without this entity type too; may be repeated (default: none)",
    )
    parser.add_argument(
        "--against", metavar="RUN", help="a second run, for a paired bootstrap of the difference (default: none)"
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures there too (default: no file)")
    parser.add_argument(
        "--report", metavar="FILE", help="write an HTML page of every sentence there (default: no file)"
    )
    cli.add_config_options(parser, sections=("corpus", "decoding"))
    args = cli.parse(parser, argv)

    from cman_tf.evaluation.evaluator import compare_runs, evaluate
    from cman_tf.evaluation.report import write_report
    from cman_tf.evaluation.tables import evaluation_text
    from cman_tf.training.run import Run
    from cman_tf.training.workflow import load_corpus, score_overlap_policies, sentences_trained_on

    for path in filter(None, (args.json, args.report)):
        check_new_file(path)
    changes = cli.overrides(args)
    run = Run.open(args.run)
    rival = Run.open(args.against) if args.against else None
    config = run.config(changes)
    documents = load_corpus(config, splits=(args.split,)).splits[args.split]
    predictor = run.predictor({name: value for name, value in changes.items() if name.startswith("decoding.")})
    with located(f"{config.corpus.name}, {args.split}"):
        for document in documents:
            predictor.network.schema.check(document)
    metrics, predictions = evaluate(
        predictor,
        documents,
        train=sentences_trained_on(run, changes) if args.split == "test" else (),
        exclude_types=args.exclude_type,
        variants=True,
    )
    metrics = {"split": args.split, "corpus": config.corpus.name, **metrics}
    if config.corpus.overlap != "error":
        metrics["overlap_policies"] = score_overlap_policies(predictor, config, args.split)
    if rival:
        metrics["against"] = compare_runs(documents, predictions, rival, changes)
    try:
        if args.json:
            with atomic_write(args.json) as file:
                json.dump(metrics, file, indent=2)
        if args.report:
            write_report(args.report, documents, predictions, metrics, title=f"{Path(args.run).name}: {args.split}")
    finally:
        # Also where a disk is full: the scores must not be lost.
        print(evaluation_text(metrics))


def main() -> None:
    sys.exit(cli.run("cman-evaluate", command))


if __name__ == "__main__":
    main()
