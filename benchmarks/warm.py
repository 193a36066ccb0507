"""`python -m benchmarks.warm`: training and prediction after the first steps, against a base commit.

Each checkout trains on the same sentences, with its own commands and in processes of its own, and then predicts from
raw text; the checkouts take turns, and the best round of each counts. There are two configurations: words and
characters only, and all-MiniLM-L6-v2 fine-tuned, which is computed on the spot. The encoder alone is measured after the
predictions.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment
from cman_tf import stack
from cman_tf.data import formats
from cman_tf.errors import InputError

# The bars: how many times as many sentences a second as the base.
BARS = {
    "sample": {"prediction, batch 1": 2.0, "prediction, batch 32": 1.5},
    "conll04_minilm_finetuned": {"prediction, batch 1": 2.5, "training": 2.0},
}

# The first epoch includes tracing.
EPOCHS = 6

# Prints a JSON object: sentences a second, and milliseconds a sentence. The names that it imports are those of all
# versions.
_PREDICTION = """
import inspect, json, sys, time
import cman_tf
import numpy as np
import tensorflow as tf
from cman_tf.encoders.contextual import load_encoder

run, encoder, texts = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))

def milliseconds(function, arguments, size=1):
    "Each call's time for a sentence, after some calls that are not measured."
    for argument in arguments[:20]:
        function(argument)
    times = []
    for argument in arguments:
        start = time.perf_counter()
        function(argument)
        times.append(1000 * (time.perf_counter() - start) / size)
    return float(np.mean(times))

predictor = cman_tf.load(run)
# Earlier versions take each text as one sentence.
options = {"split": False} if "split" in inspect.signature(type(predictor).__call__).parameters else {}
batches = [texts[first : first + 32] for first in range(0, len(texts) - 31, 32)]
found = {
    "prediction, batch 1": 1000 / milliseconds(lambda text: predictor(text, **options), texts),
    "prediction, batch 32": 1000 / milliseconds(lambda batch: predictor(batch, **options), batches, 32),
}
if encoder:
    alone = load_encoder(encoder)
    signature = [tf.TensorSpec([None, None], tf.string)]
    graph = tf.function(lambda tokens: alone(tokens), input_signature=signature)

    @tf.function(input_signature=signature)
    def step(tokens):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(alone(tokens, training=True) ** 2)
        gradients = tape.gradient(loss, alone.trainable_variables)
        return tf.add_n([tf.reduce_sum(tf.convert_to_tensor(gradient)) for gradient in gradients])

    words = [text.split() for text in texts]
    batches = [words[first : first + 8] for first in range(0, len(words) - 7, 8)]
    batches = [[row + [""] * (max(map(len, batch)) - len(row)) for row in batch] for batch in batches]
    sentences = [tf.constant([sentence]) for sentence in words]
    found["encoder"] = milliseconds(lambda tokens: graph(tokens).numpy(), sentences)
    found["encoder, both ways"] = milliseconds(lambda tokens: step(tokens).numpy(), list(map(tf.constant, batches)), 8)
