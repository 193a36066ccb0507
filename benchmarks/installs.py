"""`python -m benchmarks.installs PYTHON...`: `make fit` in a fresh clone on each Python."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment

CHECKOUT = Path(__file__).resolve().parents[1]
_VERSIONS = """
import importlib.util, json, platform, tensorflow
own = importlib.util.find_spec("tensorflow_addons") is None
print(json.dumps({"python": platform.python_version(), "tensorflow": tensorflow.__version__,
                  "stack": "current" if own else "named"}))
"""


def measure(python, folder):
    """Clone the checkout, install it and train on the sample corpus, as `make fit PYTHON=...` does.

    Args:
        python: str. Command or path of a Python.
        folder: path. Where the clone is made.

    Returns:
        dict: `python`, `tensorflow` and `stack`; seconds of `installation` and `training`; `entities` and `relations`,
            strict micro F1 on test in percent; `gigabytes` of the environment on disk.

    Raises:
        RuntimeError: if a command fails; its output is in the message.
    """
    clone = Path(folder) / "clone"
    _run("git", "clone", "--quiet", CHECKOUT, clone)
    installation, _ = _run("make", f"PYTHON={python}", ".venv/installed", cwd=clone)
    _run(".venv/bin/python", "-m", "pip", "check", cwd=clone)
    versions = json.loads(_run(".venv/bin/python", "-c", _VERSIONS, cwd=clone)[1])
    training, _ = _run("make", f"PYTHON={python}", "fit", cwd=clone)
    (metrics,) = clone.glob("runs/*/metrics.json")
    scores = json.loads(metrics.read_text())["strict"]["micro"]
    size = int(_run("du", "-sk", ".venv", cwd=clone)[1].split()[0])
    return {
        **versions,
        "installation": round(installation),
        "training": round(training),
        "entities": 100 * scores["entities"]["f1"],
        "relations": 100 * scores["relations"]["f1"],
        "gigabytes": round(size / 2**20, 2),
    }


def _run(*command, cwd=None):
    """Seconds that a command took, and what it wrote to standard output."""
    begin = time.perf_counter()
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return time.perf_counter() - begin, done.stdout


def command(argv):
    parser = frame.parser(
        "installs",
        "Measure `make fit` in a fresh clone of this checkout: installation, training, scores and size on disk.",
        "python3.9 python3.13",
        usage="PYTHON... [options]",
        rounds=None,
    )
    parser.add_argument("pythons", metavar="PYTHON", nargs="+", help="a Python, 3.9 to 3.13")
    args = frame.parse(parser, argv)
    about = environment()
    installs = []
    for python in args.pythons:
        with tempfile.TemporaryDirectory() as folder:
            installs.append(measure(python, folder))
    headings = "Python", "stack", "TensorFlow", "installation s", "training s", "entities", "relations", "GB"
    rows = [
        (
            item["python"],
            item["stack"],
            item["tensorflow"],
            item["installation"],
            item["training"],
            f"{item['entities']:.2f}",
            f"{item['relations']:.2f}",
            f"{item['gigabytes']:.1f}",
        )
        for item in installs
    ]
    frame.report(args, about, {"installs": installs}, frame.table("make fit in a fresh clone", headings, rows))


if __name__ == "__main__":
    frame.run("installs", command)
