"""Load an export and answer with it where only TensorFlow is; `export.check` starts this file by its path.

It reads a question from standard input, JSON `{"path", "texts", "tokens", "requests", "batch_sizes", "libraries"}`, and
writes what it found to the file named by its argument. It must not import anything of this project, and works with
later TensorFlows.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

PROJECT = ("cman_tf", "export", "tuning", "tensorflow_addons", "tensorflow_serving")
BATCH = 32


def main() -> None:
    for name in PROJECT:  # an import of any of these fails from here on, though it is installed
        sys.modules[name] = None  # type: ignore[assignment]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    question = json.load(sys.stdin)
    import tensorflow as tf

    for name in question["libraries"]:  # of operations that a stock server has too
        importlib.import_module(name)
    model = tf.saved_model.load(question["path"])
    probe = Probe(tf, model.signatures)
    answer = {
        "tensorflow": tf.__version__,
        "signatures": {name: probe.describe(name) for name in sorted(probe.signatures)},
        "text": probe.answers("serving_default", "text", question["texts"]),
        "tokens": probe.answers("tokens", "tokens", question["tokens"]),
        "warmup": [probe.replay(name, inputs) for name, inputs in question["requests"]],
        "empty": {name: probe.empty(name) for name in probe.signatures},
        "scores": probe.scores(question["tokens"][:BATCH]),
        "milliseconds": {size: probe.time(question["texts"], size) for size in question["batch_sizes"]},
        "rows_wrong": probe.rows_wrong,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(answer, file)


class Probe:
    """Calls signatures and turns their tensors into lists.

    Args:
        tf: the TensorFlow module.
        signatures: mapping of names to concrete functions.

    Attributes:
        rows_wrong: outputs whose dimension 0 was not the batch, as `signature.output`.
    """

    def __init__(self, tf: ModuleType, signatures: Mapping[str, Any]) -> None:
        self.tf = tf
        self.signatures = signatures
        self.rows_wrong: list[str] = []

    def describe(self, name: str) -> dict[str, dict[str, str]]:
        """Inputs and outputs of a signature, `{"inputs"|"outputs": {name: "dtype shape"}}`."""
        function = self.signatures[name]
        kinds = {"inputs": function.structured_input_signature[1], "outputs": function.structured_outputs}
        return {
            kind: {key: f"{spec.dtype.name} {spec.shape}" for key, spec in sorted(specs.items())}
            for kind, specs in kinds.items()
        }

    def call(self, name: str, **inputs: Any) -> dict[str, Any]:
        """Outputs of a signature as NumPy arrays; notes those whose dimension 0 is not the batch."""
        found = {key: value.numpy() for key, value in self.signatures[name](**inputs).items()}
        rows = int(next(iter(inputs.values())).shape[0])
        for key, value in found.items():
            if value.ndim == 0 or len(value) != rows:
                self.rows_wrong.append(f"{name}.{key}")
        return found

    def strings(self, values: Sequence[Any]) -> Any:
        """String tensor of texts or of rows of tokens, padded."""
        if values and isinstance(values[0], list):
            width = max(map(len, values))
            rows = [[token.encode("utf-8", "replace") for token in row] + [b""] * (width - len(row)) for row in values]
            return self.tf.constant(rows, self.tf.string, shape=[len(values), width])
        return self.tf.constant([text.encode("utf-8", "replace") for text in values], self.tf.string)

    def answers(self, name: str, key: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """What a signature finds in each of `values`, as plain lists."""
        rows = []
        for start in range(0, len(values), BATCH):
            chunk = values[start : start + BATCH]
            found = self.call(name, **{key: self.strings(chunk)})
            rows += [_row(found, row) for row in range(len(chunk))]
        return rows

    def replay(self, name: str, inputs: Mapping[str, Sequence[Any]]) -> int:
        """Number of rows that a warm-up request is answered with."""
        found = self.call(name, **{key: self.strings(values) for key, values in inputs.items()})
        return len(found["tokens"])

    def empty(self, name: str) -> dict[str, int]:
        """Rows of each output for an empty batch."""
        shape = [0] if name == "serving_default" else [0, 0]
        key = "text" if name == "serving_default" else "tokens"
        found = self.call(name, **{key: self.tf.zeros(shape, self.tf.string)})
        return {output: len(value) for output, value in found.items()}

    def scores(self, tokens: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Shapes of signature `scores`, and whether all of it is finite."""
        if not tokens:
            return {}
        found = self.call("scores", tokens=self.strings(tokens))
        arrays = {key: value for key, value in found.items() if value.dtype.kind == "f"}
        return {
            key: {"shape": list(value.shape), "finite": bool((value == value).all() and (abs(value) < 1e30).all())}
            for key, value in arrays.items()
        }

    def time(self, texts: list[str], size: int, calls: int = 20) -> float:
        """Median milliseconds of a call with `size` of the texts."""
        batch = self.strings((texts * (size // max(len(texts), 1) + 1))[:size])
        seconds = []
        for _ in range(calls + 2):
            start = time.perf_counter()
            self.call("serving_default", text=batch)
            seconds.append(time.perf_counter() - start)
        return 1000 * statistics.median(seconds[2:])


def _row(found: Mapping[str, Any], row: int) -> dict[str, Any]:
    """One row of an answer without its padding."""

    def items(mask: str, *names: str) -> list[list[Any]]:
        kept = found[mask][row]
        return [list(item) for item in zip(*(_plain(found[name][row][kept]) for name in names))]

    present = found["tokens"][row] != b""
    entity = ("start", "end", "char_start", "char_end", "type", "score")
    return {
        "tokens": _plain(found["tokens"][row][present]),
        "offsets": [list(p) for p in zip(*(_plain(found[f"token_{end}"][row][present]) for end in ("start", "end")))],
        "tags": _plain(found["tags"][row][present]),
        "entities": items("entity_mask", *(f"entity_{name}" for name in entity)),
        "relations": items("relation_mask", *(f"relation_{name}" for name in ("head", "tail", "type", "score"))),
        "overflow": {kind: int(found[f"{kind}_overflow"][row]) for kind in ("token", "entity", "relation")},
    }


def _plain(values: Any) -> list[Any]:
    return [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]


if __name__ == "__main__":
    main()
