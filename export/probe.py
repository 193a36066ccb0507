"""Loads an export in a process that has TensorFlow alone, and records its answers.

`probe` starts this file by its path in that process. There it reads a question from standard input, JSON
`{"path", "texts", "tokens", "requests", "batch_sizes", "libraries"}`, and writes its findings to the file named by its
argument. It must not import anything of this project, and must work with later TensorFlow versions.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PROJECT = ("cman_tf", "export", "tuning", "tensorflow_addons", "tensorflow_serving")
BATCH = 32


def probe(path: str | Path, question: Mapping[str, Any], python: str = sys.executable) -> tuple[Any, str | None]:
    """Run this file in a process of its own, on a moved copy of an export.

    Args:
        path: str or path. A version's folder.
        question: mapping. See the top of this file; `path` is added.
        python: str. Interpreter of the process; it needs TensorFlow alone.

    Returns:
        `(answer, None)`, or `(None, last line of the error)`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy, result = os.path.join(folder, "moved"), os.path.join(folder, "answer.json")
        shutil.copytree(path, copy)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        process = subprocess.run(
            [python, "-I", __file__, result],
            input=json.dumps({"path": copy, **question}),
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
            return None, lines[-1][:500]
        with open(result, encoding="utf-8") as file:
            return json.load(file), None


def main() -> None:
    for name in PROJECT:  # importing any of these now fails, even if it is installed
        sys.modules[name] = None  # type: ignore[assignment]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    question = json.load(sys.stdin)
    import tensorflow as tf

    for name in question["libraries"]:  # operations of these are in a stock server too
        importlib.import_module(name)
    model = tf.saved_model.load(question["path"])
    calls = Probe(tf, model.signatures)
    answer = {
        "tensorflow": tf.__version__,
        "signatures": {name: calls.describe(name) for name in sorted(calls.signatures)},
        "text": calls.answers("serving_default", "text", question["texts"]),
        "tokens": calls.answers("tokens", "tokens", question["tokens"]),
        "warmup": [calls.replay(name, inputs) for name, inputs in question["requests"]],
        "empty": {name: calls.empty(name) for name in calls.signatures},
        "scores": calls.scores(question["tokens"][:BATCH]),
        "milliseconds": {size: calls.time(question["texts"], size) for size in question["batch_sizes"]},
        "rows_wrong": calls.rows_wrong,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(answer, file)


class Probe:
    """Calls signatures and turns their tensors into lists.

    Args:
        tf: the TensorFlow module.
        signatures: mapping of names to concrete functions.

    Attributes:
        rows_wrong: list of str. Outputs whose first dimension was not the batch, as `signature.output`.
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
        """Outputs of a signature as NumPy arrays; records those whose first dimension is not the batch."""
        found = {key: value.numpy() for key, value in self.signatures[name](**inputs).items()}
        rows = int(next(iter(inputs.values())).shape[0])
        for key, value in found.items():
            if value.ndim == 0 or len(value) != rows:
                self.rows_wrong.append(f"{name}.{key}")
        return found

    def strings(self, values: Sequence[Any]) -> Any:
        """String tensor of texts, or of rows of tokens with padding."""
        if values and isinstance(values[0], list):
            width = max(map(len, values))
            rows = [[token.encode("utf-8", "replace") for token in row] + [b""] * (width - len(row)) for row in values]
            return self.tf.constant(rows, self.tf.string, shape=[len(values), width])
        return self.tf.constant([text.encode("utf-8", "replace") for text in values], self.tf.string)

    def answers(self, name: str, key: str, values: Sequence[Any]) -> dict[str, list[Any]]:
        """Outputs of a signature for all `values`, computed in batches, as nested lists with text for bytes."""
        outputs: dict[str, list[Any]] = {}
        for start in range(0, len(values), BATCH):
            found = self.call(name, **{key: self.strings(values[start : start + BATCH])})
            for output, array in found.items():
                outputs.setdefault(output, []).extend(_plain(array))
        return outputs

    def replay(self, name: str, inputs: Mapping[str, Sequence[Any]]) -> int:
        """Number of rows in the answer to a warm-up request."""
        found = self.call(name, **{key: self.strings(values) for key, values in inputs.items()})
        return len(found["tokens"])

    def empty(self, name: str) -> dict[str, int]:
        """Number of rows of each output for an empty batch."""
        shape = [0] if name == "serving_default" else [0, 0]
        key = "text" if name == "serving_default" else "tokens"
        found = self.call(name, **{key: self.tf.zeros(shape, self.tf.string)})
        return {output: len(value) for output, value in found.items()}

    def scores(self, tokens: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
        """Shape of each output of signature `scores`, and whether all values are finite."""
        if not tokens:
            return {}
        found = self.call("scores", tokens=self.strings(tokens))
        arrays = {key: value for key, value in found.items() if value.dtype.kind == "f"}
        return {
            key: {"shape": list(value.shape), "finite": bool((value == value).all() and (abs(value) < 1e30).all())}
            for key, value in arrays.items()
        }

    def time(self, texts: list[str], size: int, calls: int = 10) -> float:
        """Median milliseconds of a call with `size` texts."""
        batch = self.strings((texts * (size // max(len(texts), 1) + 1))[:size])
        seconds = []
        for _ in range(calls + 2):
            start = time.perf_counter()
            self.call("serving_default", text=batch)
            seconds.append(time.perf_counter() - start)
        return 1000 * statistics.median(seconds[2:])


def _plain(values: Any) -> list[Any]:
    """An array as nested lists, with text for bytes."""
    if values.ndim > 1:
        return [_plain(row) for row in values]
    return [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]


if __name__ == "__main__":
    main()
