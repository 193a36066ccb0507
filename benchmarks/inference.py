"""`python -m benchmarks.inference RUN`: speed of prediction from raw text."""

from __future__ import annotations

import time

from benchmarks import frame, parts
from benchmarks.environment import environment

# Ten times the speed of a span-based peer with a 6-layer encoder on two cores.
BAR = 10 * 21

BATCH_SIZES = (1, 32)


def measure(predictor, texts, rounds):
    """Process all texts one by one and in batches, several times.

    Args:
        predictor: `Predictor`.
        texts: list of str, raw sentences.
        rounds: int.

    Returns:
        dict: `sentences`; `rounds`; `sentences_per_second` of the best round by batch size; `milliseconds_per_call` at
        batch 1, percentiles over the calls of all rounds; `parts`, by batch size, see `parts.milliseconds`.
    """
    import numpy as np
    import tensorflow as tf

    # The first calls trace the graph and choose its kernels.
    predictor(texts[: BATCH_SIZES[-1]], split=False)
    for text in texts[:5]:
        predictor(text, split=False)

    best, calls = dict.fromkeys(BATCH_SIZES, float("inf")), []
    for _ in range(rounds):
        for size in BATCH_SIZES:
            start = time.perf_counter()
            if size == 1:
                for text in texts:
                    begun = time.perf_counter()
                    predictor(text, split=False)
                    calls.append(time.perf_counter() - begun)
            else:
                for first in range(0, len(texts), size):
                    predictor(texts[first : first + size], split=False)
            best[size] = min(best[size], time.perf_counter() - start)
    # Sentences of average length, so that padding is not measured.
    usual = sorted((text.split() for text in texts), key=len)[len(texts) // 2 - BATCH_SIZES[-1] // 2 :]
    costs = {}
    for size in BATCH_SIZES:
        longest = max(map(len, usual[:size]))
        tokens = tf.constant([sentence + [""] * (longest - len(sentence)) for sentence in usual[:size]])
        costs[str(size)] = parts.milliseconds(predictor.extractor, tokens, rounds)
    percentiles = np.percentile(calls, [50, 99]) * 1000
    return {
        "sentences": len(texts),
        "rounds": rounds,
        "sentences_per_second": {str(size): len(texts) / seconds for size, seconds in best.items()},
        "milliseconds_per_call": dict(zip(("p50", "p99"), percentiles.tolist())),
        "parts": costs,
    }


def command(argv):
    parser = frame.parser(
        "inference",
        "Measure how fast a trained network finds entities and relations in raw text.",
        "runs/conll04",
        usage="RUN [options]",
        rounds="how often all sentences are processed",
    )
    parser.add_argument("run", metavar="RUN", help="folder of a trained run")
    args = frame.parse(parser, argv)

    import cman_tf
    from benchmarks.corpus import conll04

    texts = [document.text for document in conll04("test", args.data_dir)]
    about = environment()
    result = {"run": args.run, **measure(cman_tf.load(args.run), texts, args.rounds)}
    speeds, calls = result["sentences_per_second"], result["milliseconds_per_call"]
    result["bars"] = [frame.bar("batch 1", "sentences/s", speeds["1"], "at least", BAR)]
    rows = [(f"sentences/s, batch {size}", f"{speed:.0f}") for size, speed in speeds.items()]
    rows += [(f"milliseconds per call at batch 1, {name}", f"{value:.1f}") for name, value in calls.items()]
    frame.report(
        args,
        about,
        result,
        frame.table(f"Prediction from raw text, {args.run}", ("figure", "value"), rows),
        frame.table(
            "Milliseconds of each part",
            ("part", *(f"batch {size}" for size in BATCH_SIZES)),
            [
                (name, *(f"{result['parts'][str(size)][name]:.2f}" for size in BATCH_SIZES))
                for name in (*parts.PARTS, "all")
            ],
        ),
        f"{len(texts)} test sentences of CoNLL04. Speed: the best of {args.rounds} rounds. Percentiles: over the calls "
        "of all rounds.",
        "For comparison: a span-based peer with a 6-layer encoder, 16 to 21 sentences/s at batch 1 on this kind of "
        "machine. The bar is ten times its upper figure.",
    )


if __name__ == "__main__":
    frame.run("inference", command)
