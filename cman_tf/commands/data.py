"""`cman data check`: counts of an annotated corpus, and what to look at in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli
from cman_tf.errors import InputError, printable
from cman_tf.files import atomic_write, check_new_file

if TYPE_CHECKING:
    from cman_tf.data.checks import Finding


def command(argv: list[str]) -> None:
    if argv and argv[0] == "check":
        return _check(argv[1:])
    parser = cli.parser(
        "cman data",
        "Look at an annotated corpus before training.",
        "cman data check my_corpus",
        usage="check ...",
    )
    parser.add_argument("action", metavar="check", help="has its own --help")
    raise InputError(f"The action must be check. Received: {cli.parse(parser, argv).action}")


def _check(argv: list[str]) -> None:
    parser = cli.parser(
        "cman data check",
        "Count what a corpus contains, and list what may be a mistake: sentences or pairs of names in two splits, "
        "mentions with two types, relations in both directions, rare types, entities that cut a word, repeated frames.",
        "cman data check my_corpus --examples 5",
        usage="CORPUS [options]",
    )
    parser.add_argument(
        "corpus", metavar="CORPUS", help="sample, conll04, ade, or a folder with the files train, dev and test"
    )
    parser.add_argument("--data-dir", metavar="FOLDER", help="directory with the public corpora")
    parser.add_argument("--examples", metavar="N", type=int, default=3, help="examples of each finding (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="write all counts and findings to a file too")
    args = cli.parse(parser, argv)
    cli.check_count("--examples", args.examples)
    if args.json:
        check_new_file(args.json)

    from cman_tf.data import checks, corpora

    corpus = corpora.load(args.corpus, overlap=None, data_dir=args.data_dir, splits=())
    counts, found = checks.counts(corpus.splits), checks.findings(corpus.splits)
    _print(counts, found, args.examples)
    if args.json:
        findings = {finding.title: finding.examples for finding in found}
        with atomic_write(args.json) as file:
            json.dump({"counts": counts, "findings": findings}, file, indent=2, ensure_ascii=False)


def _print(counts: Mapping[str, Mapping[str, Any]], found: Sequence[Finding], examples: int) -> None:
    names = list(dict.fromkeys(name for figures in counts.values() for name in figures))
    width = max(map(len, names))
    print(" " * width + "".join(f"{split:>9}" for split in counts))
    for name in names:
        print(f"{printable(name):<{width}}" + "".join(f"{figures.get(name, 0):>9,}" for figures in counts.values()))
    print("\nTo look at: nothing" if not found else "\nTo look at")
    for finding in found:
        print(f"- {len(finding.examples)} {printable(finding.title)}")
        for example in finding.examples[:examples]:
            print(f"    {printable(example)}")
