"""`python -m reproduction.long_sentences`: relations of runs on dev by sentence length, and the kinds of errors."""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

from cman_tf.commands import cli
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.evaluation.candidates import considered
from cman_tf.evaluation.evaluator import contextual_vectors
from cman_tf.evaluation.scorer import Counts, items_of
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run
from reproduction.joined import effect

JSON = "results/dev/frozen/long_sentences.json"
LENGTHS = {0: "0-19", 20: "20-34", 35: "35-49", 50: "50 and more"}
LONG = 35
THRESHOLDS = (0.3, 0.5, 0.7, 0.75, 0.8, 0.9)


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.long_sentences",
        "Score the relations of runs on dev by sentence length, and count the kinds of errors in long sentences.",
        "python -m reproduction.long_sentences runs/seed1 runs/seed2 runs/seed3",
        usage="RUN ... [options]",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folders of runs that were not trained on dev")
    parser.add_argument(
        "--json",
        metavar="FILE",
        default=JSON,
        help="with the kinds of a .csv file beside it, if there is one (default: %(default)s)",
    )
    args = cli.parse(parser, argv)
    found, scores = [], []
    for path in args.runs:
        run = Run.open(path)
        config, predictor = run.config(), run.predictor()
        if config.protocol != "train":
            raise InputError(f"A run must not be trained on dev. Received: {path}, with protocol {config.protocol}")
        dev = load_corpus(config, splits=("dev",)).splits["dev"]
        found.append(considered(predictor, dev, contextual_vectors(predictor, dev)))
        joined = effect(predictor, [document for document in dev if len(document) < LONG])
        scores.append({"scores": measure(dev, found[-1], predictor.network.schema.signatures), "joined": joined})
    result = _mean(scores)
    table = Path(args.json).with_suffix(".csv")
    if table.is_file():
        with table.open(encoding="utf-8", newline="") as lines:
            kinds = {(*row[:-1],): row[-1] for row in list(csv.reader(lines))[1:]}
        result["kinds"] = count_kinds([*errors(dev, found)], kinds)
    with atomic_write(args.json) as file:
        json.dump(result, file, indent=1)


def measure(gold: Sequence[Document], found: Sequence[Document], signatures: Collection[tuple]) -> dict[str, Any]:
    """Strict scores of what `considered` found, by view and by tokens in the sentence.

    Views: `entities`; relations above each threshold, or above .75 in long sentences and .5 in others; `right ends`,
    above .5 and between right entities; of these those with 0, 1, or 2 and more annotated entities `between` the ends.
    Gold alone: `sentences`; `candidates`, pairs of right entities with the types of a relation's head and tail.
    """
    totals: dict[str, dict[str, Counts]] = {}
    for position, (g, p) in enumerate(zip(gold, found)):
        entities, relations = items_of(g, "entities"), items_of(g, "relations")
        right = entities & items_of(p, "entities")
        views: dict[str, Sequence[set]] = {f"{least:g}": (relations, _above(p, least)) for least in THRESHOLDS}
        views["0.5, long 0.75"] = relations, _above(p, 0.75 if len(g) >= LONG else 0.5)
        views["entities"] = entities, items_of(p, "entities")
        views["right ends"] = ends = [{one for one in some if {*one[1:]} <= right} for some in views["0.5"]]
        for number in range(3):
            views[f"between {number}"] = [{r for r in some if _between(entities, *r) == number} for some in ends]
        pairs = {(name, a, b) for a, b in permutations(right, 2) for name, *of in signatures if [a[0], b[0]] == of}
        views.update(sentences=[{position}, set()], candidates=[pairs, set()])
        for view, two in views.items():
            group = totals.setdefault(view, dict.fromkeys([*LENGTHS.values(), "all"], Counts()))
            for name in (LENGTHS[max(border for border in LENGTHS if border <= len(g))], "all"):
                group[name] += Counts.of(*two)
    return {view: {name: counts.to_dict() for name, counts in group.items()} for view, group in totals.items()}


def _above(document: Document, threshold: float) -> set[tuple]:
    kept = tuple(relation for relation in document.relations if (relation.score or 0) > threshold)
    return items_of(replace(document, relations=kept), "relations")


def _between(entities: set[tuple], _: str, *ends: tuple) -> int:
    start, end = min(last for _, _, last in ends), max(first for _, first, _ in ends)
    return min(2, sum(start <= first and last <= end for _, first, last in entities))


def _mean(values: Sequence[Any]) -> Any:
    nested = isinstance(values[0], dict)
    return {key: _mean([one[key] for one in values]) for key in values[0]} if nested else statistics.mean(values)


def errors(gold: Sequence[Document], found: Sequence[Sequence[Document]]) -> Iterator[tuple[str, ...]]:
    """Relations in long sentences that at least two runs miss or add: `(sentence, error, relation, head, tail)`."""
    for g, *answers in zip(gold, *found):
        right = items_of(g, "relations")
        times = Counter(one for p in answers for one in right ^ _above(p, 0.5))
        for one in (one for one, number in times.items() if number > 1 and len(g) >= LONG):
            ends = (f"{start}-{end}" for _, start, end in one[1:])
            yield str(g.id), "missed" if one in right else "spurious", one[0], *ends


def count_kinds(found: Sequence[tuple[str, ...]], kinds: dict[tuple[str, ...], str]) -> dict[str, dict[str, int]]:
    """Missed and spurious relations of each kind, the most frequent first; `InputError` if an error has no kind."""
    for error in sorted(set(found) ^ set(kinds)):
        raise InputError(f"Each error must have a kind, and each kind an error. Received: {', '.join(error)}")
    totals = Counter((kinds[error], error[1]) for error in found)
    order = sorted({*kinds.values()}, key=lambda name: (-totals[name, "missed"] - totals[name, "spurious"], name))
    return {name: {error: totals[name, error] for error in ("missed", "spurious")} for name in order}


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.long_sentences", command))
