"""Scoring a run: metrics, predictions and report after a training, and a later evaluation."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data import formats
from cman_tf.data.formats.reading import located
from cman_tf.errors import InputError, printable
from cman_tf.evaluation.evaluator import contextual_vectors, evaluate
from cman_tf.evaluation.overlap_policies import by_overlap_policy
from cman_tf.evaluation.report import write_report
from cman_tf.evaluation.significance import paired_bootstrap
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus, training_data
from cman_tf.training.run import Run

if TYPE_CHECKING:
    from cman_tf.data.corpora import Corpus
    from cman_tf.data.document import Document
    from cman_tf.predictor import Predictor


def score_run(
    run: Run, corpus: Corpus, train: Sequence[Document], dev: Sequence[Document], predictor: Predictor
) -> tuple[dict[str, Any] | None, list[Document]]:
    """Score dev and test with the kept weights; write `metrics.json`, `predictions/` and `report.html`.

    Args:
        run: `Run`, trained.
        corpus: `Corpus`.
        train, dev: sequences of `Document`, those that the run was trained on and those that chose its epoch.
        predictor: `Predictor` of the run's network, with the kept weights.

    Returns:
        `(metrics, predictions)` of the test split, or of dev if there is no test split; `(None, [])` without both.
    """
    config = run.config()
    test = corpus.splits.get("test", ())
    if not test and not dev:
        return None, []
    results = {}
    if dev:
        results["dev"] = evaluate(predictor, dev)
    if test:
        results["test"] = evaluate(predictor, test, train=train, variants=True)
    split = "test" if test else "dev"
    metrics, predictions = results[split]
    metrics = {"split": split, "corpus": config.corpus.name, "protocol": config.protocol, **metrics}
    if test and config.corpus.overlap != "error":
        metrics["overlap_policies"] = _overlap_policies(predictor, corpus, "test")
    if test and dev:
        kept = ("strict", "boundaries", "counts", "by_sentence_length", "by_entity_distance")
        metrics["dev"] = {name: results["dev"][0][name] for name in kept}
    run.check_there()
    run.predictions.mkdir(exist_ok=True)
    formats.write(predictions, run.predictions / f"{split}.jsonl", "jsonl")
    documents = test or dev
    title = f"{run.path.name}: {split}"
    write_report(run.report, documents, predictions, metrics, title=title, history=run.history() or None)
    # Last: a run folder with this file is finished.
    with atomic_write(run.metrics) as file:
        json.dump(metrics, file, indent=2)
    return metrics, predictions


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_run` returns.

    Args:
        metrics: dict, see `cman_tf.evaluation.evaluator.evaluate`; with `split`, `corpus` and, if they apply,
            `overlap_policies` and `against`.
        documents: tuple of `Document`, the split that was scored.
        predictions: list of `Document`.
    """

    metrics: dict[str, Any]
    documents: Sequence[Document]
    predictions: list[Document]


def evaluate_run(
    path: str | Path,
    split: str = "test",
    changes: Mapping[str, Any] | None = None,
    exclude_types: Sequence[str] = (),
    against: str | Path | None = None,
    allow_encoders: Sequence[str] = (),
) -> Evaluation:
    """Score a trained run on a split of its corpus or of another one.

    Args:
        path: str or path. The run folder.
        split: str. `"train"`, `"dev"` or `"test"`.
        changes: dict of dotted config fields, for another corpus or other decoding.
        exclude_types: sequence of str. Entity types for a second score without them.
        against: str, path or None. A second run, for a paired bootstrap of the difference.
        allow_encoders: sequence of str, see `Run`.

    Returns:
        `Evaluation`.

    Raises:
        InputError: if a run or the split cannot be read, or a type is not one of the run's.
    """
    changes = dict(changes or {})
    run = Run.open(path, allow_encoders=allow_encoders)
    rival = Run.open(against, allow_encoders=allow_encoders) if against else None
    config = run.config(changes)
    corpus = load_corpus(config, splits=(split,))
    documents = corpus.splits[split]
    decoding = {name: value for name, value in changes.items() if name.startswith("decoding.")}
    predictor = run.predictor(decoding)
    with located(f"{config.corpus.name}, {split}"):
        for document in documents:
            predictor.network.schema.check(document)
    train = sentences_trained_on(run, corpus, changes) if split == "test" else ()
    metrics, predictions = evaluate(predictor, documents, train=train, exclude_types=exclude_types, variants=True)
    metrics = {"split": split, "corpus": config.corpus.name, **metrics}
    if config.corpus.overlap != "error":
        metrics["overlap_policies"] = _overlap_policies(predictor, corpus, split)
    if rival:
        metrics["against"] = _compare(documents, predictions, rival, decoding)
    return Evaluation(metrics, documents, predictions)


def _overlap_policies(predictor: Predictor, corpus: Corpus, split: str) -> dict[str, Any]:
    """`by_overlap_policy` of a split with all its entities."""
    whole = corpus.annotated[split]
    return by_overlap_policy(whole, predictor.extract(whole, contextual=contextual_vectors(predictor, whole)))


def _compare(
    documents: Sequence[Document], predictions: Sequence[Document], rival: Run, decoding: Mapping[str, Any]
) -> dict[str, Any]:
    """Paired bootstrap against a second run: a dict with its path, `run`, and the result for each kind of item."""
    predictor = rival.predictor(dict(decoding))
    others = predictor.extract(documents, contextual=contextual_vectors(predictor, documents))
    return {
        "run": str(rival.path),
        **{item: paired_bootstrap(documents, others, predictions, metric=item) for item in ("entities", "relations")},
    }


def sentences_trained_on(
    run: Run,
    scored: Corpus,
    changes: Mapping[str, Any],
    message: str = "Repeated sentences are not scored separately",
) -> list[Document]:
    """The training sentences of a run, for the score without repeated sentences.

    Empty, with a message on standard error, if another corpus is scored and the run's own cannot be read.

    Raises:
        InputError: if the run's own corpus is scored and its training sentences cannot be read.
    """
    # These say where the run's own sentences are; the other fields name the corpus that is scored.
    places = ("corpus.data_dir", "corpus.extra")
    config = run.config({name: value for name, value in changes.items() if name in places})
    own = run.config(dict(changes)).corpus == config.corpus
    try:
        if own and "train" in scored.splits:
            return training_data(config, scored)[0]
        return training_data(config, load_corpus(config, splits=("train",)))[0]
    except InputError as error:
        if os.path.abspath(scored.name) == os.path.abspath(config.corpus.name):
            raise
        print(
            f"{message}: the run's training sentences cannot be read. {printable(error)}",
            file=sys.stderr,
        )
        return []
