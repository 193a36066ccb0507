"""`cman data check`: counts of an annotated corpus, and what to look at in it. `cman data split`: its three parts.

`cman data pick` is in `data_pick.py`.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli
from cman_tf.commands.data_pick import pick
from cman_tf.commands.inputs import add_language, add_reading, read_sentences, reading_of, renamed
from cman_tf.data import formats
from cman_tf.errors import InputError, printable
from cman_tf.files import atomic_folder, atomic_write, check_new_file, check_new_folder

if TYPE_CHECKING:
    from cman_tf.data.checks import Finding


_WIDTH = 100
"""Characters of a line of a table."""


def command(argv: list[str]) -> None:
    if argv and argv[0] in _ACTIONS:
        return _ACTIONS[argv[0]](argv[1:])
    parser = cli.parser(
        "cman data",
        "Look at an annotated corpus before training, split it into train, dev and test, or pick sentences to "
        "annotate.",
        "cman data check my_corpus",
        usage="check|split|pick ...",
    )
    parser.add_argument("action", metavar="check|split|pick", help="each has its own --help")
    raise InputError(f"The action must be check, split or pick. Received: {cli.parse(parser, argv).action}")


def _check(argv: list[str]) -> None:
    parser = cli.parser(
        "cman data check",
        "Count what a corpus contains, and list what may be a mistake: sentences or pairs of names in two splits, "
        "mentions with two types or annotated in some sentences only, relations in both directions or with unusual "
        "types of head and tail, rare types, entities that cut a word or end in punctuation, repeated frames.",
        "cman data check my_corpus --examples 5",
        usage="CORPUS [options]",
    )
    parser.add_argument(
        "corpus", metavar="CORPUS", help="sample, conll04, ade, or a folder with the files train, dev and test"
    )
    parser.add_argument(
        "--data-dir",
        metavar="FOLDER",
        help="directory with the public corpora (default: $CMAN_TF_DATA, else downloaded)",
    )
    parser.add_argument("--examples", metavar="N", type=int, default=3, help="examples of each finding (default: 3)")
    parser.add_argument(
        "--json", metavar="FILE", help="write all counts and findings to a file too (default: print only)"
    )
    parser.add_argument("--html", metavar="FILE", help="write them to a page for a browser too (default: print only)")
    add_language(parser)
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first sentence or annotation that would be left out"
    )
    args = cli.parse(parser, argv)
    cli.check_count("--examples", args.examples)
    for path in filter(None, (args.json, args.html)):
        check_new_file(path)

    from cman_tf.data import checks, corpora
    from cman_tf.evaluation.corpus_page import write_corpus_page

    corpus = corpora.load(
        args.corpus, overlap=None, data_dir=args.data_dir, splits=(), language=args.language, strict=args.strict
    )
    counts, found = checks.counts(corpus.splits), checks.findings(corpus.splits)
    _print(counts, found, args.examples)
    if args.json:
        findings = {finding.title: finding.examples for finding in found}
        with atomic_write(args.json) as file:
            json.dump({"counts": counts, "findings": findings}, file, indent=2, ensure_ascii=False)
    if args.html:
        write_corpus_page(args.html, corpus.splits, found, title=f"Corpus: {args.corpus}")


def _print(counts: Mapping[str, Mapping[str, Any]], found: Sequence[Finding], examples: int) -> None:
    _table(counts)
    print("\nTo look at: nothing" if not found else "\nTo look at")
    for finding in found:
        print(f"- {len(finding.examples)} {printable(finding.title)}")
        for example in finding.examples[:examples]:
            print(f"    {printable(example)}")


def _table(counts: Mapping[str, Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(name for figures in counts.values() for name in figures))
    # Long names of types are wrapped.
    lines = {name: textwrap.wrap(printable(name), _WIDTH - 9 * len(counts), subsequent_indent="  ") for name in names}
    width = max(len(line) for wrapped in lines.values() for line in wrapped)
    print(" " * width + "".join(f"{split:>9}" for split in counts))
    for name, (first, *others) in lines.items():
        print(f"{first:<{width}}" + "".join(f"{figures.get(name, 0):>9,}" for figures in counts.values()))
        for line in others:
            print(line)


def _split(argv: list[str]) -> None:
    parser = cli.parser(
        "cman data split",
        "Split a corpus of one file into train, dev and test. Sentences of one document, whose ids differ only in the "
        "number after the last colon, stay together; each part gets its share of every type, and train has all types.",
        "cman data split annotated.json my_corpus --dev 0.1 --test 0.1",
        usage="IN OUT [options]",
    )
    parser.add_argument(
        "source",
        metavar="IN",
        help="an annotated file, a folder (brat, csv, webanno, CAS), a ZIP archive (doccano, webanno, CAS), a "
        "folder with one file, or - (standard input)",
    )
    parser.add_argument("target", metavar="OUT", help="a new folder, for train.jsonl, dev.jsonl and test.jsonl")
    parser.add_argument(
        "--dev",
        metavar="SHARE",
        type=float,
        default=0.1,
        help="share of the sentences for dev, 0 for none (default: 0.1)",
    )
    parser.add_argument("--test", metavar="SHARE", type=float, default=0.1, help="likewise for test (default: 0.1)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="seed of the split (default: 1)")
    parser.add_argument(
        "--format", choices=tuple(formats.WRITTEN), default="jsonl", help="format of the parts (default: jsonl)"
    )
    parser.add_argument(
        "--input-format", choices=tuple(formats.FORMATS), help="format of IN (default: detected from the content)"
    )
    add_reading(parser)
    args = cli.parse(parser, argv)
    check_new_folder(args.target)

    from cman_tf.data import raw_text, splitting

    source, choices = args.source if args.source == "-" else str(splitting.only_file(args.source)), reading_of(args)
    documents = read_sentences([], source, raw_text.documents, args.input_format, choices)
    if not any(document.entities for document in documents):
        raise InputError(f"A corpus to split must be annotated. Received: no entities in {source}")
    parts = splitting.split(documents, args.dev, args.test, args.seed)
    with atomic_folder(args.target) as folder, renamed(str(folder), args.target):
        for name, part in parts.items():
            formats.write(part, folder / f"{name}{formats.suffix_of(args.format)}", args.format)
    print("\n".join(map(printable, str(choices).split("\n"))), file=sys.stderr)
    _table(splitting.counts(parts))


_ACTIONS = {"check": _check, "split": _split, "pick": pick}
