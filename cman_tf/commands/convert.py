"""`cman convert IN OUT`: convert annotated sentences between formats."""

from __future__ import annotations

import argparse
import sys

from cman_tf.commands import cli
from cman_tf.commands.inputs import TEXT, read_sentences
from cman_tf.data import formats
from cman_tf.data.formats import losses
from cman_tf.errors import printable


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman convert",
        f"Convert annotated texts between {', '.join(formats.FORMATS)}, and count what is left out. Plain text is also "
        "read.",
        "cman convert my_brat_folder my_corpus/train.json",
        usage="IN OUT [options]",
    )
    parser.add_argument("source", metavar="IN", help="a file, a folder (brat, csv), or - for standard input")
    parser.add_argument("target", metavar="OUT", help="a file, or a new folder (brat, csv)")
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

    choices = reading(args)
    documents = read_sentences([], args.source, raw_text.documents, args.input_format, choices)
    if not choices.sentences_read:  # plain text
        choices.finish(documents, args.source)
    formats.write(documents, args.target, format)
    entities = sum(len(document.entities) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{args.target}: {len(documents)} sentences, {entities} entities, {relations} relations")
    print("\n".join(map(printable, str(choices).split("\n"))), file=sys.stderr)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options for what a sentence cannot represent."""
    group = parser.add_argument_group("what to do with annotations that a sentence cannot represent")
    for option, known, text in (
        (
            "--sentences",
            losses.SENTENCES,
            "sentences of a text: found, lines, or all of it (default: split; brat: lines)",
        ),
        ("--nested", losses.NESTED, "entities that overlap (default: keep; training then asks for a policy)"),
        ("--discontinuous", losses.DISCONTINUOUS, "entities in several pieces (default: drop)"),
        ("--cross-sentence", losses.CROSS_SENTENCE, "relations between sentences; merge joins them (default: drop)"),
        ("--ends", losses.ENDS, "whether the end of an entity belongs to it (default: exclusive)"),
    ):
        group.add_argument(option, choices=tuple(known), help=text)
    group.add_argument("--annotator", metavar="NAME", help="whose annotations to read (default: of one only)")
    group.add_argument("--column", metavar="N", type=int, help="column of the tags, from 1 (default: the last)")
    group.add_argument("--strict", action="store_true", help="stop at the first annotation that would be left out")


def reading(args: argparse.Namespace) -> losses.Reading:
    """The choices of the options."""
    names = ("sentences", "nested", "discontinuous", "cross_sentence", "ends", "annotator", "column", "strict")
    given = {name: getattr(args, name) for name in names}
    return losses.Reading(**{name: value for name, value in given.items() if value is not None})
