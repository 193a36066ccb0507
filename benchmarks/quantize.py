"""`python -m benchmarks.quantize MODULE`: what fewer bits would make of an encoder's size, speed and vectors.

`export.savedmodel --quantize` makes an encoder's table of word pieces smaller, and leaves its kernels as they are:
docs/serving.md says why, with the figures of this command.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf

from benchmarks.environment import environment
from cman_tf.commands import cli
from cman_tf.encoders.transformer import Transformer
from cman_tf.errors import InputError
from cman_tf.files import atomic_write

BATCH_SIZES = (1, 16)

# Name, bits of the table of word pieces, bits of the kernels.
FORMS = (
    ("float32", None, None),
    ("table float16", "float16", None),
    ("table int8", "int8", None),
    ("all float16", "float16", "float16"),
    ("all int8", "int8", "int8"),
)


class Stored(Transformer):
    """A `Transformer` whose table of word pieces and kernels are stored in fewer bits, and float32 when they are used.

    Args:
        weights: dict of names to float32 arrays.
        table, kernels: `"float16"`, `"int8"` or None.
        options: of `Transformer`.
    """

    def __init__(self, weights, table, kernels, **options):
        super().__init__(weights, **options)
        for name, value in weights.items():
            kind = table if name == "layer_0/word" else kernels if name.endswith("/kernel") else None
            if kind:
                # A scale for each word piece, and for each column of a kernel.
                self.weights[name] = _stored(value, kind, axis=1 if name == "layer_0/word" else 0)

    def bytes(self):
        """Bytes of all weights as they are stored, int."""
        parts = [part for value in self.weights.values() for part in (value if isinstance(value, tuple) else (value,))]
        return sum(int(np.prod(part.shape)) * part.dtype.size for part in parts)

    def _embed(self, ids, positions, training):
        table = self.weights["layer_0/word"]
        if isinstance(table, tuple):  # the few rows that are read, not the whole
            result = tf.cast(tf.gather(table[0], ids), tf.float32)
            result = result * tf.gather(table[1], ids) if len(table) > 1 else result
        else:
            result = tf.gather(table, ids)
        result += tf.gather(self.weights["layer_0/position"], positions + self.first_position)
        if "layer_0/type" in self.weights:
            result += self.weights["layer_0/type"]
        return self._norm(result, "layer_0/norm")

    def _dense(self, inputs, name):
        kernel = self.weights[f"{name}/kernel"]
        if isinstance(kernel, tuple):
            whole = tf.cast(kernel[0], tf.float32)
            kernel = whole * kernel[1] if len(kernel) > 1 else whole
        return tf.nn.bias_add(tf.matmul(inputs, kernel), self.weights[f"{name}/bias"])


def _stored(value, kind, axis):
    if kind == "float16":
        return (tf.Variable(value.astype(np.float16), trainable=False),)
    scale = np.maximum(np.abs(value).max(axis=axis, keepdims=True), 1e-12) / 127
    return (
        tf.Variable(np.round(value / scale).astype(np.int8), trainable=False),
        tf.Variable(scale.astype(np.float32), trainable=False),
    )


def measure(path, heads, sentences, rounds):
    """All forms of one encoder, timed in turns.

    Args:
        path: str. A module that `cman_tf.encoders.conversion` wrote of BERT.
        heads: int. Which the module does not tell.
        sentences: list of lists of str.
        rounds: int.

    Returns:
        dict of form to `megabytes`, `largest_difference` of its last layer from float32's, `largest_value`, and
        `sentences_per_second` by batch size, the best of the rounds.
    """
    from cman_tf.encoders.contextual import load_encoder

    encoder = load_encoder(path)
    weights = {variable.name.split(":")[0]: variable.numpy() for variable in encoder.trainable_variables}
    if "layer_0/word" not in weights or encoder.layers < 2:
        raise InputError(f"An encoder must be a Transformer, of word pieces. Received: {path}")
    rows = [encoder.module.encoder.pieces(tf.constant(sentence)).flat_values.numpy() for sentence in sentences]
    options = {"layers": encoder.layers - 1, "heads": heads}
    forms = {name: _Form(Stored(weights, *kinds, **options)) for name, *kinds in FORMS}
    expected = forms["float32"].vectors(rows)
    result = {
        name: {
            "megabytes": form.encoder.bytes() / 1e6,
            "largest_difference": max(float(np.abs(a - b).max()) for a, b in zip(form.vectors(rows), expected)),
            "largest_value": max(float(np.abs(value).max()) for value in expected),
            "sentences_per_second": dict.fromkeys(map(str, BATCH_SIZES), 0.0),
        }
        for name, form in forms.items()
    }
    for _ in range(rounds):
        for name, form in forms.items():
            speeds = result[name]["sentences_per_second"]
            for size in BATCH_SIZES:
                speeds[str(size)] = max(speeds[str(size)], form.speed(rows, size))
    return result


class _Form:
    def __init__(self, encoder):
        self.encoder = encoder
        matrix, vector = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
        self.call = tf.function(lambda ids, sizes: encoder(ids, sizes, False)[-1], [matrix, vector], autograph=False)

    def vectors(self, rows):
        return [self.call(row[None], [len(row)]).numpy() for row in rows]

    def speed(self, rows, size):
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        padded = [np.array([np.pad(row, (0, max(map(len, batch)) - len(row))) for row in batch]) for batch in batches]
        inputs = [(ids, np.array([len(row) for row in batch], np.int32)) for ids, batch in zip(padded, batches)]
        start = time.perf_counter()
        for ids, lengths in inputs:
            self.call(ids, lengths)
        return len(rows) / (time.perf_counter() - start)


def text(result):
    """The result in words."""
    lines = [f"{'':<16}{'MB':>8}{'difference':>12}" + "".join(f"{f'{size}, sent./s':>14}" for size in BATCH_SIZES)]
    for name, row in result["forms"].items():
        speeds = "".join(f"{speed:>14.1f}" for speed in row["sentences_per_second"].values())
        lines.append(f"{name:<16}{row['megabytes']:>8.1f}{row['largest_difference']:>12.4f}{speeds}")
    about = result["environment"]
    return "\n".join([*lines, f"load {about['load_at_start']} at start, {about['load_at_end']} at end"])


def command(argv):
    parser = cli.parser(
        "benchmarks.quantize",
        "Measure an encoder whose weights are stored in fewer bits, on CoNLL04's test sentences.",
        "python -m benchmarks.quantize encoders/minilm --json benchmarks/results/quantize.json",
        usage="MODULE [options]",
    )
    parser.add_argument("module", metavar="MODULE", help="folder of a converted BERT")
    parser.add_argument("--heads", type=int, default=12, metavar="N", help="attention heads (default: 12, MiniLM's)")
    parser.add_argument("--data-dir", help="folder with a copy of CoNLL04 (default: CMAN_TF_DATA or ../shared/data)")
    parser.add_argument("--sentences", type=int, default=48, metavar="N", help="of the test split (default: 48)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each is timed (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="write all figures there too (default: no file)")
    args = cli.parse(parser, argv)
    for option in ("heads", "sentences", "rounds"):
        cli.check_count(f"--{option}", getattr(args, option))

    from benchmarks.corpus import conll04

    sentences = sorted((list(d.tokens) for d in conll04("test", args.data_dir)), key=len)
    sentences = sentences[:: max(len(sentences) // args.sentences, 1)][: args.sentences]
    about = environment()
    forms = measure(args.module, args.heads, sentences, args.rounds)
    about["load_at_end"] = round(os.getloadavg()[0], 2)
    result = {"environment": about, "module": os.path.basename(os.path.normpath(args.module)), "forms": forms}
    result |= {"sentences": len(sentences), "rounds": args.rounds}
    print(text(result))
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    sys.exit(cli.run("benchmarks.quantize", command))
