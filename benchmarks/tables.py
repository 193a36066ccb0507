"""What the benchmarks print."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

_FIGURES = {
    "seconds to the first step": ("first_step_seconds", 1, "{:.1f}"),
    "sentences/s": ("sentences_per_second", 1, "{:.1f}"),
    "processor time, ms/sentence": ("processor_ms_per_sentence", 1, "{:.1f}"),
    "peak memory, GB": ("peak_memory_gb", 1, "{:.2f}"),
    "share of the matrix-product rate, %": ("share_of_matrix_product_rate", 100, "{:.0f}"),
}


def print_training_step(result):
    """The result of `benchmarks.training_step`: both builds with ratios, then the bars."""
    about = result["environment"]
    table = Table(title="Training step at the paper's size, batch 16, CoNLL04", title_justify="left")
    for heading in ("adversarial training", "figure", "project", "plain Keras", "project / plain"):
        table.add_column(heading, justify="left" if heading in ("adversarial training", "figure") else "right")
    for mode, builds in result["modes"].items():
        for name, (key, factor, form) in _FIGURES.items():
            project, plain = builds["project"][key], builds["plain"][key]
            values = (form.format(factor * project), form.format(factor * plain), f"{project / plain:.2f}")
            table.add_row(mode.partition("_")[0], name, *values)
        table.add_section()
    _print(
        table,
        _bars(result["bars"]),
        "First step: from the start of building the network to the end of the first training step; imports and reading "
        "data are not counted.",
        f"Speed: the best of {result['rounds']} rounds of {result['steps_in_a_round']} batches, in turns.",
        f"Matrix product: {result['matrix_product_gflops_per_second']:.0f} GFLOP/s, the best round of one float32 "
        "tf.matmul; the operations that a step needs are counted in benchmarks/flops.py, the same for both builds.",
        _machine(about),
    )


def print_inference(result):
    """The result of `benchmarks.inference`."""
    table = Table(title=f"Extraction from raw text, {result['run']}", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for size, speed in result["sentences_per_second"].items():
        table.add_row(f"sentences/s, batch {size}", f"{speed:.0f}")
    for name, value in result["milliseconds_per_call"].items():
        table.add_row(f"milliseconds per call at batch 1, {name}", f"{value:.1f}")
    _print(
        table,
        _bars(result["bars"]),
        f"{result['sentences']} test sentences of CoNLL04; speed: the best of {result['rounds']} rounds; percentiles: "
        "over the calls of all rounds.",
        "Yardstick: a span-based peer with a 6-layer encoder, 16 to 21 sentences/s at batch 1 on this kind of machine. "
        "The bar is ten times its upper figure.",
        _machine(result["environment"]),
    )


def print_contextual_epoch(result):
    """The result of `benchmarks.contextual_epoch`."""
    table = Table(title="An epoch of CoNLL04 at the paper's size, adversarial training on", title_justify="left")
    for heading in ("stored vectors", "seconds, best epoch", "times that without"):
        table.add_column(heading, justify="left" if heading == "stored vectors" else "right")
    for name, ratio in result["times_without"].items():
        table.add_row(name, f"{min(result['seconds'][name]):.1f}", f"{ratio:.2f}")
    _print(
        table,
        _bars(result["bars"]),
        f"The best of {result['rounds']} epochs, in turns; " + _machine(result["environment"]),
    )


def _bars(bars):
    table = Table(title="To reach", title_justify="left")
    for heading in ("", "", "measured", "bar", ""):
        table.add_column(heading, justify="right" if heading in ("measured", "bar") else "left")
    for bar in bars:
        verdict = "[green]reached[/]" if bar["reached"] else "[red]not reached[/]"
        table.add_row(
            bar["mode"].replace("_", " "), bar["name"], f"{bar['value']:.2f}", f"{bar['at']} {bar['bar']:g}", verdict
        )
    return table


def _machine(about):
    machine = f"{about['processors']} processors, {about['processor']}; load at start {about['load_at_start']}"
    return f"{machine}; TensorFlow {about['tensorflow']}, Python {about['python']}."


def _print(*parts):
    # Off a terminal rich assumes 80 columns and would break the rows.
    console = Console() if Console().is_terminal else Console(width=120)
    for part in parts:
        console.print(part, highlight=False)
