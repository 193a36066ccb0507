"""From a configuration to a trained, evaluated run folder."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.config import RESUMABLE, change, get, save
from cman_tf.config.fields import MOST_PROJECTIONS
from cman_tf.data import corpora
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.errors import InputError, printable
from cman_tf.model.network import Network
from cman_tf.training import callbacks, distribution
from cman_tf.training.corpus import headlines, load_corpus, schema_of, training_data, with_epochs
from cman_tf.training.origin import fingerprint
from cman_tf.training.results import score_run
from cman_tf.training.run import Run
from cman_tf.training.starting import copy_weights, known_words, starting_network
from cman_tf.training.teaching import fingerprint as fingerprint_of
from cman_tf.training.teaching import teacher_of
from cman_tf.training.trainer import Trainer

if TYPE_CHECKING:
    import tensorflow as tf

    from cman_tf.config import Config
    from cman_tf.data.document import Document
    from cman_tf.training.progress import TrainingProgress


def train(
    config: Config | None,
    path: str | Path,
    resuming: bool = False,
    progress: Callable[[int], TrainingProgress] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    moved: Mapping[str, Any] | None = None,
    allow_encoders: Sequence[str] = (),
) -> tuple[Run, dict[str, Any] | None, list[Document]] | None:
    """Train a network and score it on the corpus's test split, if it has one.

    Args:
        config: `Config`; ignored when resuming.
        path: str or path. The run folder.
        resuming: bool. Whether to resume the run in `path`.
        progress: callable that takes the number of epochs and returns a `TrainingProgress`, or None. With it, a new
            run first prints what may be wrong in the user's own corpus, on standard error.
        strategy: `tf.distribute.Strategy` or None, see `cman_tf.training.distribution`.
        moved: dict or None. When resuming, files that were moved, see `resume`.
        allow_encoders: sequence of str. For the run that is resumed or that the training starts from, see `Run`.

    Returns:
        `(run, metrics, predictions)`: `Run`; the content of `metrics.json` and the predicted test documents, or None
        and an empty list if there is neither a test nor a dev split. None for a worker other than the chief: only the
        chief writes the run folder and scores the network.
    """
    with distribution.own_folder(strategy, path, resuming) as folder, distribution.scope(strategy):
        run, network, corpus = (
            resume(folder, moved, allow_encoders) if resuming else begin(config, folder, allow_encoders)  # type: ignore[arg-type]
        )
        config = network.config
        train, dev = training_data(config, corpus)
        if progress and not resuming:
            for line in headlines(config, train, dev, corpus):
                print(printable(line), file=sys.stderr)
        with progress(config.training.epochs) if progress else contextlib.nullcontext() as shown:
            trainer = Trainer(run, network, train, dev, shown, strategy, allow_encoders)
            trainer.fit()
    if not distribution.is_chief(strategy):
        return None
    if strategy:
        # The trained variables are distributed over the devices of the strategy; scoring uses one device.
        predictor = run.predictor()
    else:
        # The trainer's network and its traced graph, with the weights of the best epoch.
        run.load_weights(network)
        predictor = trainer.predictor
    return (run, *score_run(run, corpus, train, dev, predictor))


def begin(config: Config, path: str | Path, allow_encoders: Sequence[str] = ()) -> tuple[Run, Network, corpora.Corpus]:
    """Create a run folder with everything but weights: configuration, labels, vocabulary.

    Args:
        config: `Config`.
        path: str or path, a new or empty folder.
        allow_encoders: sequence of str. For the run that the training starts from, see `Run`.

    Returns:
        `(run, network, corpus)`: what `Trainer` needs.
    """
    Run.check_new(path)
    callbacks.check(config)
    config = _with_absolute_places(config)
    corpus = load_corpus(config, splits=("train",))
    train, dev = training_data(config, corpus)
    config = with_epochs(config, len(train))
    schema = schema_of(train, corpus)
    teacher = teacher_of(config, schema, allow_encoders)
    source = starting_network(config, allow_encoders)
    vocabulary, vectors = Vocabulary.of(train, config.words, known_words(source) if source else None)
    if vectors is not None:
        config = change(config, {"words.size": vectors.shape[1]})
    encoders, allowed = None, tuple(allow_encoders)
    if config.encoder.modules:
        # tensorflow-hub and tensorflow-text take seconds to import.
        from cman_tf.encoders.combined import Encoders
        from cman_tf.encoders.feature_store import FeatureStore

        if source and source.encoders and _names(source.config) == _names(config):
            if source.config.encoder.trainable and not config.encoder.trainable:
                raise InputError(
                    "A run that starts from one that trained its encoders must train them too: `encoder.trainable`. "
                    f"Received: `start_from` {config.start_from}"
                )
            encoders = source.encoders  # they were checked
        else:
            encoders = Encoders(config.encoder.modules)
            allowed += config.encoder.modules  # the user's configuration, not a run's
        for encoder in encoders.encoders if not config.encoder.trainable else ():
            # Raises for a store that cannot be written, before the run folder exists.
            FeatureStore(encoder, config.encoder.store, config.encoder.store_gb)
    network = Network.build(config, schema, vocabulary, encoders, vectors)
    if config.model.relation_projection == "auto" and network.config.model.relation_projection == "shared":
        print(
            f"All {len(schema.relation_types)} relation types share one hidden layer, because there are more than "
            f"{MOST_PROJECTIONS}. For one per type, as in the paper, use --model.relation_projection per_relation",
            file=sys.stderr,
        )
    if source:
        share = copy_weights(source, network)
        print(f"Starting from {config.start_from}: {share:.0%} of the weights beside words fit", file=sys.stderr)
    origin = {"teacher_sha256": fingerprint_of(teacher)} if teacher else {}
    run = Run.create(path, network, fingerprint(train, dev), **origin)
    run.allow_encoders = allowed
    return run, network, corpus


def _names(config: Config) -> list[str]:
    from cman_tf.encoders.choosing import encoder_name

    return [encoder_name(module) for module in config.encoder.modules]


def resume(
    path: str | Path, moved: Mapping[str, Any] | None = None, allow_encoders: Sequence[str] = ()
) -> tuple[Run, Network, corpora.Corpus]:
    """Open the folder of an unfinished run, to continue its training.

    Args:
        path: str or path. The run folder.
        moved: dict of the dotted config fields that may change (`RESUMABLE`), such as files that were moved, or None.
            The run keeps them. Other fields must have the values of the run.
        allow_encoders: sequence of str, see `Run`. Encoders of `moved` are allowed.

    Returns:
        `(run, network, corpus)`, as from `begin`.

    Raises:
        InputError: if another field has a new value, or the corpus, the word vectors or an encoder is not the one that
            the run began with.
    """
    moved = dict(moved or {})
    run = Run.open(path, trained=False, allow_encoders=allow_encoders)
    run.refuse_ensemble("--resume")
    run.remove_leftovers()
    kept, config = run.config(), run.config(moved)
    for name in moved:
        automatic = name == "training.epochs" and get(config, name) == 0
        if name not in RESUMABLE and get(config, name) != get(kept, name) and not automatic:
            raise InputError(
                f"A resumed run keeps its configuration: `{name}` is {get(kept, name)} in {path}. Received: "
                f"{get(config, name)}"
            )
    callbacks.check(config)
    config = _with_absolute_places(config)
    corpus = load_corpus(config, splits=("train",))
    train, dev = training_data(config, corpus)
    began, now = run.environment().get("corpus_sha256"), fingerprint(train, dev)
    if now != began:
        raise InputError(
            f"Cannot resume {path}: the train or dev sentences of {config.corpus.name} changed. `corpus_sha256` was "
            f"{began}, is now {now}"
        )
    # A finished run is only scored, without its teacher.
    teacher = None if run.finished() else teacher_of(config, run.schema(), allow_encoders)
    if teacher and fingerprint_of(teacher) != run.environment().get("teacher_sha256"):
        raise InputError(
            f"Cannot resume {path}: the weights of its teacher, {config.training.teacher}, changed. Restore them, or "
            "begin a new run"
        )
    # Not the weights that training gave the encoders: those are in the checkpoint.
    places = {name: get(config, name) for name in RESUMABLE if name != "encoder.modules" or name in moved}
    network = run.network(places, trained=False)
    # A run that was killed in its first epoch has nothing else to start from.
    untrained = run.checkpoint() is None and not run.finished()
    source = starting_network(config, allow_encoders) if untrained else None
    if source:
        copy_weights(source, network)
    elif config.words.vectors and untrained:
        vocabulary, vectors = Vocabulary.of(train, config.words)
        for number, (old, new) in enumerate(zip_longest(network.vocabulary.words, vocabulary.words), 1):
            if old != new:
                raise InputError(
                    f"Cannot resume {path}: the words of `words.vectors`, {config.words.vectors}, changed. Word "
                    f"{number} was {old!r}, is now {new!r}"
                )
        network.start_vectors(vectors)  # type: ignore[arg-type]
    # Last: a refused run keeps its configuration.
    if config != kept:
        save(config, run.path / "config.yaml")
    return run, network, corpus


def _with_absolute_places(config: Config) -> Config:
    """The same configuration with corpus folders that do not depend on the current folder."""
    places = {"corpus.data_dir": config.corpus.data_dir}
    for field in ("corpus.name", "corpus.extra"):
        if get(config, field) not in corpora.NAMES:
            places[field] = get(config, field)
    for field in ("start_from", "training.teacher"):
        places[field] = get(config, field)
    found = {name: os.path.abspath(os.path.expanduser(place)) for name, place in places.items() if place is not None}
    # A name that is not a folder stays as given, for the error message.
    return change(config, {name: place for name, place in found.items() if os.path.isdir(place)})
