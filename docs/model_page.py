"""`python docs/model_page.py RUN`: make docs/model_card.md, the page of the recommended model.

Figures are those of results/conll04/best_frozen/seed*. RUN is one of these runs; what it found in the test sentences,
which are read as `cman_tf.evaluate` reads them (CMAN_TF_DATA), gives the kinds of error and their examples.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from cman_tf.config import parse_yaml
from cman_tf.data import formats
from cman_tf.evaluation.error_kinds import RELATION_KINDS, compare, count_kinds
from cman_tf.files import atomic_write
from cman_tf.training.run import Run
from cman_tf.training.workflow import load_corpus

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "conll04" / "best_frozen"
ITEMS = ("entities", "relations")
RATES = ("precision", "recall", "f1")
SCORES = {
    "strict, micro": ("strict", "micro"),
    "strict, macro": ("strict", "macro"),
    "boundaries, micro": ("boundaries", "micro"),
    "strict, micro, without test sentences that recur in training": ("without_repeated", "strict", "micro"),
    "strict, micro, relations held to type signatures": ("type_constrained", "strict", "micro"),
}
GROUPS = {"by_sentence_length": "tokens in the sentence", "by_entity_distance": "characters from end to end"}
# A failure shows best in a short sentence.
TOKENS, EXAMPLES = 30, 2
TEXT = """\
# The recommended model

This page is made by `python docs/model_page.py RUN` from `results/conll04/best_frozen/`.

The Cross-Modal Attention Network over word vectors, characters and frozen contextual encoders, trained on CoNLL04. The
project commits its configuration and its figures, not its weights. They are made by

<!-- not run: needs the encoders and word vectors -->
```bash
python -m cman_tf.fit --config conll04_best --protocol {protocol} --seed 1 --run-dir runs/best
```

## What it is for

Persons, places, organisations and other names in English news sentences, and five relations between them: who killed
whom, who lives where, who works for whom, which place lies in which, where an organisation is based. It is a starting
point and a measuring rod. For other texts, languages or types train [on your own corpus](howto/own_corpus.md).

It should not decide anything about a person: {wrong:.0f} of 100 relations that it finds are not in the annotation,
and what it reads and says about killings and homes is about real people.

## Data and encoders

| Part | What | Licence |
|---|---|---|
| corpus | CoNLL04 (Roth and Yih, 2004), {variant} split, protocol `{protocol}` | of its owners, not in this project |
| word vectors | {words} (Pennington et al., 2014) | Public Domain Dedication and License |
{encoders}
| code | CMAN-TF | Apache-2.0 |

The encoders were trained by others on texts of the web and on news, and carry what stands there. CoNLL04 is from
American newspapers and agencies: what those wrote about most is what it finds best.

## Figures

Test split: {sentences} sentences, {entities_gold} entities, {relations_gold} relations. F1 in percent, {many}.
Settings were chosen on dev, test chose nothing. How each is counted: [Measuring](explanation/evaluation.md). Beside
published figures: [Figures](results.md).

| | Entities | Relations |
|---|---:|---:|
{scores}

| Type | Precision | Recall | F1 | Annotated |
|---|---:|---:|---:|---:|
{types}

Relations in long sentences and between far entities are what it misses most:

| | Entities | Relations |
|---|---:|---:|
{groups}

## Known failures

