"""`python -m reproduction.few`: scores after training on few sentences, from a shipped model or random weights."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf import config as configs
from cman_tf.commands import cli, options
from cman_tf.data import corpora, formats
from cman_tf.data.document import Document
from cman_tf.errors import check_choice
from cman_tf.evaluation.scorer import score
from cman_tf.files import atomic_write
from cman_tf.predictor import Predictor
from cman_tf.training.workflow import train

WAYS = {"start": "from `news`", "scratch": "from random weights", "own": "`cman fit`"}
"""How to train, and what a table calls it."""


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.few",
        "Train on few sentences of a corpus and score on its test split: from a shipped model (start), from random "
        "weights with the same training (scratch) and with that of cman fit (own). What is in --results already is not "
        "repeated.",
        "python -m reproduction.few --corpus conll04 --sizes 20,50 --draws 1-3",
    )
    add_options(parser, "20,50,100,200,500", "results/few")
    parser.add_argument("--ways", metavar="LIST", default=",".join(WAYS), help="default: %(default)s")
    args = cli.parse(parser, argv)
    ways = args.ways.split(",")
    for way in ways:
        check_choice("--ways", way, tuple(WAYS))
    corpus = corpora.load(args.corpus, overlap="drop_sentences", data_dir=args.data_dir)
    results = Path(args.results)
    for draw in cli.numbers(args.draws, "--draws"):
        for size in cli.numbers(args.sizes, "--sizes"):
            for way in ways:
                path = results / args.corpus / f"{way}-{size}-{draw}.json"
                if not path.exists():
                    values = {"start_from": args.model} if way == "start" else {}
                    values |= {} if way == "own" else training_of_start()
                    figures = _measure(corpus, size, draw, args.split, {**values, **options.overrides(args)})
                    with atomic_write(path) as file:
                        json.dump(figures, file, indent=2)
    table = _table(results)
    with atomic_write(results / "table.md") as file:
        file.write(table)
    print(table, end="")


def add_options(parser: argparse.ArgumentParser, sizes: str, results: str) -> None:
    """Add the options of trainings on few sentences, with the defaults of `--sizes` and `--results`."""
    parser.add_argument("--corpus", metavar="NAME", default="conll04", help="conll04 or ade (default: %(default)s)")
    parser.add_argument("--sizes", metavar="LIST", default=sizes, help="default: %(default)s")
    parser.add_argument("--draws", metavar="LIST", default="1-3", help="seeds of the drawn sentences (default: 1-3)")
    # Not `start_from`, which is a field of the configuration.
    parser.add_argument(
        "--start-from",
        metavar="RUN",
        dest="model",
        default="news",
        help="default: %(default)s",
    )
    parser.add_argument("--split", metavar="test|dev", default="test", help="scored split (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="FOLDER", help="directory with the public corpora")
    parser.add_argument("--results", metavar="FOLDER", default=results, help="default: %(default)s")
    options.add_config_options(parser, sections=("training",))


def trained(documents: Sequence[Document], draw: int, changes: Mapping[str, Any]) -> Predictor:
    """Train on sentences, in a folder that is removed, and return the predictor.

    Args:
        documents: sequence of `Document`, sentences.
        draw: int. Seed of the training.
        changes: dict of dotted config fields.
    """
    place = Path(tempfile.mkdtemp())
    try:
        formats.write(documents, place / "data" / "train.json", "spert")
        values = {"corpus.name": str(place / "data"), "protocol": "train+dev", "seed": draw, **changes}
        found = train(options.configuration(None, values, "own"), place / "run")
        assert found
        return found[0].predictor()
    finally:
        shutil.rmtree(place)


def training_of_start() -> dict[str, Any]:
    """The training of the preset `start`, as dotted config fields."""
    return {f"training.{name}": value for name, value in configs.to_dict(configs.load("start"))["training"].items()}


def _measure(corpus: corpora.Corpus, size: int, draw: int, split: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Train on `size` sentences of the preset `own` with some changes, and score."""
    chosen = random.Random(draw).sample(corpus.splits["train"], size)
    gold, start = corpus.splits[split], changes.get("start_from")
    found = score(gold, trained(chosen, draw, changes).extract(gold))["strict"]["micro"]
    print(f"{size} sentences, draw {draw}, start {start}: {found['entities']['f1']:.4f} {found['relations']['f1']:.4f}")
    return {
        "corpus": corpus.source,
        "split": split,
        "sentences": size,
        "draw": draw,
        "start_from": start,
        "entities F1": found["entities"]["f1"],
        "relations F1": found["relations"]["f1"],
    }


def _table(results: Path) -> str:
    """Mean and standard deviation over draws, as Markdown."""
    found: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = {}
    for path in sorted(results.glob("*/*.json")):
        figures = json.loads(path.read_text(encoding="utf-8"))
        rows = found.setdefault((path.parent.name, figures["sentences"]), {way: [] for way in WAYS})
        rows[path.name.partition("-")[0]].append(figures)
    heads = [f"{kind}, {told}" for told in WAYS.values() for kind in ("Entities", "Relations")]
    lines = [f"| Corpus | Sentences | Draws | {' | '.join(heads)} |", "|---|" + "---:|" * (2 + len(heads))]
    for (name, size), rows in sorted(found.items(), key=lambda item: (item[0][0] != "conll04", item[0])):
        cells = [
            cell([100 * figures[f"{kind} F1"] for figures in rows[way]])
            for way in WAYS
            for kind in ("entities", "relations")
        ]
        lines.append(
            f"| {name} | {size} | {min(len(draws) for draws in rows.values() if draws)} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def cell(values: Sequence[float]) -> str:
    """Mean and standard deviation as text; "" if there are no values."""
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.few", command))
