"""`cman convert IN OUT`: convert annotated sentences between formats."""

from __future__ import annotations

from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.data.formats import brat
from cman_tf.errors import InputError


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman convert",
        f"Convert annotated sentences between {', '.join(formats.FORMATS)}. Plain text is also read.",
        "cman convert my_brat_folder my_corpus/train.json",
        usage="IN OUT [options]",
    )
    parser.add_argument("source", metavar="IN", help="a file, a folder (brat, csv), or - for standard input")
    parser.add_argument("target", metavar="OUT", help="a file, or a new folder (brat, csv)")
    parser.add_argument(
        "--format",
        choices=tuple(formats.FORMATS),
        help="format of OUT (default: by the suffix: .json spert, .txt multihead, .jsonl, .spacy docbin)",
    )
    parser.add_argument(
        "--sentences",
        choices=brat.SENTENCES,
        help="sentences of a brat text: each line, or the whole text (default: lines)",
    )
    args = cli.parse(parser, argv)
    format = args.format or formats.format_of(args.target)

    from cman_tf.commands.inputs import read_sentences
    from cman_tf.data import raw_text

    if args.sentences:
        if not brat.recognises(args.source):
            raise InputError(f"--sentences requires a folder in brat standoff. Received: {args.source}")
        documents = brat.read(args.source, sentences=args.sentences)
    else:
        documents = read_sentences([], args.source, raw_text.documents)
    formats.write(documents, args.target, format)
    entities = sum(len(document.entities) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{args.target}: {len(documents)} sentences, {entities} entities, {relations} relations")
