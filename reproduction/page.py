"""docs/results.md: the figures of all runs, from the files that they wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.evaluation.scorer import ITEMS
from cman_tf.files import atomic_write
from reproduction import ablations, markdown, published
from reproduction.plan import jobs
from reproduction.runs import encoders, protocol, runs_of, strict
from reproduction.sections import experiment

if TYPE_CHECKING:
    from reproduction.plan import Experiment

INTRODUCTION = """# Results

`python -m reproduction --tables` makes this page from the files in `results/`; the same command without `--tables`
trains the runs. F1 is strict and micro-averaged on the test split, in percent, unless a row says otherwise: an entity
is correct if its boundaries and its type are, a relation if its type and both entities are. Figures with ± are mean and
standard deviation over seeds or folds. Published rows are from the paper, which does not state their protocols. The
paper's network uses ELMo. No row of this project does: each names its encoder.

The encoder is not the only difference. All rows of this project start relations from a prior, sample pairs in training,
average weights and train for 10 to 30 epochs instead of 180. Those with an encoder also give the pair scorer the tokens
between both ends (`pair_context`). Prior, number of epochs, `pair_context`, sampling with encoders, both thresholds of
`best_frozen` and the start from `sample` were chosen on CoNLL04's dev split. [The log](relations.md) also has the
paper's own setting. Dropout, batch size and schedule are from a prototype that was scored on test; with encoders they
were not varied on dev, and the result of a search for words was not used. MiniLM and ADE use the same settings without
tuning, except for their encoders, epochs and thresholds; ADE's row without label attention was chosen on dev.
"""

COSTS = "Milliseconds, training / prediction", "GB, training / prediction", "MB on disk"
COSTS_TEXT = """Costs are those of a sentence of the corpus, by `python -m benchmarks.costs` on the machine that
`costs.json` names. Training uses stored vectors of frozen encoders, prediction computes them. An ensemble's training is
that of all its members, one after the other. That of a `+sample` row excludes the training on `sample`. GB is the peak
memory of the process, MB the size of the SavedModel with its encoders."""
UNITS = ("seconds", 1000, 0), ("gigabytes", 1, 1)

FEW = """## Few sentences

`python -m reproduction.few`: training on some sentences of a corpus, from the [shipped model](news.md) and from random
weights (the smaller network of the preset `own`, without GloVe), both with the training of the preset `start`; and as
`cman fit --corpus FOLDER` does, with the network and the training of `own`. Strict micro F1 on test, mean and standard
deviation over draws of the sentences.
"""

PICK = """## Picked sentences

