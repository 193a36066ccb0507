"""`python -m reproduction.rules`: effect of decoding rules on the scores of trained runs."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cman_tf.commands import cli, options
from cman_tf.config import change
from cman_tf.evaluation.evaluator import contextual_vectors
from cman_tf.evaluation.scorer import score
from cman_tf.files import atomic_write
from cman_tf.model.extraction import constraints
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run
from reproduction import markdown

DECODINGS: dict[str, dict[str, Any]] = {
    "none": {"rules": (), "type_constrained": False},
    "type_constrained": {"rules": (), "type_constrained": True},
    "learnt": {"rules": ("learnt",), "type_constrained": False},
    "both": {"rules": ("learnt",), "type_constrained": True},
}


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.rules",
        "Score runs on their test splits with and without decoding.rules and decoding.type_constrained.",
        "python -m reproduction.rules runs/reproduce/ade/best_frozen/seed1-fold* --name ade/best_frozen",
        usage="RUN ... --name NAME [options]",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folders of trained runs, one for each seed or fold")
    parser.add_argument("--name", metavar="NAME", required=True, help="experiment of the runs, the name in the table")
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        default="results/rules",
        help="folder of the JSON files and the table (default: results/rules)",
    )
    parser.add_argument(
        "--data-dir", metavar="FOLDER", help="directory with the public corpora (default: that of each run)"
    )
    options.add_allow_encoder(parser)
    args = cli.parse(parser, argv)
    found = [measure(path, args.data_dir, args.allow_encoder) for path in args.runs]
    with atomic_write(Path(args.results) / f"{args.name.replace('/', '-')}.json") as file:
        json.dump({"name": args.name, "runs": found}, file, indent=2)
    text = table(Path(args.results))
    with atomic_write(Path(args.results) / "table.md") as file:
        file.write(text)
    print(text, end="")


def measure(path: str, data_dir: str | None, allow_encoders: Sequence[str]) -> dict[str, dict[str, float]]:
    """Strict micro scores of a run's relations on its test split by decoding: dict of `precision`, `recall`, `f1`."""
    run = Run.open(path, allow_encoders=allow_encoders)
    config = run.config({"corpus.data_dir": data_dir} if data_dir else {})
    documents = load_corpus(config, splits=("test",)).splits["test"]
    predictor = run.predictor()
    vectors = contextual_vectors(predictor, documents)
    result = {}
    for name, changes in DECODINGS.items():
        decoding = change(config, {f"decoding.{field}": value for field, value in changes.items()}).decoding
        predictor.extractor.constraints = constraints(predictor.network.schema, decoding)
        scores = score(documents, predictor.extract(documents, contextual=vectors))["strict"]["micro"]["relations"]
        result[name] = {item: scores[item] for item in ("precision", "recall", "f1")}
        print(f"{path}, {name}: relations {100 * scores['f1']:.2f}", file=sys.stderr)
    return result


def table(results: Path) -> str:
    """Markdown table of the files in a folder: a row for each decoding of each experiment."""
    rows = []
    for file in sorted(results.glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        for decoding in DECODINGS:
            values = [run[decoding] for run in found["runs"]]
            mean = {item: 100 * statistics.mean(value[item] for value in values) for item in values[0]}
            gains = [100 * (run[decoding]["f1"] - run["none"]["f1"]) for run in found["runs"]]
            gain = f"{statistics.mean(gains):+.2f}" + (f" ± {statistics.stdev(gains):.2f}" if len(gains) > 1 else "")
            rows.append(
                [found["name"], str(len(values)), decoding, *(f"{mean[item]:.2f}" for item in mean)]
                + ["" if decoding == "none" else gain]
            )
    headings = ["", "Runs", "Rules", "Precision", "Recall", "Relations F1", "Change"]
    return "\n".join(markdown.table(headings, rows, "lrl")) + "\n"


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.rules", command))
