"""The runs of an experiment, and their description in words and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf.config import parse_yaml
from cman_tf.evaluation.averages import mean_sd
from cman_tf.evaluation.scorer import ITEMS

# Name, metrics and configuration of a run.
NamedRun = tuple[str, dict[str, Any], dict[str, Any]]


def runs_of(folder: Path) -> list[NamedRun]:
    """The runs of one experiment, in order: list of `(name, metrics, configuration)`."""
    return [
        (path.parent.name, json.loads(path.read_text()), parse_yaml((path.parent / "config.yaml").read_text()))
        for path in sorted(folder.glob("*/metrics.json"))
    ]


def spread(values: Sequence[float]) -> str:
    """Mean and, for several values, standard deviation."""
    found = mean_sd(values)
    return f"{found['mean']:.2f}" + ("" if found["sd"] is None else f" ± {found['sd']:.2f}")


def f1_cells(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """F1 of entities and of relations over runs, in percent, from one `{"entities", "relations"}` of each."""
    return [spread([100 * scores[item]["f1"] for scores in found]) for item in ITEMS]


def strict(runs: Sequence[NamedRun], split: str | None = None) -> list[str]:
    """Strict micro F1 of entities and of relations over runs, in percent, on dev or (default) the split of the runs."""
    return f1_cells([(metrics[split] if split else metrics)["strict"]["micro"] for _, metrics, _ in runs])


def in_folds(runs: Sequence[NamedRun]) -> bool:
    """Whether the runs are folds of a cross-validation, whose test sentences differ."""
    return "-fold" in runs[0][0]


def corpus(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Corpus of a run; CoNLL04 with its public split: `conll04 (spert)`."""
    return f"conll04 ({config['corpus']['variant']})" if metrics["corpus"] == "conll04" else metrics["corpus"]


def units(runs: Sequence[NamedRun]) -> str:
    """Number of seeds and folds, in words."""
    seeds = {name.partition("-")[0] for name, *_ in runs}
    text = f"{len(seeds)} seed{'s' * (len(seeds) > 1)}"
    return text if len(seeds) == len(runs) else f"{text}, {len(runs)} folds"


def encoders(config: Mapping[str, Any]) -> str:
    """The contextual encoders of a run, in words."""
    encoder = config.get("encoder", {})
    if not encoder.get("modules"):
        return "no contextual encoder"
    names = " and ".join(Path(name).name for name in encoder["modules"])
    return f"{'fine-tuned' if encoder['trainable'] else 'frozen'} encoder{'s' * (' and ' in names)}: {names}"


def start(config: Mapping[str, Any]) -> str | None:
    """The experiment or shipped model that a run starts from, such as `sample/best_frozen` or `news`, or None."""
    path = config.get("start_from")
    return "/".join(Path(path).parts[2:-1]) or path if path else None  # runs/reproduce/EXPERIMENT/seedN


def protocol(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Protocol of a run, with any other corpus that it learnt from: `train+dev+sample`."""
    others = [config["corpus"].get("extra"), (start(config) or "").partition("/")[0]]
    return "+".join([metrics["protocol"], *(name for name in others if name and name != metrics["corpus"])])
