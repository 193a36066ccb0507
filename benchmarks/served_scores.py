"""`python -m benchmarks.served_scores RUN`: compares the scores of a served export with `metrics.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from cman_tf.commands import cli
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

SCORES = "strict", "boundaries", "counts"


def served_scores(address, documents):
    """Score the answers of a server on annotated documents.

    Args:
        address: str.
        documents: list of `Document`.

    Returns:
        `(scores, found, left_out)`: dict of `SCORES` in the form of `metrics.json`, list of predicted `Document`, and
        the number of items left out of answers.
    """
    from cman_tf.evaluation.scorer import score
    from export.serving.remote import Remote

    with Remote(address) as remote:
        # Tokens alone, without the annotation.
        found = remote.extract([Document(document.tokens) for document in documents])
        return plain(score(documents, found)), found, remote.left_out


def plain(scores):
    """The `SCORES` of `scores`, as JSON values as in `metrics.json`."""
    scores = json.loads(json.dumps(scores))
    return {name: scores[name] for name in SCORES}


def measure(run, data_dir=None):
    """Serve an export of a run with default limits, and score its answers.

    Args:
        run: `Run`, evaluated.
        data_dir: str or None. Folder of its corpus. Default: that of the run's config.

    Returns:
        dict: `split`, `sentences`, `left_out`, the scores `served` and `evaluated`, and whether they are `equal`.

    Raises:
        InputError: if the run was not evaluated, or its corpus is missing.
    """
    from benchmarks.served import Server
    from cman_tf.training.corpus import load_corpus
    from export.savedmodel import export

    if not run.metrics.is_file():
        raise InputError(f"A run must have been evaluated. Received: {run.path} without {run.metrics.name}")
    evaluated = json.loads(run.metrics.read_text(encoding="utf-8"))
    split = evaluated["split"]
    documents = load_corpus(run.config(), splits=(split,), **({"data_dir": data_dir} if data_dir else {})).splits[split]
    with tempfile.TemporaryDirectory() as folder:
        path, _ = export(run, Path(folder) / "model", max_entities=64, max_relations=64, max_tokens=512)
        with Server(path.parent, first_text="Ana lives in Oslo .") as server:
            served, _, left_out = served_scores(server.address, documents)
    evaluated = {name: evaluated[name] for name in SCORES}
    return {
        "split": split,
        "sentences": len(documents),
        "left_out": left_out,
        "served": served,
        "evaluated": evaluated,
        "equal": served == evaluated,
    }


def text(result):
    """The result as text."""
    lines = [f"{'strict micro F1, ' + result['split']:<28}{'served':>10}{'evaluated':>12}"]
    for item in ("entities", "relations"):
        own, other = (100 * result[name]["strict"]["micro"][item]["f1"] for name in ("served", "evaluated"))
        lines.append(f"{item:<28}{own:>10.2f}{other:>12.2f}")
    same = "equal" if result["equal"] else "NOT equal"
    return "\n".join([*lines, f"{result['sentences']} sentences, {result['left_out']} left out: all scores {same}"])


def command(argv):
    parser = cli.parser(
        "benchmarks.served_scores",
        "Score a run's export through the server, and compare the scores with the run's own.",
        "python -m benchmarks.served_scores runs/conll04 --json results/served_scores.json",
        usage="RUN [options]",
    )
    parser.add_argument("run", metavar="RUN", help="evaluated folder written by cman fit")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with a copy of its corpus (default: the run's)")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to FILE (default: no file)")
    args = cli.parse(parser, argv)

    from benchmarks.environment import environment
    from cman_tf.training.run import Run

    about = environment()
    result = {"environment": about, "run": args.run, **measure(Run.open(args.run), args.data_dir)}
    print(text(result))
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if not result["equal"]:
        sys.stdout.flush()
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.served_scores", command))
