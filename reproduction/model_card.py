"""docs/model_card.md: the recommended model, its figures and its known failures.

The figures are those of results/conll04/best_frozen/seed*. The kinds of error and their examples are those of one of
these runs, on the test sentences as `cman evaluate` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf.data import formats
from cman_tf.data.document import Document, Relation
from cman_tf.evaluation.averages import mean_sd
from cman_tf.evaluation.error_kinds import RELATION_KINDS, compare, count_kinds
from cman_tf.evaluation.scorer import ITEMS
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run
from reproduction import markdown
from reproduction.runs import f1_cells, runs_of, spread

FOLDER = Path("conll04") / "best_frozen"
RATES = ("precision", "recall", "f1")
SCORES = {
    "strict, micro": ("strict", "micro"),
    "strict, macro": ("strict", "macro"),
    "boundaries, micro": ("boundaries", "micro"),
    "strict, micro, without test sentences that recur in training": ("without_repeated", "strict", "micro"),
    "strict, micro, relations restricted to type signatures": ("type_constrained", "strict", "micro"),
}
GROUPS = {"by_sentence_length": "tokens in the sentence", "by_entity_distance": "characters from end to end"}
# Examples are easiest to read in short sentences.
TOKENS, EXAMPLES = 30, 2
TEXT = """\
# The recommended model

`python -m reproduction --model-card RUN` makes this page from `results/conll04/best_frozen/`.

The Cross-Modal Attention Network over word vectors, characters and frozen contextual encoders, trained on CoNLL04. The
project contains its configuration and its figures, not its weights. Train them with

<!-- not run: needs the encoders and word vectors -->
```bash
cman fit --config conll04_best --protocol {protocol} --seed 1 --run-dir runs/best
```

## What it is for

Persons, places, organisations and other names in English news sentences, and five relations between them: who killed
whom, who lives where, who works for whom, which place is in which, where an organisation is based. It is a starting
point and a baseline. For other texts, languages or types train [on your own corpus](howto/own_corpus.md). The shipped
model `news` is another one, with [a page of its own](news.md).

Do not use it to decide anything about a person: {wrong:.0f} of 100 relations that it finds are not in the annotation,
and its answers about killings and homes are about real people.

## Data and encoders

{data}

Others trained the encoders on web texts and news, so they contain the biases of these texts. CoNLL04 is from
American newspapers and agencies: the network is best at their usual subjects.

## Figures

Test split: {sentences} sentences, {entities_gold} entities, {relations_gold} relations. F1 in percent, {many}.
Settings were chosen on dev, none on test. How each figure is counted: [Measuring](explanation/evaluation.md). Beside
published figures: [Figures](results.md).

{scores}

{types}

It misses most relations in long sentences and between distant entities:

{groups}

## Known failures

