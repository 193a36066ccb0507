"""`python -m reproduction.disagreements`: where networks that never saw a sentence disagree with its annotation."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cman_tf.commands import cli, options
from cman_tf.data import corpora, formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.files import atomic_write
from cman_tf.training.workflow import train


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.disagreements",
        "Cross-validate over all splits of a corpus and write the confident disagreements with its annotation, the "
        "most confident first, for a person to decide. What is in --results already is not repeated.",
        "python -m reproduction.disagreements --corpus my_corpus --results disagreements",
    )
    parser.add_argument("--corpus", metavar="NAME|FOLDER", default="sample", dest="data", help="default: %(default)s")
    parser.add_argument("--folds", metavar="N", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--least", metavar="SCORE", type=float, default=0.8, help="least score (default: %(default)s)")
    parser.add_argument("--config", metavar="NAME|FILE", default="sample", help="configuration (default: %(default)s)")
    parser.add_argument("--results", metavar="FOLDER", default="disagreements", help="default: %(default)s")
    options.add_config_options(parser, sections=("training", "words"))
    args = cli.parse(parser, argv)
    documents = [document for split in corpora.load(args.data).splits.values() for document in split]
    random.Random(1).shuffle(documents)
    results = Path(args.results)
    lines: list[dict[str, Any]] = []
    for fold in range(args.folds):
        path = results / f"fold{fold}.json"
        if not path.exists():
            found = _fold(documents, fold, args)
            with atomic_write(path) as file:
                json.dump(found, file, ensure_ascii=False, indent=1)
        lines += json.loads(path.read_text(encoding="utf-8"))
    chosen = sorted((line for line in lines if line["score"] >= args.least), key=lambda line: -line["score"])
    with atomic_write(results / "disagreements.jsonl") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in chosen)
    print(f"{len(chosen)} disagreements with a score of {args.least} or more of {len(documents)} sentences")


def _fold(documents: list[Document], fold: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Train on the other folds; the disagreements on this one."""
    held = documents[fold :: args.folds]
    rest = [document for position, document in enumerate(documents) if position % args.folds != fold]
    place = Path(tempfile.mkdtemp())
    try:
        formats.write(rest, place / "data" / "train.json", "spert")
        values = {**options.overrides(args), "corpus.name": str(place / "data"), "protocol": "train+dev"}
        trained = train(options.configuration(args.config, values, "sample"), place / "run")
        assert trained
        found = trained[0].predictor().extract(held)
    finally:
        shutil.rmtree(place)
    return [line for gold, predicted in zip(held, found) for line in disagreements(gold, predicted)]


def disagreements(gold: Document, predicted: Document) -> Iterator[dict[str, Any]]:
    """What `predicted` has and `gold` has not; an annotated entity that was not found has no score and is not listed.

    Yields:
        dict: `score`, `predicted`, `annotated` (what is there instead), `sentence`, `id`.
    """
    entities = {(entity.type, entity.start, entity.end) for entity in gold.entities}
    for entity in predicted.entities:
        if (entity.type, entity.start, entity.end) in entities:
            continue
        there = [other for other in gold.entities if other.start < entity.end and entity.start < other.end]
        yield _line(gold, entity.score, _named(predicted, entity), "; ".join(_named(gold, other) for other in there))
    annotated = {_ends(gold, relation) for relation in gold.relations}
    for relation in predicted.relations:
        kind, head, tail = _ends(predicted, relation)
        if (kind, head, tail) in annotated or not {head, tail} <= entities:
            continue
        stated = [_stated(gold, other) for other in gold.relations if {*_ends(gold, other)[1:]} == {head, tail}]
        yield _line(gold, relation.score, _stated(predicted, relation), "; ".join(stated))


def _ends(document: Document, relation: Relation) -> tuple[Any, ...]:
    ends = [document.entities[position] for position in (relation.head, relation.tail)]
    return (relation.type, *((entity.type, entity.start, entity.end) for entity in ends))


def _named(document: Document, entity: Entity) -> str:
    return f"[{' '.join(document.tokens[entity.start : entity.end])}] {entity.type}"


def _stated(document: Document, relation: Relation) -> str:
    head, tail = (document.entities[position] for position in (relation.head, relation.tail))
    return f"{_named(document, head)} {relation.type} {_named(document, tail)}"


def _line(document: Document, score: float | None, predicted: str, annotated: str) -> dict[str, Any]:
    return {
        "score": round(float(score or 0), 4),
        "predicted": predicted,
        "annotated": annotated,
        "sentence": " ".join(document.tokens),
        "id": str(document.id),
    }


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.disagreements", command))
