"""`cman convert IN OUT`: convert annotated sentences between formats."""

from __future__ import annotations

import sys

from cman_tf.commands import cli
from cman_tf.commands.inputs import TEXT, add_reading, read_sentences, reading_of
from cman_tf.data import formats
from cman_tf.errors import printable


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman convert",
        f"Convert annotated texts between {', '.join(formats.FORMATS)}, and count what is left out. Plain text is also "
        "read.",
        "cman convert my_brat_folder my_corpus/train.json",
        usage="IN OUT [options]",
    )
    parser.add_argument(
        "source",
        metavar="IN",
        help="a file, a folder (brat, csv, webanno, CAS), a ZIP archive (doccano, webanno, CAS), or -",
    )
    parser.add_argument("target", metavar="OUT", help="a file, or a new folder (brat, csv, CAS)")
    parser.add_argument(
        "--format",
        choices=tuple(formats.WRITTEN),
        help="format of OUT (default: by the suffix: .json spert, .txt multihead, .jsonl, .spacy docbin)",
    )
    parser.add_argument(
        "--input-format", choices=(TEXT, *formats.FORMATS), help="format of IN (default: detected from the content)"
    )
    add_reading(parser)
    args = cli.parse(parser, argv)
    format = args.format or formats.format_of(args.target)

    from cman_tf.data import raw_text

    choices = reading_of(args)
    documents = read_sentences([], args.source, raw_text.documents, args.input_format, choices)
    if not choices.sentences_read:  # plain text
        choices.finish(documents, args.source)
    formats.write(documents, args.target, format)
    entities = sum(len(document.entities) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{args.target}: {len(documents)} sentences, {entities} entities, {relations} relations")
    print("\n".join(map(printable, str(choices).split("\n"))), file=sys.stderr)
