"""`cman predict RUN`: find entities and relations in texts."""

from __future__ import annotations

from cman_tf.commands import cli, options, outputs
from cman_tf.commands.streams import Failures, add_options, stream


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman predict",
        "Find entities and relations in texts of any length from the arguments, files or standard input.",
        'cman predict runs/sample "Ana Lima lives in Oslo ." --format jsonl',
        usage="RUN [TEXT ...] [options]",
    )
    options.add_run(parser)
    add_options(parser)
    outputs.add_options(parser, "table")
    parser.add_argument(
        "--min-score",
        metavar="SCORE",
        type=float,
        default=0.0,
        help="leave out entities and relations with a lower score, and the relations of such entities (default: 0)",
    )
    options.add_config_options(parser, sections=("decoding",))
    args = cli.parse(parser, argv)

    from cman_tf.data.answers import check_score, confident
    from cman_tf.training.run import Run

    check_score(args.min_score)
    outputs.check_output(args.format, args.output)
    run = Run.open(args.run, allow_encoders=args.allow_encoder)
    predictor = run.predictor(options.overrides(args))
    language = args.language or run.config().corpus.language
    failures = Failures("cman predict")
    documents = stream(args.text, args.input, args.input_format, args.sentences, predictor.tokenize, language, failures)
    split = args.sentences in (None, "split")
    with cli.progress(None, "sentences") as advance:
        found = predictor.pipe(failures.read(documents), split=split, language=language, progress=advance)
        outputs.write_predictions((confident(document, args.min_score) for document in found), args.format, args.output)
    failures.check()
