"""`python -m reproduction.agreement`: agreement of two annotations of the same sentences of the sample corpus."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cman_tf.commands import cli
from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import score
from cman_tf.files import atomic_write


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "python -m reproduction.agreement",
        "Score the second annotation of some sentences against the first one, as strict micro F1.",
        "python -m reproduction.agreement results/sample",
        usage="FOLDER",
    )
    parser.add_argument("folder", metavar="FOLDER", help="contains first_pass.json and second_pass.json")
    folder = Path(cli.parse(parser, argv).folder)
    first, second = (formats.read(folder / f"{name}_pass.json") for name in ("first", "second"))
    if [document.tokens for document in first] != [document.tokens for document in second]:
        raise InputError(f"Both annotations must be of the same sentences. Received: {folder}")
    found = score(first, second)["strict"]["micro"]
    same = sum(
        set(one.entities) == set(other.entities) and _links(one) == _links(other) for one, other in zip(first, second)
    )
    figures = {
        "sentences": len(first),
        "sentences that agree": same,
        "entities F1": found["entities"]["f1"],
        "relations F1": found["relations"]["f1"],
    }
    with atomic_write(folder / "agreement.json") as file:
        json.dump(figures, file, indent=2)
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))


def _links(document: Document) -> set:
    return {(item.type, document.entities[item.head], document.entities[item.tail]) for item in document.relations}


if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction.agreement", command))
