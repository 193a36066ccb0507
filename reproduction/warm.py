"""The section of docs/speed.md that compares training and prediction with an earlier commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reproduction import markdown


def section(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/warm.json`."""
    best, sentences = figures["best"], figures["sentences"]
    checkouts = [name for name in ("base", "here") if name in best["sample"]]
    heads = ["base commit" if name == "base" else "this commit" for name in checkouts]
    base = " --base FOLDER" if "base" in checkouts else ""
    about = (
        f"`python -m benchmarks.warm ENCODERS{base} --json benchmarks/results/warm.json`: training on "
        f"{sentences['train']} sentences of CoNLL04 with adversarial training, and prediction of {sentences['test']} "
        "raw sentences of its test split. `sample` has words and characters only; `conll04_minilm_finetuned` computes "
        "and fine-tunes all-MiniLM-L6-v2 (6 layers of 384). The best of "
        f"{len(figures['rounds']['sample']['here'])} rounds."
    )
    rows = [
        [f"{config}: {key}", *(f"{by_name[name][key]:.1f}" for name in checkouts)]
        for config, by_name in best.items()
        for key in ("prediction, batch 1", "prediction, batch 32", "training")
    ]
    tables = [markdown.table(["Sentences/s", *heads], rows), _encoder_share(best, checkouts, heads)]
    if "bars" in figures:
        tables.append(markdown.bars(figures["bars"]))
    return markdown.section("Training and prediction, against an earlier commit", about, *tables)


def _encoder_share(best: Mapping[str, Any], checkouts: Sequence[str], heads: Sequence[str]) -> list[str]:
    """Milliseconds a sentence of the encoder alone and of everything else."""
    found = [best["conll04_minilm_finetuned"][name] for name in checkouts]
    rows = []
    for mode, encoder in (("prediction, batch 1", "encoder"), ("training", "encoder, both ways")):
        rows.append([f"{mode}: the encoder alone", *(f"{value[encoder]:.1f}" for value in found)])
        rows.append([f"{mode}: everything else", *(f"{1000 / value[mode] - value[encoder]:.1f}" for value in found)])
    return markdown.table(["Milliseconds a sentence, with MiniLM", *heads], rows)