Kinds of error of the run {name} on the test split
([what each means](reference/api/cman_tf.evaluation.md#cman_tf.evaluation.error_kinds.compare)):

{kinds}

The shortest sentences with each kind of wrong relation, `→` from head to tail:

{examples}
"""


def main(run, target=ROOT / "docs" / "model_card.md"):
    run = Run.open(run)
    gold = load_corpus(run.config(), splits=("test",)).splits["test"]
    with atomic_write(target) as file:
        file.write(page(RESULTS, gold, formats.read(run.predictions / "test.jsonl"), run.path.name))
    print(target)


def page(results, gold, predicted, name):
    """The page as Markdown.

    Args:
        results: path. Its folders `seed*` are the runs.
        gold, predicted: sequences of `Document`, the test sentences, annotated and as one of the runs found them.
        name: str. The run that found them.
    """
    folders = sorted(path.parent for path in results.glob("seed*/metrics.json"))
    runs = [json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in folders]
    config = parse_yaml((folders[0] / "config.yaml").read_text(encoding="utf-8"))
    encoders = json.loads((folders[0] / "encoders.json").read_text(encoding="utf-8"))
    found = count_kinds(gold, predicted)
    return TEXT.format(
        protocol=config["protocol"],
        variant=config["corpus"]["variant"],
        words=Path(config["words"]["vectors"]).name,
        wrong=100 - 100 * statistics.mean(run["strict"]["micro"]["relations"]["precision"] for run in runs),
        encoders="\n".join(
            "| encoder, frozen | {name}, {casing}, {layers} × {width} | {licence} |".format(**item) for item in encoders
        ),
        many=f"mean ± standard deviation of {len(runs)} seeds" if len(runs) > 1 else "one seed, so without a spread",
        scores="\n".join(_score_rows(runs)),
        types="\n".join(_type_rows(runs)),
        groups="\n".join(
            _row(f"{group} {unit}", [[run[key][group][item]["f1"] for run in runs] for item in ITEMS])
            for key, unit in GROUPS.items()
            for group in runs[0][key]
        ),
        name=name,
        kinds="\n\n".join(
            f"| | {' | '.join(found[item])} |\n|---|{'---:|' * len(found[item])}\n"
            f"| {item} | {' | '.join(map(str, found[item].values()))} |"
            for item in ITEMS
        ),
        examples="\n".join(examples(gold, predicted)).rstrip(),
        **runs[0]["counts"],
    )


def _score_rows(runs):
    for title, keys in SCORES.items():
        found = [_at(run, keys) for run in runs]
        if all(found):
            yield _row(title, [[scores[item]["f1"] for scores in found] for item in ITEMS])


def _type_rows(runs):
    for item in ITEMS:
        types = [run["per_type"]["strict"][item] for run in runs]
        for kind, first in types[0].items():
            rates = [[found[kind][rate] for found in types if kind in found] for rate in RATES]
            yield f"{_row(kind, rates)} {first['gold']} |"


def examples(gold, predicted):
    """Yield a list of Markdown: for each kind of wrong relation short sentences with it, each of another type."""
    pairs = [pair for pair in zip(gold, predicted) if len(pair[0]) <= TOKENS]
    for kind in RELATION_KINDS[1:]:
        shown = {}
        for one, other in sorted(pairs, key=lambda pair: len(pair[0])):
            for finding in compare(one, other)[1]:
                annotated = None if finding.gold is None else one.relations[finding.gold]
                answered = None if finding.predicted is None else other.relations[finding.predicted]
                if finding.kind == kind and len(shown) < EXAMPLES:
                    told = f"annotated {_told(one, annotated)}; found {_told(other, answered)}"
                    shown.setdefault((annotated or answered).type, f"    - *{one.text}*<br>{told}")
        if shown:
            yield "\n".join([f"- **{kind}**", "", *shown.values(), ""])


def _told(document, relation):
    if relation is None:
        return "nothing there"
    ends = (document.entities[index] for index in (relation.head, relation.tail))
    head, tail = (f"{document.entity_text(entity)} ({entity.type})" for entity in ends)
    return f"`{head} → {relation.type} → {tail}`"


def _at(metrics, keys):
    for key in keys:
        metrics = metrics.get(key) or {}
    return metrics


def _row(title, columns):
    return f"| {title} | {' | '.join(map(_spread, columns))} |"


def _spread(values):
    text = f"{100 * statistics.mean(values):.2f}"
    return f"{text} ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else text


if __name__ == "__main__":
    main(*sys.argv[1:2])