Kinds of error of the run {name} on the test split
([what each means](reference/api/cman_tf.evaluation.md#cman_tf.evaluation.error_kinds.compare)):

{kinds}

The shortest sentences with each kind of wrong relation, `→` from head to tail:

{examples}
"""


def write_card(results: Path, run_folder: str, path: Path) -> Path:
    """Write the page.

    Args:
        results: path. `conll04/best_frozen/seed*` below it are the runs.
        run_folder: path. One of the runs, with its predictions.
        path: path of the page.

    Returns:
        path of the page.
    """
    run = Run.open(run_folder)
    gold = load_corpus(run.config(), splits=("test",)).splits["test"]
    return markdown.write(path, [card(results, gold, formats.read(run.predictions / "test.jsonl"), run.path.name)])


def card(results: Path, gold: Sequence[Document], predicted: Sequence[Document], name: str) -> str:
    """The page as Markdown.

    Args:
        results: path. `conll04/best_frozen/seed*` below it are the runs.
        gold, predicted: sequences of `Document`, the test sentences as annotated and as found by one of the runs.
        name: str. Name of that run.
    """
    runs = runs_of(results / FOLDER)
    first, _, config = runs[0]
    encoders = json.loads((results / FOLDER / first / "encoders.json").read_text(encoding="utf-8"))
    metrics = [found for _, found, _ in runs]
    precision = mean_sd([found["strict"]["micro"]["relations"]["precision"] for found in metrics])["mean"]
    kinds = count_kinds(gold, predicted)
    return TEXT.format(
        protocol=config["protocol"],
        wrong=100 - 100 * precision,
        data=_lines(["Part", "What", "Licence"], _data(config, encoders), "lll"),
        many=f"mean ± standard deviation of {len(runs)} seeds" if len(runs) > 1 else "one seed",
        scores=_lines(["", "Entities", "Relations"], _scores(metrics)),
        types=_lines(["Type", "Precision", "Recall", "F1", "Annotated"], _types(metrics)),
        groups=_lines(["", "Entities", "Relations"], _groups(metrics)),
        name=name,
        kinds="\n\n".join(_lines(["", *kinds[item]], [[item, *kinds[item].values()]]) for item in ITEMS),
        examples="\n".join(examples(gold, predicted)).rstrip(),
        **metrics[0]["counts"],
    )


def _lines(head: Sequence[object], rows: Iterable[Sequence[object]], align: str = "l") -> str:
    return "\n".join(markdown.table(head, rows, align))


def _data(config: Mapping[str, Any], encoders: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    corpus = f"CoNLL04 (Roth and Yih, 2004), {config['corpus']['variant']} split, protocol `{config['protocol']}`"
    yield ["corpus", corpus, "of its owners, not in this project"]
    vectors = f"{Path(config['words']['vectors']).name} (Pennington et al., 2014)"
    yield ["word vectors", vectors, "Public Domain Dedication and License"]
    for item in encoders:
        yield ["encoder, frozen", "{name}, {casing}, {layers} × {width}".format(**item), item["licence"]]
    yield ["code", "CMAN-TF", "Apache-2.0"]


def _scores(metrics: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for title, keys in SCORES.items():
        found = metrics
        for key in keys:
            found = [scores.get(key) or {} for scores in found]
        if all(found):
            yield [title, *f1_cells(found)]


def _types(metrics: Sequence[Mapping[str, Any]]) -> Iterator[list[object]]:
    for item in ITEMS:
        types = [found["per_type"]["strict"][item] for found in metrics]
        for kind, first in types[0].items():
            rates = [spread([100 * found[kind][rate] for found in types if kind in found]) for rate in RATES]
            yield [kind, *rates, first["gold"]]


def _groups(metrics: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    for key, unit in GROUPS.items():
        for group in metrics[0][key]:
            yield [f"{group} {unit}", *f1_cells([found[key][group] for found in metrics])]


def examples(gold: Sequence[Document], predicted: Sequence[Document]) -> Iterator[str]:
    """Yield a Markdown list for each kind of wrong relation: short sentences, each with another type."""
    pairs = [pair for pair in zip(gold, predicted) if len(pair[0]) <= TOKENS]
    for kind in RELATION_KINDS[1:]:
        shown: dict[str, str] = {}
        for one, other in sorted(pairs, key=lambda pair: len(pair[0])):
            for finding in compare(one, other)[1]:
                annotated = None if finding.gold is None else one.relations[finding.gold]
                answered = None if finding.predicted is None else other.relations[finding.predicted]
                relation = annotated or answered
                if finding.kind == kind and len(shown) < EXAMPLES and relation:
                    difference = f"annotated {_relation(one, annotated)}; found {_relation(other, answered)}"
                    shown.setdefault(relation.type, f"    - *{one.text}*<br>{difference}")
        if shown:
            yield "\n".join([f"- **{kind}**", "", *shown.values(), ""])


def _relation(document: Document, relation: Relation | None) -> str:
    if relation is None:
        return "nothing there"
    ends = (document.entities[index] for index in (relation.head, relation.tail))
    head, tail = (f"{document.entity_text(entity)} ({entity.type})" for entity in ends)
    return f"`{head} → {relation.type} → {tail}`"