print(json.dumps(found))
"""


def measure(sources, encoders, documents, rounds, say):
    """Figures of all rounds: dict of configuration to dict of checkout to list of dict.

    Sentences a second of `training` (the best epoch), `prediction, batch 1` and `prediction, batch 32`; with an
    encoder also milliseconds a sentence of the `encoder` in prediction and, forward and backward, in training.

    Args:
        sources: dict of name to `(path, python)`: the checkout and its Python.
        encoders: path. The folder with `minilm`.
        documents: dict of `"train"`, `"dev"` and `"test"` to list of `Document`.
        rounds: int.
        say: callable that takes what is being measured.
    """
    found = {config: {name: [] for name in sources} for config in BARS}
    with tempfile.TemporaryDirectory() as folder:
        for split in ("train", "dev"):
            formats.write(documents[split], Path(folder, f"{split}.json"), "spert")
        texts = Path(folder, "texts.json")
        texts.write_text(json.dumps([" ".join(document.tokens) for document in documents["test"]]), encoding="utf-8")
        places = [(number, config, name) for number in range(rounds) for config in BARS for name in sources]
        for number, config, name in places:
            source, python = sources[name]
            run = Path(folder, f"{config}-{name}-{number}")
            say(f"round {number + 1} of {rounds}: {config}, {name}")
            changes = ["--corpus.name", folder, "--training.epochs", str(EPOCHS)]
            _run([python, "-m", "cman_tf.fit", "--config", config, *changes, "--run-dir", str(run)], source, encoders)
            with open(run / "history.csv", encoding="utf-8", newline="") as file:
                speeds = [float(row["sentences_per_second"]) for row in csv.DictReader(file)]
            encoder = str(Path(encoders, "minilm")) if "minilm" in config else ""
            output = _run([python, "-c", _PREDICTION, str(run), encoder, str(texts)], source, encoders)
            found[config][name].append({"training": max(speeds[1:]), **json.loads(output.splitlines()[-1])})
    return found


def _run(command, source, encoders):
    """Output of a process with the packages of a checkout."""
    inherited = {name: value for name, value in os.environ.items() if name != stack.LEGACY_KERAS}
    known = {"PYTHONPATH": str(source), "CMAN_TF_ENCODERS": str(encoders), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=source, env={**inherited, **known}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[1:3]} of {source} ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def best(rounds):
    """The best round of each figure: dict of configuration to dict of checkout to dict of float."""
    return {
        config: {
            name: {key: (min if "encoder" in key else max)(row[key] for row in rows) for key in rows[0]}
            for name, rows in by_name.items()
        }
        for config, by_name in rounds.items()
    }


def bars(found):
    """The bars, see `frame.bar`, from what `best` returns with a base."""
    return [
        frame.bar(
            f"{config}: {key}",
            "times the sentences/s of the base",
            found[config]["here"][key] / found[config]["base"][key],
            "at least",
            limit,
        )
        for config, limits in BARS.items()
        for key, limit in limits.items()
    ]


def command(argv):
    parser = frame.parser(
        "warm",
        "Measure training and prediction after the first steps: with words and characters, and with all-MiniLM-L6-v2.",
        "encoders --base ../base --base-python ../base/.venv/bin/python",
        usage="ENCODERS [options]",
        rounds="how often each checkout is measured",
    )
    parser.add_argument("encoders", metavar="ENCODERS", help="folder with minilm, see docs/encoders.md")
    parser.add_argument("--base", metavar="FOLDER", help="a checkout of another commit, to compare with")
    parser.add_argument("--base-python", metavar="FILE", default=sys.executable, help="its Python (default: this one)")
    parser.add_argument("--sentences", metavar="N", type=int, default=200, help="for each training (default: 200)")
    args = frame.parse(parser, argv)

    from rich.console import Console

    from benchmarks.corpus import conll04

    encoders = Path(args.encoders).resolve()
    if not (encoders / "minilm").is_dir():
        raise InputError(f"ENCODERS must be a folder with minilm. Received: {args.encoders}")
    sources = {"here": (Path(__file__).resolve().parents[1], sys.executable)}
    if args.base:
        base = Path(args.base).resolve()
        if not (base / "cman_tf").is_dir():
            raise InputError(f"--base must be a checkout of this project. Received: {args.base}")
        sources["base"] = base, args.base_python
    documents = {
        "train": conll04("train", args.data_dir)[: args.sentences],
        "dev": conll04("dev", args.data_dir)[:20],
        "test": conll04("test", args.data_dir),
    }
    about = environment()
    with Console(stderr=True).status("starting") as status:
        rounds = measure(sources, encoders, documents, args.rounds, status.update)
    found = best(rounds)
    result = {"rounds": rounds, "sentences": {name: len(part) for name, part in documents.items()}, "best": found}
    if args.base:
        result["bars"] = bars(found)
    tables = []
    for config, by_name in found.items():
        rows = [(key, *(f"{figures[key]:.1f}" for figures in by_name.values())) for key in by_name["here"]]
        tables.append(frame.table(config, ("figure", *by_name), rows))
    note = "Sentences/s; of the encoder alone, milliseconds a sentence."
    frame.report(args, about, result, *tables, note)


if __name__ == "__main__":
    frame.run("warm", command)
