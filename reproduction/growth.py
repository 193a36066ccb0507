"""The section of docs/speed.md on the growth of time and memory, and its picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reproduction import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def section(figures: Mapping[str, Any]) -> str:
    """A section for `benchmarks/results/growth.json`."""
    machine = figures["environment"]
    about = (
        "`python -m benchmarks.growth --json benchmarks/results/growth.json`: training with the preset `own`, batches "
        "of 8, on the sentences of the sample corpus. One size grows, all else is equal, each size is measured in a "
        "process of its own. *Relation types*: the relations have other names; above 50 types, all share one hidden "
        f"layer (`relation_projection: auto`). The best of {figures['rounds']} rounds of {figures['steps_in_a_round']} "
        "batches. *Tokens*: one step with a batch of seven sentences of 30 tokens and one that is as long as given. "
        "*Sentences*: the sentences again and again with other names, from the start of the training, without the "
        "import of TensorFlow, to the end of the first step. Peak memory is that of the process, TensorFlow included. "
        f"Load of the machine {machine['load_at_start']} at the start, {machine['load_at_end']} at the end, on "
        f"{machine['processors']} processors; processor time depends on it less."
    )
    types = [
        [count, f"{item['sentences_per_second']:.1f}", f"{item['processor_ms_per_sentence']:.1f}", _gigabytes(item)]
        for count, item in figures["types"].items()
    ]
    tokens = [
        [f"{int(count):,}", _gigabytes(item) if item else f"does not fit in {figures['most_gb']:g} GB"]
        for count, item in figures["tokens"].items()
    ]
    sentences = [
        [f"{int(count):,}", f"{item['seconds']:.1f}", f"{item['processor_seconds']:.1f}", _gigabytes(item)]
        for count, item in figures["sentences"].items()
    ]
    memory = "Peak memory, GB"
    image = "![Speed against relation types, memory against tokens, seconds against sentences](images/growth.png)"
    return markdown.section(
        "Growth",
        about,
        markdown.table(["Relation types", "Sentences/s", "Processor ms a sentence", memory], types, "r"),
        markdown.table(["Tokens of a sentence", memory], tokens, "r"),
        markdown.table(["Sentences", "Seconds to the first step", "Processor seconds", memory], sentences, "r"),
        [image],
        markdown.bars(figures["bars"]),
    )


def picture(figures: Mapping[str, Any]) -> Figure:
    """Speed against relation types, memory against tokens of a sentence, seconds against sentences."""
    # Not pyplot: it would keep every figure and look for a window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    series = (
        ("types", "sentences_per_second", "relation types", "sentences/s"),
        ("tokens", "peak_gb", "tokens of one sentence", "peak memory, GB"),
        ("sentences", "seconds", "sentences", "seconds to the first step"),
    )
    for axes, (name, key, size, unit) in zip(figure.subplots(1, 3), series):
        points = {int(count): item[key] for count, item in figures[name].items() if item}
        axes.plot(list(points), list(points.values()), "o-", color="#1b6ca8")
        axes.set(xscale="log", xlabel=size, title=unit, ylim=(0, None))
        axes.set_xticks(list(points), [f"{point:,}" for point in points], minor=False)
        axes.set_xticks([], minor=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    return figure


def _gigabytes(item: Mapping[str, float]) -> str:
    return f"{item['peak_gb']:.2f}"
