"""From a configuration to a trained, evaluated run folder."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.config import change, save
from cman_tf.data import corpora
from cman_tf.data.formats.reading import located
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.errors import InputError
from cman_tf.evaluation.evaluator import contextual_vectors, evaluate, write_results
from cman_tf.evaluation.overlap_policies import by_overlap_policy
from cman_tf.files import atomic_write
from cman_tf.training import distribution
from cman_tf.training.building import start_vectors
from cman_tf.training.origin import fingerprint
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer

if TYPE_CHECKING:
    import tensorflow as tf

    from cman_tf.config import Config
    from cman_tf.data.document import Document
    from cman_tf.data.featurizer import Featurizer
    from cman_tf.model.cman import Cman
    from cman_tf.predictor import Predictor
    from cman_tf.training.progress import TrainingProgress


def load_corpus(config: Config, splits: Collection[str] = ("train", "dev", "test"), **changes: Any) -> corpora.Corpus:
    """The corpus of a configuration, see `cman_tf.data.corpora.load`; `changes` replace arguments of that."""
    corpus = config.corpus
    options = {name: getattr(corpus, name) for name in ("variant", "fold", "overlap", "data_dir")}
    return corpora.load(corpus.name, splits=splits, **{**options, **changes})


def begin(config: Config, path: str | Path) -> tuple[Run, Cman, Featurizer, list[Document], list[Document]]:
    """Make a run folder with everything but weights: configuration, labels, vocabulary.

    Args:
        config: `Config`.
        path: str or path, a new or empty folder.

    Returns:
        `(run, model, featurizer, train, dev)`, ready for `Trainer`.
    """
    Run.check_new(path)
    config = _with_absolute_places(config)
    corpus = load_corpus(config, splits=("train",))
    train, dev = training_data(config, corpus)
    schema = schema_of(train, corpus)
    vocabulary, vectors = Vocabulary.of(train, config.words)
    if vectors is not None:
        config = change(config, {"words.size": vectors.shape[1]})
    about: Sequence[Mapping[str, Any]] = ()
    if config.encoder.modules:
        from cman_tf.encoders.combined import Encoders

        encoders = Encoders(config.encoder.modules)
        about = encoders.about
        if not config.encoder.trainable:
            # A store that cannot be written is told before there is half a run.
            from cman_tf.encoders.feature_store import FeatureStore

            for encoder in encoders.encoders:
                FeatureStore(encoder, config.encoder.store, config.encoder.store_gb)
    run = Run.create(path, config, schema, vocabulary, fingerprint(train, dev), about)
    model, featurizer = run.build()
    if vectors is not None:
        start_vectors(model, vocabulary, vectors)
    return run, model, featurizer, train, dev


def _with_absolute_places(config: Config) -> Config:
    """The same with folders of the corpus that do not depend on where the run is used from."""
    places = {"corpus.data_dir": config.corpus.data_dir}
    if config.corpus.name not in corpora.NAMES:
        places["corpus.name"] = config.corpus.name
    found = {name: os.path.abspath(os.path.expanduser(place)) for name, place in places.items() if place is not None}
    # What is no folder is told as it was given.
    return change(config, {name: place for name, place in found.items() if os.path.isdir(place)})


def resume(
    path: str | Path, moved: Mapping[str, Any] | None = None
) -> tuple[Run, Cman, Featurizer, list[Document], list[Document]]:
    """Open a run folder that was begun, for training to go on: the same as `begin` returns.

    Args:
        path: str or path. The run folder.
        moved: dict of dotted config fields that say where what it reads lies by now, or None. The run keeps them.

    Raises:
        InputError: the corpus, or the file of word vectors, is no longer the one that the run began with.
    """
    run = Run.open(path, trained=False)
    config = _with_absolute_places(run.config(dict(moved or {})))
    train, dev = training_data(config, load_corpus(config, splits=("train",)))
    if fingerprint(train, dev) != run.environment().get("corpus_sha256"):
        raise InputError(
            f"A run must be resumed on the corpus it began with. Received: {path}, whose train or dev sentences changed"
        )
    if config != run.config():
        run.encoders(config, trained=False)  # refuses others than the run's
        save(config, run.path / "config.yaml")
    model, featurizer = run.build()
    if config.words.vectors and run.checkpoint() is None and not run.finished():
        # Killed in its first epoch, it has nothing else to start from.
        vocabulary, vectors = Vocabulary.of(train, config.words)
        if vocabulary.words != run.vocabulary().words:
            raise InputError(
                f"A run must be resumed with the word vectors it began with. Received: {path}, whose words are no "
                f"longer those of {config.words.vectors}"
            )
        start_vectors(model, vocabulary, vectors)  # type: ignore[arg-type]
    return run, model, featurizer, train, dev


def train(
    config: Config | None,
    path: str | Path,
    resuming: bool = False,
    progress: Callable[[int], TrainingProgress] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    moved: Mapping[str, Any] | None = None,
) -> tuple[Run, dict[str, Any] | None, list[Document]] | None:
    """Train a network and evaluate it on the corpus's test split, if it has one.

    Args:
        config: `Config`; not looked at when resuming.
        path: str or path. The run folder.
        resuming: bool. Whether to go on with the run in `path`.
        progress: context manager as `TrainingProgress`, or a callable that makes one from the epochs, or None.
        strategy: `tf.distribute.Strategy` or None, see `cman_tf.training.distribution`.
        moved: dict or None. When resuming, where things lie by now, see `resume`.

    Returns:
        `(run, metrics, predictions)`: `Run`; the content of `metrics.json` and the test documents with what was
        found, or None and an empty list without a test split. None for a worker that is not the chief, which alone
        writes the run folder and evaluates.
    """
    with distribution.own_folder(strategy, path, resuming) as folder, distribution.scope(strategy):
        run, model, featurizer, train, dev = resume(folder, moved) if resuming else begin(config, folder)  # type: ignore[arg-type]
        config = run.config()
        # With the weights they came with: what training made of them is in the checkpoint.
        encoders = run.encoders(trained=False)
        with progress(config.training.epochs) if progress else contextlib.nullcontext() as shown:
            Trainer(run, config, model, featurizer, train, dev, shown, encoders, strategy).fit()
    if not distribution.is_chief(strategy):
        return None
    return (run, *evaluate_on_test(run, config, train, dev))


def evaluate_on_test(
    run: Run, config: Config, train: Sequence[Document], dev: Sequence[Document]
) -> tuple[dict[str, Any] | None, list[Document]]:
    """Score dev and test with the kept weights; write `metrics.json`, `predictions/` and `report.html`."""
    predictor = run.predictor()
    results = {}
    if dev:
        results["dev"] = evaluate(predictor, dev)
    test = load_corpus(config, splits=()).splits.get("test", ())
    if not test and not dev:
        return None, []
    if test:
        results["test"] = evaluate(predictor, test, train=train, variants=True)
    split = "test" if test else "dev"
    metrics, predictions = results[split]
    metrics = {"split": split, "corpus": config.corpus.name, "protocol": config.protocol, **metrics}
    if test and config.corpus.overlap != "error":
        metrics["overlap_policies"] = score_overlap_policies(predictor, config, "test")
    if test and dev:
        kept = ("strict", "boundaries", "counts", "by_sentence_length", "by_entity_distance")
        metrics["dev"] = {name: results["dev"][0][name] for name in kept}
    documents = {"test": test, "dev": dev}
    write_results(run, split, documents[split], predictions, metrics)
    # Last: its presence says that the run is done.
    with atomic_write(run.metrics) as file:
        json.dump(metrics, file, indent=2)
    return metrics, predictions


def score_overlap_policies(predictor: Predictor, config: Config, split: str) -> dict[str, Any]:
    """What `by_overlap_policy` says of a split of the configuration's corpus, read with all its entities."""
    whole = load_corpus(config, splits=(split,), overlap=None).splits[split]
    return by_overlap_policy(whole, predictor.extract(whole, contextual=contextual_vectors(predictor, whole)))


