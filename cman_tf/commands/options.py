"""Options that several commands have: a run, a corpus, seed and protocol, and every config field."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, get_args

import yaml

from cman_tf import config as configs
from cman_tf.commands import field_texts


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the argument `RUN`, and `--allow-encoder`."""
    parser.add_argument("run", metavar="RUN", help="run folder, written by cman fit")
    add_allow_encoder(parser)


def add_allow_encoder(parser: argparse.ArgumentParser) -> None:
    """Add `--allow-encoder`, for commands that load a run."""
    parser.add_argument(
        "--allow-encoder",
        metavar="PATH",
        action="append",
        default=[],
        help="folder or address of an encoder of the run that you trust; may be repeated (default: encoders are loaded "
        "from the folder of encoders only)",
    )


def add_corpus(parser: argparse.ArgumentParser, default: str) -> None:
    """Add `--corpus` and `--data-dir`.

    Args:
        parser: `ArgumentParser`.
        default: str. Whose corpus is the default: `"the configuration's"` or `"the run's"`.
    """
    parser.add_argument(
        "--corpus",
        metavar="NAME|FOLDER",
        dest="corpus.name",
        help=f"sample, conll04, ade, or a folder with the files train, dev and test (default: {default})",
    )
    parser.add_argument(
        "--data-dir",
        metavar="FOLDER",
        dest="corpus.data_dir",
        help=f"directory with the public corpora (default: {default}, else $CMAN_TF_DATA, else downloaded)",
    )


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add `--corpus`, `--data-dir`, `--seed`, `--protocol`, and an option for each config field."""
    add_corpus(parser, "the configuration's")
    parser.add_argument(
        "--start-from", "--start_from", metavar="RUN", dest="start_from", help=field_texts.option_help("start_from")
    )
    parser.add_argument("--seed", metavar="N", help=field_texts.option_help("seed"))
    parser.add_argument("--protocol", metavar="train|train+dev", help=field_texts.option_help("protocol"))
    add_config_options(parser)


def add_config_options(parser: argparse.ArgumentParser, sections: Sequence[str] | None = None) -> None:
    """Add an option for each config field, named as in the file: `--model.hidden_size 64`.

    Args:
        parser: `ArgumentParser`.
        sections: names of the sections to offer, for a command whose defaults are those of a run. Default: all.
    """
    source = "the defaults are those of the run" if sections else "the defaults apply to fields missing from it"
    group = parser.add_argument_group("config fields", f"named as in a configuration file; {source}")
    for name, kind, *_ in configs.all_fields():
        section = name.split(".")[0]
        if (sections is None or section in sections) and "." in name:
            text = field_texts.option_help(name, with_default=not sections)
            group.add_argument(f"--{name}", metavar=field_texts.metavar(kind), dest=name, help=text.replace("%", "%%"))


def preset_of(changes: dict[str, Any]) -> str:
    """Name of the preset for the corpus in `changes`: its own, `own` for a folder, `sample` without a corpus."""
    # Imports what downloads corpora.
    from cman_tf.data import corpora

    corpus = changes.get("corpus.name", "sample")
    return corpus if corpus in corpora.NAMES else "own"


def configuration(name: str | None, changes: dict[str, Any], default: str) -> configs.Config:
    """The configuration of a training.

    Args:
        name: str or None. That of `--config`.
        changes: dict of dotted config fields. With `start_from` and without `name`, the configuration is that of the
            run, with the training of the preset `start`.
        default: str. Name of the configuration if there are neither.
    """
    if name or not changes.get("start_from"):
        return configs.load(name or default, changes)
    # Opening a run imports TensorFlow.
    from cman_tf.encoders.choosing import encoder_name
    from cman_tf.training.run import Run

    training = configs.to_dict(configs.load("start"))["training"]
    fresh: dict[str, Any] = {
        "corpus": configs.to_dict(configs.Config())["corpus"],
        "training": training,
        "start_from": None,
    }
    kept = Run.open(changes["start_from"]).config()
    # The run says which encoders, not where they are: see `cman_tf.encoders.choosing`.
    fresh["encoder.modules"] = [encoder_name(module) for module in kept.encoder.modules]
    config = configs.change(kept, {**fresh, "words.vectors": None})
    return configs.change(config, changes)


def overrides(args: argparse.Namespace) -> dict[str, Any]:
    """Config fields given on the command line: dict of dotted names to values."""
    given = {name: (getattr(args, name, None), kind) for name, kind, *_ in configs.all_fields()}
    return {name: _value(text, kind) for name, (text, kind) in given.items() if text is not None}


def _value(text: str, kind: Any) -> Any:
    if "tuple" in str(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    # Only numbers and switches are read as YAML: a folder may be named 2024 or no.
    if kind not in (int, float, bool):
        # An empty text takes back an optional value of the preset.
        return text or (None if type(None) in get_args(kind) else text)
    try:
        return configs.parse_yaml(text)
    except yaml.YAMLError:
        return text
