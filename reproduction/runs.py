"""What lies in the folders of an experiment, and how its runs are told in words and figures."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cman_tf.config import parse_yaml

# Name, metrics and configuration of a run.
NamedRun = tuple[str, dict[str, Any], dict[str, Any]]


def runs_of(folder: Path) -> list[NamedRun]:
    """The runs of one experiment, in order: list of `(name, metrics, configuration)`."""
    return [
        (path.parent.name, json.loads(path.read_text()), parse_yaml((path.parent / "config.yaml").read_text()))
        for path in sorted(folder.glob("*/metrics.json"))
    ]


def spread(values: Sequence[float]) -> str:
    """Mean and, of several values, standard deviation."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def strict(runs: Sequence[NamedRun], item: str, split: str | None = None) -> str:
    """Strict micro F1 of `"entities"` or `"relations"` over runs, in percent; of `"dev"`, or the split they are of."""
    found = [metrics[split] if split else metrics for _, metrics, _ in runs]
    return spread([100 * scores["strict"]["micro"][item]["f1"] for scores in found])


def in_folds(runs: Sequence[NamedRun]) -> bool:
    """Whether the runs are folds of a cross-validation, whose test sentences differ."""
    return "-fold" in runs[0][0]


def corpus(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Corpus of a run, of CoNLL04 with its public split: `conll04 (spert)`."""
    return f"conll04 ({config['corpus']['variant']})" if metrics["corpus"] == "conll04" else metrics["corpus"]


def units(runs: Sequence[NamedRun]) -> str:
    """How many seeds and folds, in words."""
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
