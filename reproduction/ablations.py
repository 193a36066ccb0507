"""Table 4 of the paper, and its Figures 4 and 5, from the runs of the ablations."""

from __future__ import annotations

import json
from pathlib import Path

from cman_tf.errors import InputError
from cman_tf.evaluation.scorer import ITEMS
from cman_tf.evaluation.tables import p_value
from cman_tf.files import atomic_write
from reproduction import markdown, published
from reproduction.paired import FILE
from reproduction.pictures import ablation_picture
from reproduction.runs import NamedRun, corpus, encoders, runs_of, strict

FOLDER = Path("conll04") / "ablations"

FIGURES = {
    "by_entity_distance": (
        "Figure 4: F1 by characters from the end of one related entity to that of the other",
        "Entities and relations of CoNLL04's dev split by entity distance, with and without the attention units.",
    ),
    "by_sentence_length": (
        "Figure 5: F1 by tokens in the sentence",
        "Entities and relations of CoNLL04's dev split by sentence length, with and without the attention units.",
    ),
}


def table(results: Path) -> str:
    """The table beside the paper's, or "" if no ablation was run.

    Args:
        results: path. The folder of all experiments.

    Raises:
        InputError: if the runs differ in more than what a row of the table says.
    """
    found = {name: runs_of(results / FOLDER / name) for name in published.ABLATIONS}
    runs = [run for several in found.values() for run in several]
    if not runs:
        return ""
    lines = [
        "## Ablations (Table 4 of the paper)",
        "",
        f"{_what_all_share(runs)}. The paper's figures are with ELMo and 180 epochs. Here every row also has what the "
        "paper lacks: the prior, sampled pairs, averaged weights, and the tokens between two tokens (`pair_context`), "
        "which may do part of what attention does there.",
        "",
    ]
    rows = []
    for name, (title, *paper) in published.ABLATIONS.items():
        cells = [title, str(len(found[name])), *("-" if value is None else f"{value:.2f}" for value in paper)]
        for split in (None, "dev"):
            cells += strict(found[name], split) if found[name] else ["not run"] * 2
        rows.append(cells)
    head = ["", "Runs"] + [f"{item.capitalize()}{where}" for where in (", paper", "", ", dev") for item in ITEMS]
    return "\n".join(lines + markdown.table(head, rows) + bootstrap_lines(results / FOLDER / FILE)) + "\n"


def bootstrap_lines(path: Path) -> list[str]:
    """Lines about the differences on test to the whole network, from the file of `reproduction.paired`."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text())
    rows = []
    for name, (title, *_) in published.ABLATIONS.items():
        if name in found:
            cells = [title, str(len(found[name]["runs"]))]
            for item in ITEMS:
                low, high = (100 * bound for bound in found[name][item]["interval"])
                difference = 100 * found[name][item]["difference"]
                cells += [
                    f"{difference:+.2f} ({low:+.2f} to {high:+.2f})",
                    p_value(found[name][item]).removeprefix("= "),
                ]
            rows.append(cells)
    lines = [
        "",
        "Difference to the whole network on test (`python -m reproduction.paired`): F1 of all seeds together, its 95 % "
        "interval and Koehn's one-sided p over the choice of sentences, 10,000 draws:",
        "",
    ]
    return lines + markdown.table(["", "Seeds", "Entities", "p", "Relations", "p"], rows)


def figures(results: Path, images: Path) -> list[str]:
    """Write the pictures into the folder `images`; return a section for each figure that has runs."""
    parts = []
    for name, (title, alt) in FIGURES.items():
        picture = images / f"{name}.png"
        drawn = ablation_picture(results / FOLDER, name)
        if drawn:
            # No date and no version: the same figures give the same file.
            with atomic_write(picture, "wb") as file:
                drawn.savefig(file, dpi=120, metadata={"Software": None})
            parts.append(f"## {title}\n\n![{alt}]({images.name}/{picture.name})\n")
    if parts:
        parts.append(
            "Both on dev, which chose the epoch too; with several seeds, mean and standard deviation. The paper "
            "compares CMAN with Multi-head + AT; here it is compared with this network without both units, so the gaps "
            "are not comparable.\n"
        )
    return parts


def _what_all_share(runs: list[NamedRun]) -> str:
    said = {
        f"Corpus {corpus(metrics, config)}, split {metrics['split']}, protocol {metrics['protocol']}, "
        f"{config['training']['epochs']} epochs, {encoders(config)}"
        for _, metrics, config in runs
    }
    if len(said) > 1:
        raise InputError(
            f"Runs of the ablations must differ only in what is ablated. Received: {'; '.join(sorted(said))}"
        )
    return said.pop()
