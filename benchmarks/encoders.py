"""`python -m benchmarks.encoders SOURCES MODULES`: converted encoders beside what they were converted from."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

# Module, folder of the source, class of transformers.
ENCODERS = {
    "minilm": ("all-MiniLM-L6-v2", "TFBertModel"),
    "mpnet": ("all-mpnet-base-v2", "TFMPNetModel"),
    "flair": ("flair-news-fast", None),
}
BATCH_SIZE = 16


def measure(name, sources, modules, sentences, rounds):
    """One encoder's parity and speed.

    Args:
        name: str, a key of `ENCODERS`.
        sources, modules: paths of the folders with the published and the converted encoders.
        sentences: list of lists of str.
        rounds: int. The two are timed in turns, for others may be at work.

    Returns:
        dict: `largest_difference` over all tokens, layers and elements of sentences read alone; `source_with_itself`,
        that of the source between sentences read alone and in a batch; `largest_value` beside them;
        `sentences_per_second` of `module`, `source` (None for Flair, whose source here is a loop in NumPy), of the
        store `computing` and `reading`; `store_megabytes`.
    """
    import tensorflow as tf

    from cman_tf.encoders.contextual import load_encoder

    encoder = load_encoder(modules / name)
    folder, kind = ENCODERS[name]
    source = _transformer(sources / folder, kind) if kind else _flair(sources / folder)
    batches = [sentences[first : first + BATCH_SIZE] for first in range(0, len(sentences), BATCH_SIZE)]

    def module(batch):
        longest = max(map(len, batch))
        return encoder(tf.constant([[*sentence, *[""] * (longest - len(sentence))] for sentence in batch])).numpy()

    # Flair's source takes a second a sentence.
    chosen = sentences if kind else sentences[:: max(len(sentences) // 12, 1)]
    alone = [source([sentence], pooled=True)[0] for sentence in chosen]
    difference = _largest(module([sentence])[0] - expected for sentence, expected in zip(chosen, alone))
    batched = (row for batch in batches for row in source(batch, pooled=True))
    own = kind and _largest(row - expected for row, expected in zip(batched, alone))
    speed = {"module": _speed(module, batches), "source": kind and _speed(source, batches)}
    for _ in range(rounds - 1):
        speed["module"] = max(speed["module"], _speed(module, batches))
        speed["source"] = kind and max(speed["source"], _speed(source, batches))
    speed |= _store(encoder, sentences)
    return {
        "largest_difference": difference,
        "source_with_itself": own,
        "largest_value": _largest(alone),
        "sentences_per_second": speed,
        "store_megabytes": sum(map(len, sentences)) * encoder.layers * encoder.width * 2 / 1e6,
    }


def _largest(arrays):
    return float(max(np.abs(array).max() for array in arrays))


def _speed(call, batches):
    start = time.perf_counter()
    for batch in batches:
        call(batch)
    return sum(map(len, batches)) / (time.perf_counter() - start)


def _store(encoder, sentences):
    """Sentences a second that are computed and kept, and that are read again."""
    from cman_tf.encoders.feature_store import FeatureStore

    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(encoder, folder)
        computing = _speed(store.vectors, [sentences])
        # As an epoch reads them.
        stored, rows = store.vectors(sentences), range(len(sentences))
        return {"computing": computing, "reading": _speed(lambda rows: [np.array(stored[row]) for row in rows], [rows])}


def _transformer(folder, kind):
    """The published model: a function of sentences, words' vectors `(tokens, layers, width)` if they are pooled."""
    try:
        import transformers
    except ImportError:
        raise InputError(
            'This needs transformers: pip install -e ".[parity]" in the checkout. Received: an environment '
            "without transformers"
        ) from None
    import tensorflow as tf

    model = getattr(transformers, kind).from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tf.TensorSpec([None, None], tf.int32)
    call = tf.function(
        lambda ids, mask: model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states,
        input_signature=[ids, ids],
    )

    def run(batch, pooled=False):
        pieces = tokenizer(batch, is_split_into_words=True, padding=True, return_tensors="tf")
        # In a graph, TFMPNetModel of transformers 4.46 rounds a logarithm down and takes the wrong bin for a distance
        # of 64. For its speed that is nothing.
        function = call.python_function if pooled else call
        states = [state.numpy() for state in function(pieces["input_ids"], pieces["attention_mask"])]
        if not pooled:
            return states
        states, result = np.stack(states, axis=2), []
        for row, sentence in enumerate(batch):
            words = np.array([-1 if word is None else word for word in pieces.word_ids(row)])
            result.append(np.array([states[row][words == n].mean(axis=0) for n in range(len(sentence))]))
        return result

    return run


