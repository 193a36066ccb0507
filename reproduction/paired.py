"""`python -m reproduction.paired`: experiments compared with one of them, by a paired bootstrap over all seeds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS
from cman_tf.evaluation.significance import pooled_bootstrap
from cman_tf.evaluation.tables import p_value
from cman_tf.files import atomic_write
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run

FILE = "bootstrap.json"


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.paired",
        "Compare experiments with one of them on the test split, by a paired bootstrap over sentences, all seeds "
        "together.",
        "python -m reproduction.paired runs/reproduce/conll04/ablations --against whole",
        usage="FOLDER --against NAME [options]",
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder with a folder for each experiment, with its runs")
    parser.add_argument("--against", metavar="NAME", required=True, help="the experiment to compare with")
    parser.add_argument("--out", metavar="FILE", help=f"JSON file (default: FOLDER/{FILE})")
    parser.add_argument("--data-dir", metavar="FOLDER", help="directory with the public corpora")
    args = cli.parse(parser, argv)
    folder, found = Path(args.folder), {}
    if not folder.is_dir():
        raise InputError(f"FOLDER must be a folder of experiments. Received: {folder}")
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != args.against):
        found[path.name] = compare(folder / args.against, path, args.data_dir)
        difference = found[path.name]["relations"]
        print(f"{path.name}: relations {100 * difference['difference']:+.2f}, p {p_value(difference)}")
    with atomic_write(args.out or folder / FILE) as file:
        json.dump(found, file, indent=2)


def compare(base: Path, other: Path, data_dir: str | None = None) -> dict[str, Any]:
    """Paired bootstrap of the runs that two experiments have in common, by their names.

    Args:
        base: path. Folder of an experiment: its runs, with predictions of the test split.
        other: path. The same.
        data_dir: str or None. Directory with the public corpora.

    Returns:
        dict: `runs`, the names; `entities` and `relations`, see `paired_bootstrap`.

    Raises:
        InputError: if they have no run in common.
    """
    names = sorted(path.parent.name for path in other.glob("*/metrics.json") if (base / path.parent.name).is_dir())
    if not names:
        raise InputError(f"Two experiments must have runs of the same names. Received: {base} and {other}")
    config = Run.open(base / names[0]).config({"corpus.data_dir": data_dir} if data_dir else None)
    gold = list(load_corpus(config).splits["test"])
    runs = [[_predicted(folder / name) for name in names] for folder in (base, other)]
    return {"runs": names, **{item: pooled_bootstrap(gold, *runs, metric=item) for item in ITEMS}}


def _predicted(run: Path) -> list[Document]:
    return formats.read(run / "predictions" / "test.jsonl")


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.paired", command))
