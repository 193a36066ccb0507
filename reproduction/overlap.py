"""`python -m reproduction.overlap`: runs of words that the sample corpus shares with another corpus."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus

LENGTHS = (5, 6, 8, 10)


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.overlap",
        "Count the runs of words in train and dev of `sample` that occur in a split of another corpus, in lower case.",
        "python -m reproduction.overlap conll04 --json results/sample/conll04_overlap.json",
        usage="CORPUS --json FILE",
    )
    parser.add_argument("corpus", metavar="CORPUS", help="name of a corpus, see `corpus.name`")
    parser.add_argument("--json", metavar="FILE", required=True, help="the counts")
    args = cli.parse(parser, argv)
    own, other = sentences("sample"), sentences(args.corpus)
    given = {f"sample in {split}": (own["train"] + own["dev"], other[split]) for split in ("dev", "test")}
    given["train in test"] = (other["train"], other["test"])
    counts = {name: {length: len(shared(*both, length)) for length in LENGTHS} for name, both in given.items()}
    with atomic_write(args.json) as file:
        json.dump({"corpus": args.corpus, "runs_of_words": counts}, file, indent=1)


def sentences(corpus: str) -> dict[str, list[tuple[str, ...]]]:
    """Sentences of each split as tuples of words in lower case."""
    config = configs.change(configs.Config(), {"corpus.name": corpus})
    return {
        split: [tuple(token.lower() for token in document.tokens) for document in documents]
        for split, documents in load_corpus(config).splits.items()
    }


def shared(first: Iterable[Sequence[str]], second: Iterable[Sequence[str]], length: int) -> set[tuple[str, ...]]:
    """The different runs of `length` words that are in sentences of both."""
    one, other = (
        {tuple(words[start : start + length]) for words in part for start in range(len(words) - length + 1)}
        for part in (first, second)
    )
    return one & other


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.overlap", command))
