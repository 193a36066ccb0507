"""docs/relations.md: the experiments on the dev split, one change at a time, from the folders of their runs."""

from __future__ import annotations

import re
from pathlib import Path

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from cman_tf.training.run import Run
from cman_tf.training.trainer import best_epoch
from reproduction import markdown

PLACE = re.compile("<!-- table (.+) -->\n")


def write_log(folder: str | Path, path: str | Path) -> str | Path:
    """Write the page: the text of `notes.md` with a table of runs for each `<!-- table GROUP -->`.

    Args:
        folder: path. Contains `notes.md` and a folder for each group, with one for each run, ordered by name, with its
            `config.yaml`, `environment.json` and `history.csv`.
        path: path of the page.

    Returns:
        path of the page.
    """
    notes = (Path(folder) / "notes.md").read_text(encoding="utf-8")
    with atomic_write(path) as file:
        file.write(PLACE.sub(lambda found: table(Path(folder) / found[1]), notes))
    return path


def table(folder: str | Path) -> str:
    """A Markdown table with a row for each run: its changes to the first run, its commit and its dev F1 in percent.

    Raises:
        InputError: if a run was trained on dev too.
    """
    rows = []
    base = None
    for path in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        run = Run(path)
        values = configs.parse_yaml((path / "config.yaml").read_text(encoding="utf-8"))
        config = configs.from_dict(values, str(path))
        base = base or config
        history = run.history()
        if any(row["dev_re_f1"] is None for row in history):
            raise InputError(f"A run of the log must be scored on dev. Received: {path}, with protocol train+dev")
        best = best_epoch(history)
        commit = (run.environment().get("git_commit") or "-")[:7]
        found = (best["dev_ner_f1"], best["dev_re_f1"], history[-1]["dev_re_f1"])
        scores = [f"{100 * score:.2f}" for score in found]
        rows.append([path.name, changes(base, config), commit, len(history), *scores])
    head = ["", "What is different", "Commit", "Epochs", "Entities", "Relations", "Relations, last epoch"]
    return "\n".join(markdown.table(head, rows, "lll")) + "\n"


def changes(base: configs.Config, config: configs.Config) -> str:
    """The fields that differ between two configurations and affect the scores, as text."""
    # The corpora have tokens, so their runs are the same with any tokenizer.
    elsewhere: tuple[str, ...] = ("corpus.data_dir", "words.tokenizer", "encoder.store", "training.epochs")
    if (base.model.relation_projection, config.model.relation_projection) == ("auto", "per_relation"):
        elsewhere += ("model.relation_projection",)  # the public corpora have few types
    found = [name for name in configs.different(base, config) if name not in elsewhere]
    return ", ".join(f"`{name}: {configs.get(config, name)}`" for name in found) or "(the same)"