def training_data(config: Config, corpus: corpora.Corpus) -> tuple[list[Document], list[Document]]:
    """Training and dev sentences under the configuration's protocol."""
    train, dev = list(corpus.splits["train"]), list(corpus.splits.get("dev", ()))
    if config.protocol == "train+dev":
        return train + dev, []
    if not dev:
        raise InputError(
            "Protocol train needs a dev split, which chooses the epoch; without one say --protocol train+dev. "
            f"Received: {config.corpus.name} without dev"
        )
    return train, dev


def sentences_trained_on(run: Run, changes: Mapping[str, Any]) -> list[Document]:
    """The training sentences of a run whose test scores are wanted, for the score without those that recur.

    Args:
        run: `Run`.
        changes: dict of dotted config fields, of which only `corpus.data_dir` is about where the run's corpus lies; the
            others name what is scored.

    Returns:
        list of `Document`. Empty, and said on standard error, where another corpus is scored and the run's cannot be
        read.

    Raises:
        InputError: the run's own corpus is scored and its training sentences cannot be read.
    """
    config = run.config({name: value for name, value in changes.items() if name == "corpus.data_dir"})
    try:
        return training_data(config, load_corpus(config, splits=("train",)))[0]
    except InputError as error:
        # A folder is the same however it is named.
        scored = changes.get("corpus.name", config.corpus.name)
        if os.path.abspath(scored) == os.path.abspath(config.corpus.name):
            raise
        print(f"No score without repeated sentences, for those of training cannot be read. {error}", file=sys.stderr)
        return []


def schema_of(train: Sequence[Document], corpus: corpora.Corpus) -> Schema:
    """The schema of the training sentences, once it is known to be that of the other splits, which are scored."""
    with located(f"the training sentences of {corpus.name}"):
        schema = Schema.of(train)
        if not schema.relation_types:
            raise InputError("A schema must have at least one relation type. Received: none")
    for split, documents in corpus.splits.items():
        with located(f"{split} of {corpus.name}"):
            for document in documents:
                schema.check(document)
    return schema