`python -m reproduction.pick`: the labels of the training split are hidden. From 50 random sentences on, the sentences
to annotate next are those that `cman data pick` chooses with the network of the round before, or random ones. Training
and scores are as in the table above, from `news`; tokens are those of all training sentences.
"""


def write_page(results: Path, path: Path, known: Mapping[str, Experiment]) -> Path:
    """Write the page, its pictures (`images/` beside it) and `RESULTS/tables.csv`.

    Args:
        results: path. `EXPERIMENT/RUN/` below it hold `metrics.json`, `config.yaml` and `environment.json`.
        path: path of the page.
        known: dict of `Experiment`, the plan.

    Returns:
        path of the page.

    Raises:
        InputError: if the runs of the ablations are not comparable.
    """
    folders = experiment_folders(results, known)
    single = [folder for folder in folders if "ablations" not in folder.parts]
    parts = [INTRODUCTION]
    parts += [overview(single, results)] if single else []
    notes = results / "notes.md"
    parts += [notes.read_text(encoding="utf-8")] if notes.is_file() else []
    # The first of a corpus is the recommended configuration; the breakdowns of the others are in their metrics.json.
    detailed = {folder.parent: folder for folder in reversed(single)}.values()
    parts += [experiment(folder, results, folder in detailed) for folder in single]
    parts += [ablations.table(results), *ablations.figures(results, path.parent / "images")]
    parts += [written(results / "few", FEW), written(results / "pick", PICK)]
    parts += [missing(results, known)]
    markdown.write(path, parts)
    if folders:
        with atomic_write(results / "tables.csv") as file:
            file.write(table(folders, results))
    return path


def experiment_folders(results: Path, known: Mapping[str, Experiment]) -> list[Path]:
    """Folders with runs: in the order of the plan, then any others. Runs on dev have their own page."""
    found = {path.parent.parent for path in results.glob("**/metrics.json")}
    found = {folder for folder in found if folder.relative_to(results).parts[:1] not in (("dev",), ("tuning",))}
    order = [results / name for name in known]
    return sorted(found, key=lambda folder: (order.index(folder) if folder in order else len(order), str(folder)))


def overview(folders: Sequence[Path], results: Path) -> str:
    """A table with a row for each experiment, below the published rows of its corpus."""
    costs = {folder: folder / "costs.json" for folder in folders}
    measured = {folder: json.loads(path.read_text()) for folder, path in costs.items() if path.is_file()}
    head = ["", "Protocol", "Runs", "Contextual encoder", "Entities", "Relations", *(COSTS if measured else ())]
    rows: list[list[object]] = []
    seen = set()
    for folder in folders:
        runs = runs_of(folder)
        _, first, config = runs[0]
        if first["corpus"] not in seen:
            seen.add(first["corpus"])
            for name, scores in published.ROWS.get(first["corpus"], {}).items():
                published_row = [f"*{first['corpus']}: {name}*", "", "", "", *(f"{score:.2f}" for score in scores)]
                rows.append([*published_row, *[""] * (len(head) - len(published_row))])
        name = str(folder.relative_to(results))
        row = [name, protocol(first, config), len(runs), encoders(config), *strict(runs)]
        rows.append([*row, *(cost_cells(measured.get(folder)) if measured else ())])
    return "\n".join(markdown.table(head, rows, "llrl")) + "\n" + (f"\n{COSTS_TEXT}\n" if measured else "")


def cost_cells(found: Mapping[str, Any] | None) -> list[str]:
    """The cells below `COSTS`, from a file of `benchmarks.costs`; empty without one."""
    if not found:
        return [""] * len(COSTS)
    both = found["training"], found["prediction"]
    times, memory = (" / ".join(f"{factor * cost[key]:.{digits}f}" for cost in both) for key, factor, digits in UNITS)
    return [times, memory, f"{found['megabytes']:.0f}"]


def written(folder: Path, introduction: str) -> str:
    """The table that another command wrote to a folder of `results`, below its introduction, if there is one."""
    path = folder / "table.md"
    return f"{introduction}\n{path.read_text(encoding='utf-8')}" if path.is_file() else ""


def missing(results: Path, known: Mapping[str, Experiment]) -> str:
    """The runs of the plan that `results` lacks, with the commands that make them."""
    lines = []
    for name, item in known.items():
        lacking = [job for job in jobs([item]) if not (results / job.name / "metrics.json").is_file()]
        if lacking:
            seeds = ",".join(map(str, sorted({job.config.seed for job in lacking})))
            command = f"python -m reproduction --experiments {name} --seeds {seeds}"
            lines.append(f"- {name}, {item.about}: {len(lacking)} of {len(jobs([item]))} runs are missing. `{command}`")
    return "## Not run yet\n\n" + "\n".join(lines) + "\n" if lines else ""


def table(folders: Sequence[Path], results: Path) -> str:
    """All runs as CSV, percent."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["experiment", "run", "corpus", "split", "protocol", "average", "mode"]
        + [f"{item} {rate}" for item in ("entities", "relations") for rate in ("precision", "recall", "f1")]
    )
    for folder in folders:
        for name, metrics, _ in runs_of(folder):
            for mode in ("strict", "boundaries"):
                for average in ("micro", "macro"):
                    scores = metrics[mode][average]
                    rates = [
                        f"{100 * scores[item][rate]:.2f}" for item in ITEMS for rate in ("precision", "recall", "f1")
                    ]
                    about = [metrics[key] for key in ("corpus", "split", "protocol")]
                    writer.writerow([folder.relative_to(results), name, *about, average, mode, *rates])
    return text.getvalue()
