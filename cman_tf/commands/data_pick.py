"""`cman data pick`: the sentences of texts that are worth annotating next."""

from __future__ import annotations

import sys

from cman_tf.commands import cli, options, outputs
from cman_tf.commands.streams import Failures, add_form, stream


def pick(argv: list[str]) -> None:
    """The action `pick` of `cman data`."""
    parser = cli.parser(
        "cman data pick",
        "Choose from texts without annotation the sentences that a trained network is least sure of and that differ "
        "from each other. Write them with its predictions, best first, to be corrected in an annotation tool.",
        "cman data pick runs/mine articles/ --count 100 --output to_annotate.json",
        usage="RUN TEXTS [options]",
    )
    options.add_run(parser)
    parser.add_argument(
        "texts",
        metavar="TEXTS",
        help="a text, JSON lines of texts, a folder of .txt files, a file in any known format, whose annotation is "
        "ignored, or - (standard input)",
    )
    add_form(parser)
    parser.add_argument("--count", metavar="N", type=int, default=100, help="number of sentences (default: 100)")
    parser.add_argument(
        "--annotated",
        metavar="FILE",
        action="append",
        default=[],
        help="annotated sentences: the same and similar ones are not chosen; may be repeated (default: none)",
    )
    outputs.add_options(parser, "label_studio")
    options.add_config_options(parser, sections=("decoding",))
    args = cli.parse(parser, argv)
    cli.check_count("--count", args.count)

    from cman_tf.data import formats, sentences
    from cman_tf.inspection import picking
    from cman_tf.training.run import Run

    outputs.check_output(args.format, args.output)
    run = Run.open(args.run, allow_encoders=args.allow_encoder)
    predictor = run.predictor(options.overrides(args))
    language = args.language or run.config().corpus.language
    known = [
        document
        for path in args.annotated
        for document in formats.read(path, None, predictor.tokenize, language=language)
    ]
    failures = Failures("cman data")
    texts = stream([], args.texts, args.input_format, args.sentences, predictor.tokenize, language, failures)
    split = args.sentences in (None, "split")
    pool = list(sentences.each(predictor.with_tokens(list(failures.read(texts)), split, language)))
    with cli.progress(len(pool), "sentences") as advance:
        chosen = picking.pick(predictor, pool, args.count, list(sentences.each(known)), advance)
    outputs.write_predictions(predictor.extract([pool[index] for index in chosen]), args.format, args.output)
    print(f"{len(chosen)} of {len(pool):,} sentences", file=sys.stderr)
    failures.check("the sentences are from the others")
