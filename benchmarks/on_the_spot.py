"""`python -m benchmarks.on_the_spot`: an encoder that is computed on the spot, in fine-tuning and in prediction.

Each checkout fine-tunes the encoder on the same sentences, with its own commands and in processes of its own, and then
predicts from raw text, one sentence a call; the checkouts take turns. The encoder alone is measured after that.
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

CONFIG = "conll04_minilm_finetuned"

# The first epoch includes tracing.
EPOCHS = 6

# Prints a JSON object. `cman_tf.load` and `load_encoder` have had the same names in all versions.
_PREDICTION = """
import inspect, json, sys, time
import cman_tf
import numpy as np
import tensorflow as tf
from cman_tf.encoders.contextual import load_encoder

run, encoder, texts = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))

def milliseconds(function, arguments):
    for argument in arguments[:20]:
        function(argument)
    times = []
    for argument in arguments:
        start = time.perf_counter()
        function(argument)
        times.append(1000 * (time.perf_counter() - start))
    return times

predictor = cman_tf.load(run)
# Earlier versions take each text as one sentence.
options = {"split": False} if "split" in inspect.signature(type(predictor).__call__).parameters else {}
calls = milliseconds(lambda text: predictor(text, **options), texts)
alone = load_encoder(encoder)
graph = tf.function(lambda tokens: alone(tokens), input_signature=[tf.TensorSpec([None, None], tf.string)])
sentences = [tf.constant([text.split()]) for text in texts]
inner = milliseconds(lambda tokens: graph(tokens).numpy(), sentences)

@tf.function(input_signature=[tf.TensorSpec([None, None], tf.string)])
def step(tokens):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(alone(tokens, training=True) ** 2)
    return tf.add_n([tf.reduce_sum(tf.convert_to_tensor(g)) for g in tape.gradient(loss, alone.trainable_variables)])

words = [text.split() for text in texts]
batches = [words[first : first + 8] for first in range(0, len(words) - 7, 8)]
padded = [[row + [""] * (max(map(len, batch)) - len(row)) for row in batch] for batch in batches]
gradient = milliseconds(lambda tokens: step(tokens).numpy(), [tf.constant(batch) for batch in padded])
print(json.dumps({
    "sentences_per_second": 1000 / np.mean(calls),
    "p50": np.percentile(calls, 50),
    "p99": np.percentile(calls, 99),
    "milliseconds": np.mean(calls),
    "encoder_milliseconds": np.mean(inner),
    "encoder_gradient_milliseconds": np.mean(gradient) / 8,
}))
"""

# Times as many sentences a second as the base.
PREDICTION, FINE_TUNING = 2.5, 2.0


def measure(sources, encoders, documents, rounds, say):
    """Figures of all rounds: dict of checkout to list of dict.

    Args:
        sources: dict of name to `(path, python)`: the checkout and its Python.
        encoders: path. The folder with `minilm`.
        documents: dict of `"train"`, `"dev"` and `"test"` to list of `Document`.
        rounds: int.
        say: callable that takes what is being measured.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for split in ("train", "dev"):
            formats.write(documents[split], Path(folder, f"{split}.json"), "spert")
        texts = Path(folder, "texts.json")
        texts.write_text(json.dumps([" ".join(document.tokens) for document in documents["test"]]), encoding="utf-8")
        for number in range(1, rounds + 1):
            for name, (source, python) in sources.items():
                run = Path(folder, f"{name}-{number}")
                changes = {"corpus.name": folder, "training.epochs": EPOCHS}
                arguments = [str(item) for key, value in changes.items() for item in (f"--{key}", value)]
                say(f"round {number} of {rounds}: fine-tuning, {name}")
                fit = ["-m", "cman_tf.fit", "--config", CONFIG, *arguments, "--run-dir", str(run)]
                _run([python, *fit], source, encoders)
                with open(run / "history.csv", encoding="utf-8", newline="") as file:
                    speeds = [float(row["sentences_per_second"]) for row in csv.DictReader(file)]
                say(f"round {number} of {rounds}: prediction, {name}")
                code = ["-c", _PREDICTION, str(run), str(Path(encoders, "minilm")), str(texts)]
                figures = json.loads(_run([python, *code], source, encoders).splitlines()[-1])
                found.setdefault(name, []).append({**figures, "fine_tuning_sentences_per_second": max(speeds[1:])})
    return found


def _run(command, source, encoders):
    """Output of a process with the packages of a checkout."""
    inherited = {name: value for name, value in os.environ.items() if name != stack.LEGACY_KERAS}
    known = {"PYTHONPATH": str(source), "CMAN_TF_ENCODERS": str(encoders), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=source, env={**inherited, **known}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[1:3]} of {source} ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def best(found):
    """The best round of each checkout by figure: dict of checkout to dict of float."""
    speeds = ("sentences_per_second", "fine_tuning_sentences_per_second")
    return {
        name: {key: (max if key in speeds else min)(row[key] for row in rows) for key in rows[0]}
        for name, rows in found.items()
    }


def bars(found):
    """The bars, see `frame.bar`, from what `best` returns with a base."""
    limits = {"sentences_per_second": PREDICTION, "fine_tuning_sentences_per_second": FINE_TUNING}
    here, base = found["here"], found["base"]
    modes = {"sentences_per_second": "prediction, batch 1", "fine_tuning_sentences_per_second": "fine-tuning"}
    return [
        frame.bar(modes[key], "times the sentences/s of the base", here[key] / base[key], "at least", limit)
        for key, limit in limits.items()
    ]


def command(argv):
    parser = frame.parser(
        "on_the_spot",
        "Measure fine-tuning of all-MiniLM-L6-v2 and prediction with it, one sentence a call.",
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
    rows = [(key.replace("_", " "), *(f"{found[name][key]:.1f}" for name in found)) for key in found["here"]]
    frame.report(args, about, result, frame.table("all-MiniLM-L6-v2 on the spot", ("figure", *found), rows))


if __name__ == "__main__":
    frame.run("on_the_spot", command)
