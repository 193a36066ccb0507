"""`python -m reproduction.ship`: train the shipped model `news`, and write it in half precision into the package."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.files import atomic_write, find_pretrained
from cman_tf.training.progress import TrainingProgress
from cman_tf.training.run import Run
from cman_tf.training.workflow import train

WORDS = 40_000
"""Number of GloVe's words in the model, the most frequent ones: its file is in this order."""

SHIPPED = Path(__file__).parents[1] / "cman_tf" / "training" / "models" / "news"


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.ship",
        "Train the model `news` on the sample corpus, and write it into the package. Run it again to resume.",
        "python -m reproduction.ship --run-dir runs/news",
    )
    parser.add_argument("--vectors", metavar="FILE", default="glove.6B.50d.txt", help="GloVe (default: %(default)s)")
    parser.add_argument("--run-dir", metavar="FOLDER", default="runs/news", help="training run (default: %(default)s)")
    parser.add_argument("--out", metavar="FOLDER", default=str(SHIPPED), help="default: in the package")
    args = cli.parse(parser, argv)
    folder = Path(args.run_dir)
    words = folder.parent / "most_frequent_words.txt"
    if not (folder / "config.yaml").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(find_pretrained(args.vectors), encoding="utf-8", newline="\n") as file, atomic_write(words) as out:
            out.writelines(itertools.islice(file, WORDS))
        config = configs.load("news", {"words.vectors": str(words.resolve())})
        train(config, folder, progress=TrainingProgress)
    elif not Run(folder).finished():
        train(None, folder, resuming=True, progress=TrainingProgress)
    ship(Run.open(folder), Path(args.out))
    size = sum(path.stat().st_size for path in Path(args.out).rglob("*") if path.is_file())
    print(f"Model: {args.out}, {size / 1e6:.1f} MB")


def ship(run: Run, out: Path) -> None:
    """Write what prediction needs of a run, weights in half precision, and forget places on this machine."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(run.path / "vocabulary", out / "vocabulary")
    for name in ("labels.json", "environment.json", "history.csv", "metrics.json"):
        shutil.copyfile(run.path / name, out / name)
    configs.save(configs.change(run.config(), {"words.vectors": None, "corpus.data_dir": None}), out / "config.yaml")
    with h5py.File(run.weights) as source, h5py.File(out / "weights.h5", "w") as target:
        _copy(source, target)


def _copy(source: h5py.Group, target: h5py.Group) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        else:
            array = item[()]
            # Keras restores single precision.
            half = array.astype(np.float16) if array.dtype == np.float32 else array
            target.create_dataset(name, data=half, compression="gzip" if array.ndim else None)


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.ship", command))
