"""Word vectors in fewer bits: in an export they are most of the bytes, and no gradient needs their last digits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.model.cman import Cman
    from cman_tf.predictor import Predictor
    from cman_tf.training.run import Run


def quantize(model: Cman, kind: str) -> tuple[int, int]:
    """Make a model's word tables smaller, in place.

    float16 keeps the vectors in half precision; int8 keeps a byte for each number and one scale for each word. The
    rest of the network is as it was: its matrices are small, and TensorFlow multiplies float32 faster on a CPU.

    Args:
        model: `Cman`.
        kind: `"float16"` or `"int8"`.

    Returns:
        `(before, after)`: bytes of the tables.
    """
    layer = model.token_embedding.get_layer("word_embedding")
    tables = {name: getattr(layer, name) for name in ("trained", "fixed") if hasattr(layer, name)}
    stored = {name: _stored(table.numpy(), kind, name) for name, table in tables.items()}
    before = sum(table.numpy().nbytes for table in tables.values())

    def rows(name: str, ids: tf.Tensor) -> tf.Tensor:
        values = tf.cast(tf.gather(stored[name][0], ids), tf.float32)
        return values * tf.gather(stored[name][1], ids) if kind == "int8" else values

    def call(inputs: tf.Tensor) -> tf.Tensor:
        # As `WordEmbedding.call`, on tables of another type.
        trained = inputs < layer.num_trained
        vectors = rows("trained", tf.where(trained, inputs, 1))
        if "fixed" not in stored:
            return vectors
        fixed = rows("fixed", tf.maximum(inputs - layer.num_trained, 0))
        return tf.where(trained[..., None], vectors, fixed)

    layer.call = call
    # Plain attributes: a tracked one would put the tables among the layer's weights, in the order of none of them.
    layer.__dict__["quantized"] = [part for parts in stored.values() for part in parts], list(tables.values())
    return before, sum(part.numpy().nbytes for parts in stored.values() for part in parts)


def stored_weights(model: Cman) -> list[tf.Variable]:
    """The variables that a model's answers read: its weights, with the smaller tables in place of the larger."""
    new, old = model.token_embedding.get_layer("word_embedding").__dict__.get("quantized", ([], []))
    dropped = {id(table) for table in old}
    return [weight for weight in model.weights if id(weight) not in dropped] + new


def measured(run: Run, predictor: Predictor, kind: str, max_f1_drop: float) -> dict[str, Any]:
    """Quantise a predictor's model and say what it does to size, speed and F1.

    Args:
        run: `Run`, whose corpus gives the sentences: dev, or test if there is no dev.
        predictor: `Predictor`, before its first answer.
        kind: `"float16"` or `"int8"`.
        max_f1_drop: float. Points of strict micro F1, of entities or of relations, that may be lost.

    Returns:
        dict for the model card: `kind`, `table_bytes`, and, if the corpus is at hand, `split`, `f1` (percent) and
        `sentences_per_second`, each before and after.

    Raises:
        InputError: more F1 is lost.
    """
    split, documents = _documents(run)
    report: dict[str, Any] = {"kind": kind, "split": split}
    before: Any = _score(run.predictor(), documents) if documents else None
    report["table_bytes"] = dict(zip(("before", "after"), quantize(predictor.model, kind)))
    if not documents:
        return report
    after = _score(predictor, documents)
    report["f1"] = {"before": before[0], "after": after[0]}
    report["sentences_per_second"] = {"before": before[1], "after": after[1]}
    for item, old in before[0].items():
        new = after[0][item]
        if old - new > max_f1_drop:
            raise InputError(
                f"--quantize {kind} must cost at most {max_f1_drop} points of F1. Received: {item} from {old:.2f} to "
                f"{new:.2f} on {split}"
            )
    return report


def summary(report: Mapping[str, Any]) -> str:
    """What `measured` returned, in words."""
    kind, size = report["kind"], report["table_bytes"]
    lines = [f"{kind}: word tables {size['before']:,} -> {size['after']:,} bytes"]
    if report["split"] is None:
        return "\n".join([*lines, f"{kind}: the run's corpus is not at hand, so the change in F1 was not measured"])
    old, new = report["f1"]["before"], report["f1"]["after"]
    lines += [f"{kind}: {item} F1 on {report['split']} {old[item]:.2f} -> {new[item]:.2f}" for item in old]
    speed = report["sentences_per_second"]
    return "\n".join([*lines, f"{kind}: sentences/s {speed['before']:.0f} -> {speed['after']:.0f}"])


def _documents(run: Run) -> tuple[str | None, Sequence[Document]]:
    from cman_tf.training.workflow import load_corpus

    try:
        splits = load_corpus(run.config(), splits=()).splits
    except InputError:
        return None, ()
    # Dev first: the test sentences choose nothing.
    return next(((name, splits[name]) for name in ("dev", "test") if name in splits), (None, ()))


def _score(predictor: Predictor, documents: Sequence[Document]) -> tuple[dict[str, float], float]:
    """`({item: F1 in percent}, sentences per second)`."""
    from cman_tf.evaluation.scorer import score

    predictor.extract(documents[:1])
    start = time.perf_counter()
    found = predictor.extract(documents)
    speed = len(documents) / (time.perf_counter() - start)
    micro = score(documents, found)["strict"]["micro"]
    return {item: 100 * micro[item]["f1"] for item in ("entities", "relations")}, speed


def _stored(table: np.ndarray, kind: str, name: str) -> list[tf.Variable]:
    """The variables that stand for a table: half precision, or bytes and a scale a row."""
    if kind == "float16":
        return [tf.Variable(table.astype(np.float16), trainable=False, name=f"{name}_float16")]
    table = table.astype(np.float32)
    # A row of zeros, as padding may be, has no scale of its own.
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12) / 127
    whole = np.round(table / scale).astype(np.int8)
    return [
        tf.Variable(whole, trainable=False, name=f"{name}_int8"),
        tf.Variable(scale.astype(np.float32), trainable=False, name=f"{name}_scale"),
    ]
