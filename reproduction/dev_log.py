"""docs/relations.md: the experiments on the dev split, one change at a time, from the folders of their runs."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS
from cman_tf.files import atomic_write
from cman_tf.training.run import Run
from cman_tf.training.trainer import best_epoch
from reproduction import markdown

PLACE = re.compile("<!-- (table|scores|lengths|thresholds|kinds|unsure) (.+) -->\n")


def write_log(folder: str | Path, path: str | Path) -> str | Path:
    """Write the page: the text of `notes.md`, with a table in the place of each comment `<!-- KIND NAME -->`.

    Kinds: `table` of the runs and `scores` of the evaluations in a group; `lengths`, `thresholds` and `kinds` of a
    file of `reproduction.long_sentences`; `unsure` of the files of `reproduction.unsure` in a group.

    Args:
        folder: path. Contains `notes.md` and a folder for each group: with one for each run, ordered by name, with its
            `config.yaml`, `environment.json` and `history.csv`; or with files of `cman evaluate --json`.
        path: path of the page.

    Returns:
        path of the page.
    """
    notes = (Path(folder) / "notes.md").read_text(encoding="utf-8")
    with atomic_write(path) as file:
        file.write(PLACE.sub(lambda found: TABLES[found[1]](Path(folder) / found[2]), notes))
    return path


def table(folder: str | Path) -> str:
    """A Markdown table with a row for each run: its changes to the first run, its commit and its dev F1 in percent.

    If the folders contain one run for each seed, see `seeds_table`.

    Raises:
        InputError: if a run was trained on dev too.
    """
    rows = {path.name: _runs(path) for path in sorted(Path(folder).iterdir()) if path.is_dir()}
    base = next(iter(rows.values()))[0]
    if any(len(runs) > 1 for runs in rows.values()):
        return seeds_table(rows)
    shown = []
    for name, [run] in rows.items():
        scores = [f"{score:.2f}" for score in run.scores]
        shown.append([name, changes(base.config, run.config, run.tried), run.commit, run.epochs, *scores])
    head = ["", "What is different", "Commit", "Epochs", "Entities", "Relations", "Relations, last epoch"]
    return "\n".join(markdown.table(head, shown, "lll")) + "\n"


def seeds_table(rows: Mapping[str, Sequence[_Scored]]) -> str:
    """A Markdown table of means and standard deviations over seeds, and differences of the means to the first row's."""
    base = next(iter(rows.values()))
    shown = []
    for name, runs in rows.items():
        row = [name, changes(base[0].config, runs[0].config, runs[0].tried), runs[0].commit, runs[0].epochs, len(runs)]
        for item in (0, 1):
            values, before = ([run.scores[item] for run in group] for group in (runs, base))
            mean = statistics.mean(values)
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            row += [f"{mean:.2f}{spread}", "" if runs is base else f"{mean - statistics.mean(before):+.2f}"]
        shown.append(row)
    head = ["", "What is different", "Commit", "Epochs", "Runs", "Entities", "Difference", "Relations", "Difference"]
    return "\n".join(markdown.table(head, shown, "lll")) + "\n"


class _Scored(NamedTuple):
    """A run of the log. `scores`: entities and relations of the best epoch, relations of the last one, in percent.
    `tried`: fields that only its commit has."""

    config: configs.Config
    tried: dict[str, Any]
    commit: str
    epochs: int
    scores: tuple[float, float, float]


def _runs(folder: Path) -> list[_Scored]:
    """The run in a folder, or those in its subfolders."""
    return [_run(path.parent) for path in sorted(folder.glob("**/config.yaml"))]


def _run(path: Path) -> _Scored:
    run = Run(path)
    values = configs.parse_yaml((path / "config.yaml").read_text(encoding="utf-8"))
    history = run.history()
    if any(row["dev_re_f1"] is None for row in history):
        raise InputError(f"A run of the log must be scored on dev. Received: {path}, with protocol train+dev")
    best = best_epoch(history)
    scores = (100 * best["dev_ner_f1"], 100 * best["dev_re_f1"], 100 * history[-1]["dev_re_f1"])
    commit = (run.environment().get("git_commit") or "-")[:7]
    tried = _take_unknown(values, configs.to_dict(configs.Config()))
    return _Scored(configs.from_dict(values, str(path)), tried, commit, len(history), scores)


