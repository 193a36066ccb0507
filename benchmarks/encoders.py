"""`python -m benchmarks.encoders SOURCES MODULES`: converted encoders beside their sources."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import frame
from benchmarks.environment import environment
from cman_tf.errors import InputError, optional

# Module, folder of the source, class of transformers.
ENCODERS = {
    "minilm": ("all-MiniLM-L6-v2", "TFBertModel"),
    "mpnet": ("all-mpnet-base-v2", "TFMPNetModel"),
    "flair": ("flair-news-fast", None),
}
BATCH_SIZE = 16


def measure(name, sources, modules, sentences, rounds):
    """Parity and speed of one encoder.

    Args:
        name: str, a key of `ENCODERS`.
        sources, modules: paths of the folders with the published and the converted encoders.
        sentences: list of lists of str.
        rounds: int. How often module and source are timed, in turns.

    Returns:
        dict: `largest_difference` over all tokens, layers and elements of sentences encoded one by one;
        `source_with_itself`, that of the source between sentences encoded one by one and in a batch; `largest_value`;
        `sentences_per_second` of `module` and `source` (None for Flair, whose source here is a loop in NumPy), and of
        the feature store `computing` and `reading`; `store_megabytes`.
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

    # Flair's source takes a second for each sentence.
    chosen = sentences if kind else sentences[:: max(len(sentences) // 12, 1)]
    alone = [source([sentence], pooled=True)[0] for sentence in chosen]
    difference = _largest(module([sentence])[0] - expected for sentence, expected in zip(chosen, alone))
    batched = (row for batch in batches for row in source(batch, pooled=True))
    own = kind and _largest(row - expected for row, expected in zip(batched, alone))
    speeds = [(_speed(module, batches), kind and _speed(source, batches)) for _ in range(rounds)]
    speed = {"module": max(own for own, _ in speeds), "source": kind and max(other for _, other in speeds)}
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
    """Sentences per second that the feature store computes and writes, and that it reads: dict of float."""
    from cman_tf.encoders.feature_store import FeatureStore

    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(encoder, folder)
        computing = _speed(store.vectors, [sentences])
        # As training reads them.
        stored, rows = store.vectors(sentences), range(len(sentences))
        return {"computing": computing, "reading": _speed(lambda rows: [np.array(stored[row]) for row in rows], [rows])}


def _transformer(folder, kind):
    """The published model as a function of sentences; with `pooled`, vectors of words `(tokens, layers, width)`."""
    import tensorflow as tf

    transformers = optional("transformers", "parity")
    model = getattr(transformers, kind).from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tf.TensorSpec([None, None], tf.int32)
    call = tf.function(
        lambda ids, mask: model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states,
        input_signature=[ids, ids],
    )

    def run(batch, pooled=False):
        pieces = tokenizer(batch, is_split_into_words=True, padding=True, return_tensors="tf")
        # In a graph, TFMPNetModel of transformers 4.46 rounds a logarithm down and uses the wrong bin for a distance of
        # 64, which does not change its speed.
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


def _rows(encoders):
    for name, found in encoders.items():
        speed = found["sentences_per_second"]
        yield (
            name,
            f"{found['largest_difference']:.1e}",
            f"{found['source_with_itself']:.1e}" if found["source_with_itself"] else "",
            f"{found['largest_value']:.1f}",
            f"{speed['module']:.1f}",
            f"{speed['source']:.1f}" if speed["source"] else "",
            f"{speed['module'] / speed['source']:.2f}" if speed["source"] else "",
            f"{speed['reading'] / speed['computing']:.0f}",
        )


def command(argv):
    parser = frame.parser(
        "encoders",
        "Compare converted encoders with their sources: largest difference, speed, and speed of the feature store.",
        "sources encoders",
        usage="SOURCES MODULES [options]",
    )
    names = ", ".join(folder for folder, _ in ENCODERS.values())
    parser.add_argument("sources", metavar="SOURCES", help=f"folder with {names}")
    parser.add_argument("modules", metavar="MODULES", help=f"folder with {', '.join(ENCODERS)}")
    parser.add_argument(
        "--sentences", metavar="N", type=int, default=96, help="sentences of the test split (default: 96)"
    )
    args = frame.parse(parser, argv)
    sources, modules = Path(args.sources), Path(args.modules)
    for name, (folder, _) in ENCODERS.items():
        for path in (sources / folder, modules / name):
            if not path.is_dir():
                raise InputError(f"Encoder not found: {path}. Every encoder is needed, published and converted.")
    # Otherwise transformers asks the network about folders.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    from benchmarks.corpus import conll04

    sentences = [list(document.tokens) for document in conll04("test", args.data_dir)]
    # From the whole split, and of similar length in a batch, as in the store and the predictor.
    sentences = sorted(sentences[:: max(len(sentences) // args.sentences, 1)][: args.sentences], key=len)
    about, result = environment(), {"sentences": len(sentences), "rounds": args.rounds, "batch_size": BATCH_SIZE}
    result["encoders"] = {name: measure(name, sources, modules, sentences, args.rounds) for name in ENCODERS}
    title = f"{len(sentences)} test sentences of CoNLL04, batches of {BATCH_SIZE}"
    speeds = "module, sentences/s", "source", "module / source", "store: read / computed"
    headings = "", "difference", "source with itself", "of values up to", *speeds
    frame.report(args, about, result, frame.table(title, headings, _rows(result["encoders"])))


if __name__ == "__main__":
    frame.run("encoders", command)