def _flair(folder):
    from tests.encoders import numpy_models

    characters = json.loads((folder / "char2id.json").read_text(encoding="utf-8"))
    with np.load(folder / "lm.npz") as archive:
        tensors = dict(archive)
    return lambda batch, pooled: [numpy_models.flair(tensors, characters, s)[:, None] for s in batch]


def _print(result):
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{result['sentences']} test sentences of CoNLL04, batches of {result['batch_size']}")
    speeds = "module, sentences/s", "source", "module / source", "store: read / computed"
    for heading in ("", "difference", "source with itself", "of values up to", *speeds):
        table.add_column(heading, justify="right" if heading else "left")
    for name, found in result["encoders"].items():
        speed = found["sentences_per_second"]
        source, ratio = ("", "")
        if speed["source"]:
            source, ratio = f"{speed['source']:.1f}", f"{speed['module'] / speed['source']:.2f}"
        reading = f"{speed['reading'] / speed['computing']:.0f}"
        difference, value = f"{found['largest_difference']:.1e}", f"{found['largest_value']:.1f}"
        own = f"{found['source_with_itself']:.1e}" if found["source_with_itself"] else ""
        table.add_row(name, difference, own, value, f"{speed['module']:.1f}", source, ratio, reading)
    # Off a terminal rich assumes 80 columns and would break the rows.
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(table, highlight=False)


def command(argv):
    parser = cli.parser(
        "benchmarks.encoders",
        "Hold converted encoders against their sources: largest difference, speed, and speed of the store.",
        "python -m benchmarks.encoders sources encoders --json benchmarks/results/encoders.json",
        usage="SOURCES MODULES [options]",
    )
    names = ", ".join(folder for folder, _ in ENCODERS.values())
    parser.add_argument("sources", metavar="SOURCES", help=f"folder with {names}")
    parser.add_argument("modules", metavar="MODULES", help=f"folder with {', '.join(ENCODERS)}")
    parser.add_argument("--json", metavar="FILE", help="write all figures there too")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--sentences", type=int, default=96, help="sentences of the test split (default: 96)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed (default: 3)")
    args = cli.parse(parser, argv)
    cli.check_count("--sentences", args.sentences)
    cli.check_count("--rounds", args.rounds)
    sources, modules = Path(args.sources), Path(args.modules)
    for path in [path for name, (folder, _) in ENCODERS.items() for path in (sources / folder, modules / name)]:
        if not path.is_dir():
            raise InputError(f"Every encoder must be there, published and converted. Received: no {path}")
    # Else transformers asks the network about folders.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    from benchmarks.corpus import conll04

    sentences = [list(document.tokens) for document in conll04("test", args.data_dir)]
    # Spread over the split, and of similar length in a batch, as the store and the predictor do.
    sentences = sorted(sentences[:: max(len(sentences) // args.sentences, 1)][: args.sentences], key=len)
    result = {
        "environment": environment(),
        "sentences": len(sentences),
        "rounds": args.rounds,
        "batch_size": BATCH_SIZE,
    }
    result["encoders"] = {name: measure(name, sources, modules, sentences, args.rounds) for name in ENCODERS}
    _print(result)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.encoders", command))
