"""`python -m reproduction.pick`: scores after training on picked sentences, against randomly drawn ones."""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cman_tf.commands import cli, options
from cman_tf.data import corpora
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import score
from cman_tf.files import atomic_write
from cman_tf.inspection.picking import pick
from reproduction.few import add_options, cell, trained

WAYS = ("picked", "random")


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.pick",
        "Hide the labels of a corpus, add sentences round by round, picked by the network of the round before or drawn "
        "at random, train on them and score on the test split. Both ways begin with the same random sentences. What is "
        "in --results already is not repeated.",
        "python -m reproduction.pick --corpus conll04 --sizes 100,200,400 --draws 1-3",
    )
    add_options(parser, "100,200,400", "results/pick")
    parser.add_argument(
        "--first", metavar="N", type=int, default=50, help="random sentences of the first round (default: 50)"
    )
    args = cli.parse(parser, argv)
    sizes = [args.first, *cli.numbers(args.sizes, "--sizes")]
    corpus = corpora.load(args.corpus, overlap="drop_sentences", data_dir=args.data_dir)
    if not 0 < sizes[0] < sizes[1] or sizes[-1] > len(corpus.splits["train"]):
        raise InputError(
            f"--sizes must be above --first and at most {len(corpus.splits['train'])}. Received: {sizes[1:]}, --first "
            f"{sizes[0]}"
        )
    rounds = _Rounds(corpus, args.model, args.split, options.overrides(args), Path(args.results) / args.corpus)
    for draw in cli.numbers(args.draws, "--draws"):
        for way in WAYS:
            rounds.run(way, draw, sizes)
    table = _table(Path(args.results))
    with atomic_write(Path(args.results) / "table.md") as file:
        file.write(table)
    print(table, end="")


class _Rounds:
    """The trainings of one way to choose sentences; each is a file of the folder `results`."""

    def __init__(self, corpus: corpora.Corpus, start: str, split: str, changes: dict[str, Any], results: Path) -> None:
        self.corpus, self.start, self.split, self.changes, self.results = corpus, start, split, changes, results
        self.pool = corpus.splits["train"]

    def run(self, way: str, draw: int, sizes: Sequence[int]) -> None:
        """Train on each size, the first sentences of which are those of the size before."""
        order = random.Random(draw).sample(range(len(self.pool)), len(self.pool))
        chosen = order[: sizes[0]]
        for size, following in zip(sizes, [*sizes[1:], None]):
            # Both ways have the first sentences, and so the first network, in common.
            first = size == sizes[0]
            path = self.results / f"{'first' if first else way}-{size}-{draw}.json"
            if not path.exists():
                figures = self._measure(chosen, draw)
                with atomic_write(path) as file:
                    json.dump({"way": None if first else way, **figures}, file)
            if following:
                picked = json.loads(path.read_text(encoding="utf-8"))["picked"]
                more = picked[: following - size] if way == "picked" else order[size:following]
                chosen = [*chosen, *more]

    def _measure(self, chosen: Sequence[int], draw: int) -> dict[str, Any]:
        """Train, score, and sort the other sentences, those to annotate next first."""
        documents = [self.pool[index] for index in chosen]
        predictor = trained(documents, draw, {"start_from": self.start, **self.changes})
        gold = self.corpus.splits[self.split]
        found = score(gold, predictor.extract(gold))["strict"]["micro"]
        rest = sorted(set(range(len(self.pool))) - set(chosen))
        picked = pick(predictor, [self.pool[index] for index in rest], len(rest), documents)
        print(f"{len(chosen)}, draw {draw}: {found['entities']['f1']:.4f} {found['relations']['f1']:.4f}", flush=True)
        return {
            "corpus": self.corpus.source,
            "split": self.split,
            "sentences": len(chosen),
            "tokens": sum(map(len, documents)),
            "draw": draw,
            "start_from": self.start,
            "entities F1": found["entities"]["f1"],
            "relations F1": found["relations"]["f1"],
            "chosen": list(chosen),
            "picked": [rest[index] for index in picked],
        }


def _table(results: Path) -> str:
    """Mean and standard deviation over draws, as Markdown."""
    found: dict[tuple[str, int], dict[str | None, list[dict[str, Any]]]] = {}
    for path in sorted(results.glob("*/*.json")):
        figures = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault((path.parent.name, figures["sentences"]), {}).setdefault(figures["way"], []).append(figures)
    lines = [
        "| Corpus | Sentences | Draws | Entities, picked | Entities, random | Relations, picked | Relations, random | "
        "Tokens, picked | Tokens, random |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (name, size), ways in sorted(found.items()):
        # The first sentences are drawn at random.
        parts = [ways.get("picked", []), ways.get("random") or ways.get(None, [])]
        cells = [
            cell([100 * figures[f"{kind} F1"] for figures in part])
            for kind in ("entities", "relations")
            for part in parts
        ]
        tokens = [f"{statistics.mean(f['tokens'] for f in part):,.0f}" if part else "" for part in parts]
        draws = max(len({figures["draw"] for figures in part}) for part in parts)
        lines.append(f"| {name} | {size} | {draws} | {' | '.join([*cells, *tokens])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.pick", command))
