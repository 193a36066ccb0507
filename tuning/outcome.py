"""Results of a search: its trials, the retrained finalists and `best.yaml`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cman_tf import config as configs
from cman_tf.evaluation.averages import mean_sd
from cman_tf.files import atomic_write
from tuning import OBJECTIVES
from tuning.folder import check_there
from tuning.hypermodel import scores_of

if TYPE_CHECKING:
    from tuning.hypermodel import CmanHyperModel
    from tuning.keras2 import keras_tuner
    from tuning.space import Space

# Id of the finalist that is the configuration given as --config.
BASE = "base"

# File in a trial's folder with its duration and memory.
COSTS = "costs.json"


def trials_of(oracle: keras_tuner.Oracle, space: Space) -> list[dict[str, Any]]:
    """All trials in the order of their start.

    Args:
        oracle: oracle from `make_oracle`.
        space: `Space`.

    Returns:
        list of dict: `id`, `status`, `values`, `epochs`, `val_f1`, `val_re_f1`, `val_ner_f1` (None if it failed),
        `reason` (of a failure), `seconds` in total, `training_seconds` of these, and `peak_memory_mb` of the process.
    """
    rows = []
    for name in oracle.start_order:
        trial = oracle.trials[name]
        values = trial.hyperparameters.values
        costs = Path(oracle._get_trial_dir(name)) / COSTS
        found = dict.fromkeys(OBJECTIVES)
        if trial.status == "COMPLETED":
            found = {key: trial.metrics.get_best_value(key) for key in OBJECTIVES}
        rows.append(
            {
                "id": name,
                "status": trial.status,
                "values": {key: value for key, value in values.items() if not key.startswith("tuner/")},
                "epochs": space.config(values, values.get("tuner/epochs")).training.epochs,
                **found,
                "reason": reason(trial.message),
                **(json.loads(costs.read_text()) if costs.is_file() else {}),
            }
        )
    return rows


def named(name: str) -> str:
    """Name of a finalist in texts."""
    return "the base configuration" if name == BASE else f"trial {name}"


def reason(message: str | None) -> str | None:
    """Why a trial failed: the last line of the traceback that Keras Tuner keeps, or None without a traceback."""
    if not message:
        return None
    return message.strip().splitlines()[-1].replace("keras_tuner.src.errors.FailedTrialError: ", "")


def finalists(trials: Sequence[dict[str, Any]], objective: str, count: int) -> list[dict[str, Any]]:
    """The best trials with distinct values; of trials with the same values, the one that trained longest."""
    longest: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial["status"] == "COMPLETED":
            key = json.dumps(trial["values"], sort_keys=True)
            if key not in longest or trial["epochs"] >= longest[key]["epochs"]:
                longest[key] = trial
    # Scores after few epochs are not comparable with scores after many.
    most = max((trial["epochs"] for trial in longest.values()), default=0)
    ranked = sorted(longest.values(), key=lambda trial: (trial["epochs"] < most, -trial[objective]))
    return ranked[:count]


def retrain(
    hypermodel: CmanHyperModel,
    chosen: Sequence[Mapping[str, Any]],
    objective: str,
    seeds: int,
    folder: str | Path,
) -> list[dict[str, Any]]:
    """Train each finalist with several seeds for all epochs; finished trainings are not repeated.

    Args:
        hypermodel: `CmanHyperModel`.
        chosen: list of dict from `finalists`.
        objective: str.
        seeds: int. Number of seeds.
        folder: path. Folder of the search; the runs are in `FOLDER/finalists/TRIAL/seedN`.

    Returns:
        list of dict, best first: `id`, `values`, `scores` (one for each seed), `mean`, `sd` (None for one seed).
    """
    rows = []
    for trial in chosen:
        scores = []
        for seed in range(1, seeds + 1):
            config = configs.change(hypermodel.space.config(trial["values"]), {"seed": seed})
            try:
                history = hypermodel.train_run(config, Path(folder) / "finalists" / trial["id"] / f"seed{seed}")
            finally:
                check_there(folder)
            scores.append(scores_of(history)[objective])
            print(f"finalist, {named(trial['id'])}, seed {seed}: {objective} {100 * scores[-1]:.2f}")
        rows.append(
            {
                "id": trial["id"],
                "values": trial["values"],
                "scores": scores,
                **mean_sd(scores),
            }
        )
    return sorted(rows, key=lambda row: -row["mean"])


def write_best(path: str | Path, space: Space, best: Mapping[str, Any], objective: str) -> None:
    """Write the configuration of the best finalist, with its score in a comment.

    Args:
        path: path of the YAML file.
        space: `Space`.
        best: dict, the first of `retrain`.
        objective: str.
    """
    spread = f" ± {100 * best['sd']:.2f}" if best["sd"] is not None else ""
    config = configs.to_dict(space.config(best["values"]))
    with atomic_write(path) as file:
        file.write(
            f"# Chosen by cman search: {named(best['id'])}, dev {objective} {100 * best['mean']:.2f}{spread}\n"
            f"# over {len(best['scores'])} seed{'s' * (len(best['scores']) > 1)}; see search.json and report.html.\n"
        )
        yaml.safe_dump(config, file, sort_keys=False, allow_unicode=True)