def _take_unknown(values: dict[str, Any], known: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Remove the fields of a configuration that are not known, and return them with their dotted names."""
    taken = {f"{prefix}{name}": values.pop(name) for name in sorted(set(values) - set(known))}
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(known[name], dict):
            taken |= _take_unknown(value, known[name], f"{prefix}{name}.")
    return taken


def scores(folder: Path) -> str:
    """F1 in percent from each file of `cman evaluate --json` in a folder."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["split"] != "dev":
            raise InputError(f"Scores of the log must be those of dev. Received: {path}, those of {found['split']}")
        micro = found["strict"]["micro"]
        rows.append([path.stem.replace("_", ", threshold "), *(f"{100 * micro[item]['f1']:.2f}" for item in ITEMS)])
    return "\n".join(markdown.table(["", "Entities", "Relations"], rows)) + "\n"


def lengths(path: Path) -> str:
    """Scores of relations by tokens in the sentence, and how many candidates there are; rates in percent."""
    views = json.loads(path.read_text(encoding="utf-8"))["scores"]
    rows = []
    for name, scores in views["0.5"].items():
        sentences = views["sentences"][name]["gold"]
        each = [f"{views[view][name]['gold'] / sentences:.1f}" for view in ("0.5", "candidates")]
        rates = [scores["precision"], scores["recall"], scores["f1"]]
        rates += [views[view][name]["f1"] for view in ("right ends", "between 0", "between 1", "between 2", "entities")]
        rows.append([name, sentences, *each, *(f"{100 * rate:.1f}" for rate in rates)])
    head = ["Tokens", "Sentences", "Relations in each", "Candidates in each", "Precision", "Recall", "F1"]
    head += ["F1, right ends", "no entity between", "one", "two and more", "Entities F1"]
    return "\n".join(markdown.table(head, rows)) + "\n"


def thresholds(path: Path) -> str:
    """F1 of relations in percent at each threshold, by tokens in the sentence."""
    views = json.loads(path.read_text(encoding="utf-8"))["scores"]
    names = [name for name in views if name[0].isdigit()]
    rows = [[name, *(f"{100 * scores['f1']:.1f}" for scores in views[name].values())] for name in names]
    return "\n".join(markdown.table(["Threshold", *views["0.5"]], rows)) + "\n"


def kinds(path: Path) -> str:
    """Errors in long sentences by kind."""
    found = json.loads(path.read_text(encoding="utf-8"))["kinds"]
    rows = [[name, *numbers.values()] for name, numbers in found.items()]
    rows.append(["all", *(sum(column) for column in zip(*(numbers.values() for numbers in found.values())))])
    return "\n".join(markdown.table(["Kind", "Missed", "Spurious"], rows)) + "\n"


def unsure(folder: Path) -> str:
    """F1 in percent, means over runs, without the entities below each threshold: entities / relations."""
    groups = {path.stem: json.loads(path.read_text(encoding="utf-8"))["runs"] for path in sorted(folder.glob("*.json"))}
    first = next(iter(groups.values()))
    rows = []
    for threshold in first[0]:
        found = ([statistics.mean(run[threshold][item] for run in runs) for item in ITEMS] for runs in groups.values())
        rows.append([threshold, *(" / ".join(f"{100 * value:.2f}" for value in means) for means in found)])
    heads = (f"{name}, {len(runs)} run{'s' * (len(runs) > 1)}" for name, runs in groups.items())
    return "\n".join(markdown.table(["Entity threshold", *heads], rows)) + "\n"


TABLES = {
    "table": table,
    "scores": scores,
    "lengths": lengths,
    "thresholds": thresholds,
    "kinds": kinds,
    "unsure": unsure,
}


def changes(base: configs.Config, config: configs.Config, tried: Mapping[str, Any] | None = None) -> str:
    """The fields that differ between two configurations and affect the scores, and the `tried` ones, as text."""
    # The corpora have tokens, so their runs are the same with any tokenizer.
    elsewhere: tuple[str, ...] = ("corpus.data_dir", "words.tokenizer", "encoder.store", "training.epochs")
    if (base.model.relation_projection, config.model.relation_projection) == ("auto", "per_relation"):
        elsewhere += ("model.relation_projection",)  # the public corpora have few types
    found = [name for name in configs.different(base, config) if name not in elsewhere]
    values = {name: configs.get(config, name) for name in found} | dict(tried or {})
    return ", ".join(f"`{name}: {value}`" for name, value in values.items()) or "(the same)"
