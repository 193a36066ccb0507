"""`python -m benchmarks.batch_throughput RUN`: speed of `cman batch`, and whether each sentence is answered once."""

from __future__ import annotations

import collections
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from cman_tf.commands import cli
from cman_tf.files import atomic_write

FILES = 8


def write_sentences(folder, texts, count):
    """Write `count` sentences to `FILES` files of JSON lines: the texts in turn, each with its number as `id`."""
    lines = enumerate(itertools.islice(itertools.cycle(texts), count))
    share = -(-count // FILES)
    for number in range(FILES):
        with open(folder / f"{number}.jsonl", "w", encoding="utf-8") as file:
            for identifier, text in itertools.islice(lines, share):
                file.write(json.dumps({"id": str(identifier), "text": text}) + "\n")


def times_answered(folder, count):
    """Numbers of ids by how often they are in the output: `{"once", "more", "never", "unknown"}`."""
    found = collections.Counter()
    for path in sorted(folder.glob("found-*.jsonl")):
        with open(path, encoding="utf-8") as file:
            found.update(json.loads(line)["id"] for line in file)
    known = [found.pop(str(identifier), 0) for identifier in range(count)]
    return {
        "once": known.count(1),
        "more": sum(times > 1 for times in known),
        "never": known.count(0),
        "unknown": len(found),
    }


def measure(run, texts, count, shards):
    """Export a run, and process `count` sentences with the DirectRunner.

    Args:
        run: `Run`.
        texts: list of str.
        count: int. Number of sentences.
        shards: int. Output files.

    Returns:
        dict: `counters` of the job, `seconds`, `sentences_per_second` (loading included), and `ids`, see
        `times_answered`.
    """
    from export.batch import extract
    from export.savedmodel import export

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = export(run, folder / "model", max_entities=64, max_relations=64, max_tokens=512)[0]
        (folder / "in").mkdir()
        write_sentences(folder / "in", texts, count)
        start = time.perf_counter()
        counters = extract(model, str(folder / "in" / "*.jsonl"), str(folder / "out" / "found"), shards=shards)
        seconds = time.perf_counter() - start
        ids = times_answered(folder / "out", count)
    return {"counters": counters, "seconds": seconds, "sentences_per_second": count / seconds, "ids": ids}


def text(result):
    """The result as text."""
    lines = [f"{name:<28}{value:>12,}" for name, value in result["counters"].items()]
    lines += [f"{'ids answered ' + name:<28}{value:>12,}" for name, value in result["ids"].items()]
    lines.append(f"{result['seconds']:.0f} s, {result['sentences_per_second']:.0f} sentences/s")
    about = result["environment"]
    return "\n".join([*lines, f"load {about['load_at_start']} at start, {about['load_at_end']} at end"])


def command(argv):
    parser = cli.parser(
        "benchmarks.batch_throughput",
        "Run cman batch with the DirectRunner on many sentences, those of CoNLL04 and ADE in turn.",
        "python -m benchmarks.batch_throughput runs/conll04 --sentences 100000 --json benchmarks/results/batch.json",
        usage="RUN [options]",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman fit")
    parser.add_argument("--sentences", type=int, default=100_000, metavar="N", help="sentences (default: 100000)")
    parser.add_argument("--shards", type=int, default=4, metavar="N", help="output files (default: 4)")
    parser.add_argument("--data-dir", help="folder with copies of both (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--json", metavar="FILE", help="also write all figures to FILE (default: no file)")
    args = cli.parse(parser, argv)
    cli.check_count("--sentences", args.sentences)
    cli.check_count("--shards", args.shards)

    from benchmarks.corpus import sentences
    from benchmarks.environment import environment
    from cman_tf.training.run import Run

    texts = sentences(args.data_dir)
    about = environment()
    result = measure(Run.open(args.run), texts, args.sentences, args.shards)
    about["load_at_end"] = round(os.getloadavg()[0], 2)
    result = {"environment": about, "run": args.run, "sentences": args.sentences, "texts": len(texts), **result}
    print(text(result))
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if result["ids"]["once"] != args.sentences or result["ids"]["unknown"]:
        sys.stdout.flush()
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.batch_throughput", command))
