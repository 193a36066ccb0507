"""`python -m benchmarks.growth`: training time and memory by number of relation types, sentence length and corpus size.

Each series varies one size. Each size is measured in its own process. Numbers of relation types are measured in
alternating rounds; the fastest round counts, because other work on the machine can only slow a round down.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import threading
from pathlib import Path

from benchmarks import frame, growth_corpora
from benchmarks.environment import environment
from benchmarks.pages import megabytes
from benchmarks.worker import Worker

TYPES, TOKENS, SENTENCES = (5, 24, 100, 200), (30, 300, 1_000, 4_000), (1_000, 10_000, 56_000)

# The bars: slowdown from fewest to most types; GB of 1,000 tokens above 30; seconds to the first step of most sentences
# above fewest; GB of most sentences.
SLOWER, LONGER_GB, LATER_SECONDS, CORPUS_GB = 2.0, 1.5, 60.0, 3.0
BAR_TOKENS = 1_000

# A training that needs more is killed: other programs share the machine.
MOST_GB = 10.0


@contextlib.contextmanager
def limited(worker, most_gb=MOST_GB):
    """Kill the process of a worker that takes more memory. Yields an event that is set in that case."""
    over, done = threading.Event(), threading.Event()

    def watch():
        while not done.wait(0.1):
            if (megabytes(worker.process.pid) or 0) > 1000 * most_gb:
                over.set()
                worker.process.kill()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield over
    finally:
        done.set()
        thread.join()


def measure_types(counts, steps, rounds, say):
    """Training speed by number of relation types: dict of number to figures."""
    with contextlib.ExitStack() as stack:
        workers, answers = {}, {count: [] for count in counts}
        for count in counts:
            say(f"{count} relation types: first step")
            workers[count] = stack.enter_context(Worker(kind="growth_steps", types=count, steps=steps))
        for number in range(1, rounds + 1):
            for count, worker in workers.items():
                say(f"{count} relation types: round {number} of {rounds}")
                answers[count].append(worker.measure())
    return {
        str(count): {
            "sentences_per_second": workers[count].ready["sentences"] / min(item["seconds"] for item in found),
            "processor_ms_per_sentence": 1000
            * min(item["processor_seconds"] for item in found)
            / workers[count].ready["sentences"],
            "peak_gb": found[-1]["peak_bytes"] / 1e9,
        }
        for count, found in answers.items()
    }


def measure_tokens(lengths, say, most_gb=MOST_GB):
    """Peak memory of a training step by length of one sentence: dict of length to figures, None if killed."""
    result = {}
    for length in lengths:
        say(f"a sentence of {length} tokens")
        worker = Worker(kind="growth_steps", tokens=length, steps=1)
        with limited(worker, most_gb) as over:
            try:
                with worker:
                    result[str(length)] = {"peak_gb": worker.ready["peak_bytes"] / 1e9}
            except RuntimeError:
                if not over.is_set():
                    raise
                result[str(length)] = None
    return result


def measure_sentences(counts, say):
    """Seconds to the first training step and peak memory by number of sentences: dict of number to figures."""
    result, train, dev = {}, growth_corpora.sample(), growth_corpora.sample("dev")
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            say(f"{count} sentences")
            corpus = growth_corpora.write(Path(folder) / str(count), growth_corpora.renamed(train, count), dev)
            with Worker(kind="growth_start", corpus=str(corpus)) as worker:
                found = worker.measure()
            result[str(count)] = {
                "seconds": found["seconds"],
                "processor_seconds": found["processor_seconds"],
                "peak_gb": found["peak_bytes"] / 1e9,
            }
    return result


def bars(result):
    """The bars of a result, see `frame.bar`. A length whose process was killed has none."""
    types, tokens, sentences = (list(result[name].items()) for name in ("types", "tokens", "sentences"))
    (few, first), (many, last) = types[0], types[-1]
    times = first["sentences_per_second"] / last["sentences_per_second"]
    found = [frame.bar(f"{many} relation types", f"times slower than {few}", times, "at most", SLOWER)]
    length, least = next((item for item in tokens if item[0] == str(BAR_TOKENS)), tokens[-1]), tokens[0]
    if length[1] and least[1]:
        more = length[1]["peak_gb"] - least[1]["peak_gb"]
        name = f"GB above {least[0]} tokens"
        found.append(frame.bar(f"a sentence of {length[0]} tokens", name, more, "at most", LONGER_GB))
    (few, first), (many, last) = sentences[0], sentences[-1]
    more = last["seconds"] - first["seconds"]
    name = f"seconds to the first step above {few}"
    found.append(frame.bar(f"{many} sentences", name, more, "at most", LATER_SECONDS))
    return [*found, frame.bar(f"{many} sentences", "peak memory, GB", last["peak_gb"], "at most", CORPUS_GB)]


def parts(result):
    """Tables and notes of a result."""
    types = [
        (count, f"{item['sentences_per_second']:.1f}", f"{item['processor_ms_per_sentence']:.1f}", _gb(item))
        for count, item in result["types"].items()
    ]
    tokens = [(count, _gb(item)) for count, item in result["tokens"].items()]
    sentences = [
        (count, f"{item['seconds']:.1f}", f"{item['processor_seconds']:.1f}", _gb(item))
        for count, item in result["sentences"].items()
    ]
    return [
        frame.table("Relation types", ("types", "sentences/s", "processor ms/sentence", "peak GB"), types),
        frame.table("One sentence of each batch", ("tokens", "peak GB"), tokens),
        frame.table("Sentences", ("sentences", "s to the first step", "processor s", "peak GB"), sentences),
        "Peak memory is that of the process and includes TensorFlow. Seconds to the first step exclude its import.",
    ]


def _gb(item):
    return f"{item['peak_gb']:.2f}" if item else f"more than {MOST_GB:g}, killed"


def command(argv):
    parser = frame.parser(
        "growth",
        "Measure training time and memory by number of relation types, sentence length and number of sentences.",
        "",
        rounds="rounds of each number of relation types; the fastest counts",
    )
    parser.add_argument("--steps", metavar="N", type=int, default=16, help="batches in a round (default: 16)")
    for name, sizes, what in (
        ("types", TYPES, "numbers of relation types"),
        ("tokens", TOKENS, "lengths of the longest sentence"),
        ("corpus-sizes", SENTENCES, "numbers of sentences"),
    ):
        sizes = ",".join(map(str, sizes))
        parser.add_argument(f"--{name}", metavar="N,...", default=sizes, help=f"{what} (default: {sizes})", type=_sizes)
    args = frame.parse(parser, argv)

    from rich.console import Console

    about = environment()
    result = {"steps_in_a_round": args.steps, "rounds": args.rounds, "most_gb": MOST_GB}
    with Console(stderr=True).status("starting") as status:
        result["types"] = measure_types(args.types, args.steps, args.rounds, status.update)
        result["tokens"] = measure_tokens(args.tokens, status.update)
        result["sentences"] = measure_sentences(args.corpus_sizes, status.update)
    result["bars"] = bars(result)
    frame.report(args, about, result, *parts(result))


def _sizes(text):
    sizes = text.split(",")
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"must be whole numbers from 1, separated by commas, not {text!r}")
    return [int(size) for size in sizes]


if __name__ == "__main__":
    frame.run("growth", command)
