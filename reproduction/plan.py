"""The experiments of `experiments.yaml` and their trainings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cman_tf import config as configs
from cman_tf.errors import check_choice
from cman_tf.training.jobs import Job

_FILE = Path(__file__).with_name("experiments.yaml")


@dataclass(frozen=True)
class Experiment:
    """Runs that differ only in seed or fold: one row of a table.

    Args:
        name: str. Folder below `results/`.
        about: str. Description.
        config: str. Name or file of a configuration; empty with `members`.
        changes: dict of dotted config fields to values. `{seed}` in a string is replaced with the seed.
        seeds: tuple of int.
        folds: tuple of int, empty for a corpus without folds.
        minutes: float. Measured time of one job on an idle machine with two processors and stored vectors.
        members: str. Name of the experiment whose runs are one ensemble, which has no training of its own; or empty.
    """

    name: str
    about: str
    config: str
    changes: dict
    seeds: tuple
    folds: tuple = ()
    minutes: float = 0.0
    members: str = ""


def experiments(path: str | Path = _FILE) -> dict[str, Experiment]:
    """The experiments of a file in the order in which they run, a dict of names to `Experiment`."""
    listed = configs.parse_yaml(Path(path).read_text(encoding="utf-8"))
    return {
        name: Experiment(
            name,
            values["about"],
            values.get("config", ""),
            values.get("changes", {}),
            tuple(values["seeds"]),
            tuple(values.get("folds", ())),
            values["minutes"],
            values.get("members", ""),
        )
        for name, values in listed.items()
    }


def choose(names: Sequence[str], known: Mapping[str, Experiment]) -> list[Experiment]:
    """Select experiments by name or prefix, e.g. `conll04` for all of `conll04/...`, an ensemble with its members.

    Args:
        names: sequence of str, empty for all.
        known: dict of `Experiment`.

    Returns:
        list of `Experiment`.

    Raises:
        InputError: if a name matches no experiment.
    """
    chosen = {}
    for name in names or known:
        found = {key: value for key, value in known.items() if key == name or key.startswith(f"{name.rstrip('/')}/")}
        if not found:
            check_choice("An experiment", name, known)
        for key, value in found.items():
            if value.members:
                chosen[value.members] = known[value.members]
            chosen[key] = value
    return list(chosen.values())


def jobs(
    chosen: Iterable[Experiment], seeds: Sequence[int] | None = None, changes: Mapping[str, Any] | None = None
) -> list[Job]:
    """The trainings of experiments.

    Args:
        chosen: sequence of `Experiment`.
        seeds: sequence of int, or None for those of each experiment.
        changes: dict of dotted config fields, e.g. `{"corpus.data_dir": "corpora"}`, on top of the experiment's.

    Returns:
        list of `Job`.
    """
    result = []
    for experiment in chosen:
        if experiment.members:
            continue
        for seed in seeds or experiment.seeds:
            # A corpus without folds has one job per seed.
            for fold in experiment.folds or (None,):
                own = {
                    name: value.replace("{seed}", str(seed)) if isinstance(value, str) else value
                    for name, value in experiment.changes.items()
                }
                fields = {**own, **(changes or {}), "seed": seed}
                suffix = ""
                if fold is not None:
                    fields["corpus.fold"] = fold
                    suffix = f"-fold{fold}"
                config = configs.load(experiment.config, fields)
                result.append(Job(f"{experiment.name}/seed{seed}{suffix}", config, experiment.minutes))
    return result
