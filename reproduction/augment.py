"""`python -m reproduction.augment`: further training sentences, made from those of a corpus, for `corpus.extra`."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cman_tf.commands import cli
from cman_tf.data import corpora, formats
from cman_tf.data.document import Document, Entity
from cman_tf.errors import InputError
from reproduction.joined import join, pairs


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.augment",
        "Write sentences made from the training sentences of a corpus, as a corpus for --corpus.extra.",
        "python -m reproduction.augment joined runs/joined --corpus conll04",
        usage="KIND OUT [options]",
    )
    parser.add_argument("kind", metavar="KIND", choices=sorted(KINDS), help="joined or exchanged")
    parser.add_argument("out", metavar="OUT", help="new folder for the corpus")
    parser.add_argument("--corpus", metavar="NAME", default="conll04", help="default: %(default)s")
    parser.add_argument("--data-dir", metavar="FOLDER", help="directory with the public corpora")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="default: %(default)s")
    args = cli.parse(parser, argv)
    if Path(args.out).exists():
        raise InputError(f"OUT must be a new folder. Received: {args.out}")
    train = corpora.load(args.corpus, overlap="drop_sentences", data_dir=args.data_dir, splits=("train",)).splits[
        "train"
    ]
    made = KINDS[args.kind](list(train), random.Random(args.seed))
    formats.write(made, Path(args.out) / "train.json", "spert")
    print(f"{len(made)} sentences: {args.out}")


def joined(documents: Sequence[Document], rng: random.Random) -> list[Document]:
    """Two sentences in a row as one, each sentence once, without relations between them."""
    return [join(*pair) for pair in pairs(documents, rng)]


def exchanged(documents: Sequence[Document], rng: random.Random) -> list[Document]:
    """Each sentence with relations once more, every entity replaced by another one of its type from the corpus."""
    phrases: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for document in documents:
        for entity in document.entities:
            phrases[entity.type].add(tuple(document.tokens[entity.start : entity.end]))
    known = {name: sorted(found) for name, found in phrases.items()}
    return [_exchange(document, known, rng) for document in documents if document.relations]


def _exchange(document: Document, known: dict[str, list[tuple[str, ...]]], rng: random.Random) -> Document:
    tokens: list[str] = []
    entities: dict[int, Entity] = {}
    end = 0
    for place, entity in sorted(enumerate(document.entities), key=lambda item: item[1].start):
        tokens += document.tokens[end : entity.start]
        phrase = rng.choice(known[entity.type])
        entities[place] = Entity(len(tokens), len(tokens) + len(phrase), entity.type)
        tokens += phrase
        end = entity.end
    tokens += document.tokens[end:]
    return Document(tokens, [entities[place] for place in range(len(entities))], document.relations)


KINDS = {"exchanged": exchanged, "joined": joined}


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.augment", command))
