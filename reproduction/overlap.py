"""`python -m reproduction.overlap`: what `sample` shares with CoNLL04, and whether its gain is due to that."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS, score
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus

if TYPE_CHECKING:
    from cman_tf.data.document import Document

LENGTHS = (5, 6, 8, 10)


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.overlap",
        "Count what train and dev of `sample` share with CoNLL04, and score experiments on test sentences without it.",
        "python -m reproduction.overlap conll04/best_frozen conll04/best_sample --json results/sample/overlap.json",
        usage="EXPERIMENT ... --json FILE [options]",
    )
    parser.add_argument("experiments", metavar="EXPERIMENT", nargs="+", help="trained experiments, by name")
    parser.add_argument("--json", metavar="FILE", required=True, help="the counts and scores")
    parser.add_argument(
        "--run-dir", metavar="FOLDER", default="runs/reproduce", help="folder of the runs (default: %(default)s)"
    )
    args = cli.parse(parser, argv)
    own, other = splits("sample"), splits("conll04")
    sample = own["train"] + own["dev"]
    pairs = {
        "sample in dev": (sample, other["dev"]),
        "sample in test": (sample, other["test"]),
        "train in test": (other["train"], other["test"]),
    }
    words = {name: {length: len(shared(*both, length)) for length in LENGTHS} for name, both in pairs.items()}
    found = {"runs_of_words": words, "relations": {name: recurring(*both) for name, both in pairs.items()}}
    kept = kinds(sample, other["train"] + other["dev"])
    names = {name: predictions(Path(args.run_dir) / name, other["test"]) for name in args.experiments}
    groups = {
        kind: {
            "sentences": sum(map(keep, other["test"])),
            **{name: mean_f1(other["test"], runs, keep) for name, runs in names.items()},
        }
        for kind, keep in kept.items()
    }
    with atomic_write(args.json) as file:
        json.dump({**found, "test": groups}, file, indent=1)


def splits(corpus: str) -> dict[str, tuple[Document, ...]]:
    """The documents of each split of a corpus with the default options."""
    return load_corpus(configs.change(configs.Config(), {"corpus.name": corpus})).splits


def shared(first: Iterable[Document], second: Iterable[Document], length: int) -> set[tuple[str, ...]]:
    """The different runs of `length` tokens, in lower case, that are in sentences of both."""

    def runs(documents: Iterable[Document]) -> set[tuple[str, ...]]:
        sentences = [tuple(token.lower() for token in document.tokens) for document in documents]
        return {words[i : i + length] for words in sentences for i in range(len(words) - length + 1)}

    return runs(first) & runs(second)


def entities(documents: Iterable[Document]) -> list[tuple[str, str]]:
    """Text, in lower case, and type of each entity."""
    found = ((document, entity) for document in documents for entity in document.entities)
    return [(document.entity_text(entity).lower(), entity.type) for document, entity in found]


def relations(documents: Iterable[Document]) -> list[tuple[str, str, str]]:
    """Head, type and tail of each relation; texts in lower case."""
    result = []
    for document in documents:
        names = [name for name, _ in entities([document])]
        result += [(names[relation.head], relation.type, names[relation.tail]) for relation in document.relations]
    return result


def recurring(first: Iterable[Document], second: Iterable[Document]) -> dict[str, int]:
    """`total`, the relations of `second`, and `shared`, those of them that `first` has too, between equal texts."""
    known, all_ = set(relations(first)), relations(second)
    return {"total": len(all_), "shared": sum(item in known for item in all_)}


def kinds(sample: Sequence[Document], train: Sequence[Document]) -> dict[str, Callable[[Document], bool]]:
    """Kinds of test sentences, by what `sample` could have taught of them; `train` has the other training sentences."""
    facts, named = set(relations(sample)), set(entities(sample))
    alone = named - set(entities(train))
    return {
        "all": lambda document: True,
        "no relation of sample": lambda document: facts.isdisjoint(relations([document])),
        "no relation of sample, no entity of sample alone": lambda document: (
            facts.isdisjoint(relations([document])) and alone.isdisjoint(entities([document]))
        ),
        "no entity of sample": lambda document: named.isdisjoint(entities([document])),
    }


def predictions(folder: Path, test: Sequence[Document]) -> list[list[Document]]:
    """The predictions on test of each run of an experiment.

    Raises:
        InputError: if there are none, or they are of other sentences.
    """
    paths = sorted(folder.glob("*/predictions/test.jsonl"))
    if not paths:
        raise InputError(f"An experiment must have runs with predictions/test.jsonl. Received: {folder}, without any")
    found = [formats.read(path) for path in paths]
    for path, documents in zip(paths, found):
        if [document.tokens for document in documents] != [document.tokens for document in test]:
            raise InputError(f"Predictions must be those of CoNLL04's test sentences. Received: {path}")
    return found


def mean_f1(
    test: Sequence[Document], runs: Sequence[Sequence[Document]], keep: Callable[[Document], bool]
) -> dict[str, Any]:
    """Strict micro F1 on the test sentences to keep, fractions, means over runs: a dict of `entities`, `relations`."""
    rows = [row for row, document in enumerate(test) if keep(document)]
    gold = [test[row] for row in rows]
    scores = [score(gold, [run[row] for row in rows])["strict"]["micro"] for run in runs]
    return {item: sum(found[item]["f1"] for found in scores) / len(scores) for item in ITEMS}


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.overlap", command))
