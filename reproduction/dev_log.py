"""docs/relations.md: what was tried on the dev split, one change at a time, from the folders of those runs."""

from __future__ import annotations

import re
from pathlib import Path

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from cman_tf.training.run import Run
from cman_tf.training.trainer import best_epoch

PLACE = re.compile("<!-- table (.+) -->\n")


def write_log(folder: str | Path, path: str | Path) -> str | Path:
    """Put tables of runs into the text of `notes.md`, where it says `<!-- table GROUP -->`.

    Args:
        folder: path. `notes.md` and a folder for each group, which has one for each run, in the order of their names,
            with its `config.yaml`, `environment.json` and `history.csv`.
        path: path of the page.

    Returns:
        path of the page.
    """
    notes = (Path(folder) / "notes.md").read_text(encoding="utf-8")
    with atomic_write(path) as file:
        file.write(PLACE.sub(lambda found: table(Path(folder) / found[1]), notes))
    return path


def table(folder: str | Path) -> str:
    """A row for each run: what it changed of the first one, its commit, and its dev F1 in percent, Markdown.

    Raises:
        InputError: a run was trained on dev too.
    """
    lines = [
        "| | What is different | Commit | Epochs | Entities | Relations | Relations, last epoch |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    base = None
    for path in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        run = Run(path)
        values = configs.parse_yaml((path / "config.yaml").read_text(encoding="utf-8"))
        config = configs.from_dict(values, str(path))
        base = base or config
        history = run.history()
        if any(row["dev_re_f1"] is None for row in history):
            raise InputError(f"A run of the log must have been scored on dev. Received: {path}, protocol train+dev")
        best = best_epoch(history)
        commit = (run.environment().get("git_commit") or "-")[:7]
        cells = [path.name, changes(base, config), commit, str(len(history))]
        cells += [f"{100 * best[f'dev_{item}_f1']:.2f}" for item in ("ner", "re")]
        lines.append(f"| {' | '.join(cells)} | {100 * history[-1]['dev_re_f1']:.2f} |")
    return "\n".join(lines) + "\n"


def changes(base: configs.Config, config: configs.Config) -> str:
    """Fields that differ between two configurations and bear on the figures, one text."""
    elsewhere = ("corpus.data_dir", "encoder.store", "training.epochs")
    found = [name for name in configs.different(base, config) if name not in elsewhere]
    return ", ".join(f"`{name}: {configs.get(config, name)}`" for name in found) or "(the same)"
