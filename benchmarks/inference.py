"""`python -m benchmarks.inference RUN`: how fast a trained network answers raw text."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.files import atomic_write

# Ten times what a span-based peer with a 6-layer encoder manages on two cores.
BAR = 10 * 21

BATCH_SIZES = (1, 32)


def measure(predictor, texts, rounds):
    """Answer all texts one by one, then in batches, several times.

    Args:
        predictor: `Predictor`.
        texts: list of str, raw sentences.
        rounds: int.

    Returns:
        dict: `sentences`; `rounds`; `sentences_per_second` of each batch size, best round;
        `milliseconds_per_call` at batch 1, percentiles over the calls of all rounds.
    """
    import numpy as np

    # The first calls trace the graph and let it choose its kernels.
    predictor(texts[: BATCH_SIZES[-1]])
    for text in texts[:5]:
        predictor(text)

    best, calls = dict.fromkeys(BATCH_SIZES, float("inf")), []
    for _ in range(rounds):
        for size in BATCH_SIZES:
            start = time.perf_counter()
            if size == 1:
                for text in texts:
                    begun = time.perf_counter()
                    predictor(text)
                    calls.append(time.perf_counter() - begun)
            else:
                for first in range(0, len(texts), size):
                    predictor(texts[first : first + size])
            best[size] = min(best[size], time.perf_counter() - start)
    percentiles = np.percentile(calls, [50, 99]) * 1000
    return {
        "sentences": len(texts),
        "rounds": rounds,
        "sentences_per_second": {str(size): len(texts) / seconds for size, seconds in best.items()},
        "milliseconds_per_call": dict(zip(("p50", "p99"), percentiles.tolist())),
    }


def command(argv):
    parser = cli.parser(
        "benchmarks.inference",
        "Measure how fast a trained network finds entities and relations in raw text.",
        "python -m benchmarks.inference runs/conll04 --json benchmarks/results/inference.json",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman_tf.fit")
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all sentences are answered (default: 3)")
    args = cli.parse(parser, argv)
    cli.check_count("--rounds", args.rounds)

    import cman_tf
    from benchmarks.corpus import conll04
    from benchmarks.tables import print_inference

    texts = [document.text for document in conll04("test", args.data_dir)]
    about = environment()
    predictor = cman_tf.load(args.run)
    result = {"environment": about, "run": args.run, **measure(predictor, texts, args.rounds)}
    speed = result["sentences_per_second"]["1"]
    result["bars"] = [
        {
            "mode": "batch 1",
            "name": "sentences/s",
            "value": speed,
            "at": "at least",
            "bar": BAR,
            "reached": speed >= BAR,
        }
    ]
    print_inference(result)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.inference", command))
