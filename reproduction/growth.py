"""The section "Growth" of docs/speed.md and its picture."""

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
        "of 8, on the sentences of the sample corpus. Each table varies one size; each size is measured in its own "
        "process. *Relation types*: the relations of the corpus are renamed to this many types; above 50, all types "
        f"share one hidden layer (`relation_projection: auto`). The fastest of {figures['rounds']} rounds of "
        f"{figures['steps_in_a_round']} batches. *Tokens*: one step, on a batch of seven sentences of up to 30 tokens "
        "and one of the given length. *Sentences*: the corpus repeated with different names. The time is that from the "
        "start of the training to the end of the first step, without the import of TensorFlow. Peak memory is that of "
        f"the process and includes TensorFlow. Load of the machine: {machine['load_at_start']} at the start, "
        f"{machine['load_at_end']} at the end, on {machine['processors']} processors. It affects processor time less."
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
    image = "![Speed by relation types, memory by tokens, seconds by sentences](images/growth.png)"
    return markdown.section(
        "Growth",
        about,
        markdown.table(["Relation types", "Sentences/s", "Processor ms/sentence", memory], types, "r"),
        markdown.table(["Tokens in the longest sentence", memory], tokens, "r"),
        markdown.table(["Sentences", "Seconds to the first step", "Processor seconds", memory], sentences, "r"),
        [image],
        markdown.bars(figures["bars"]),
    )


def picture(figures: Mapping[str, Any]) -> Figure:
    """Plots of speed by relation types, memory by sentence length, and seconds by number of sentences."""
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
