"""The corpus of a configuration, its training data and their schema."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.config import change
from cman_tf.config.fields import LEAST_EPOCHS, LEAST_SEEN, MOST_EPOCHS
from cman_tf.data import checks, corpora
from cman_tf.data.formats.reading import located
from cman_tf.data.schema import Schema
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.document import Document


def load_corpus(config: Config, splits: Collection[str] = ("train", "dev", "test"), **changes: Any) -> corpora.Corpus:
    """The corpus of a configuration, see `cman_tf.data.corpora.load`; `changes` replace its arguments."""
    return corpora.load(config.corpus.name, splits=splits, **{**_options(config), **changes})


def _options(config: Config) -> dict[str, Any]:
    """How corpora are read, the same for `corpus.name` and `corpus.extra`."""
    names = ("variant", "fold", "overlap", "data_dir", "language")
    return {"tokenizer": config.words.tokenizer, **{name: getattr(config.corpus, name) for name in names}}


def training_data(config: Config, corpus: corpora.Corpus) -> tuple[list[Document], list[Document]]:
    """Training and dev sentences under the configuration's protocol; those of `corpus.extra` are for training."""
    train, dev = list(corpus.splits["train"]), list(corpus.splits.get("dev", ()))
    extra = _extra(config)
    if config.protocol == "train+dev":
        return [*train, *dev, *extra], []
    if not dev:
        raise InputError(
            "Protocol train needs a dev split to choose the epoch; without one use --protocol train+dev. "
            f"Received: {config.corpus.name} without dev"
        )
    return [*train, *extra], dev


def with_epochs(config: Config, sentences: int) -> Config:
    """The configuration with the number of epochs that `training.epochs: 0` stands for."""
    if config.training.epochs:
        return config
    return change(config, {"training.epochs": min(max(LEAST_EPOCHS, -(-LEAST_SEEN // max(sentences, 1))), MOST_EPOCHS)})


def _extra(config: Config) -> list[Document]:
    """All sentences of the further corpus, if there is one."""
    name = config.corpus.extra
    if not name:
        return []
    if name == config.corpus.name:
        raise InputError(
            "`corpus.extra` must be another corpus than `corpus.name`, whose test sentences are not for training. "
            f"Received: {name} for both"
        )
    found = corpora.load(name, splits=("train",), **_options(config))
    return [document for documents in found.splits.values() for document in documents]


def headlines(config: Config, train: Sequence[Document], dev: Sequence[Document], corpus: corpora.Corpus) -> list[str]:
    """What a user should look at in their own corpus before training: at most three lines.

    The public corpora and the sample have none: their annotation is given.
    """
    name = config.corpus.name
    if name in corpora.NAMES:
        return []
    splits = {"train": train, "dev": dev, "test": corpus.splits.get("test", ())}
    lines = [f"Corpus: {line}" for line in checks.headlines({split: part for split, part in splits.items() if part})]
    language = config.corpus.language
    options = "" if language == "en" else f" --language {shlex.quote(language)}"
    return lines and [*lines[:-1], f"{lines[-1]}. See cman data check {shlex.quote(name)}{options}"]


def schema_of(train: Sequence[Document], corpus: corpora.Corpus) -> Schema:
    """The schema of the training sentences; the other splits, which are scored, must fit it."""
    with located(f"the training sentences of {corpus.name}"):
        schema = Schema.of(train)
    for split, documents in corpus.splits.items():
        with located(f"{split} of {corpus.name}"):
            for document in documents:
                schema.check(document)
    return schema
