"""Tables in fewer bits: in an export they are most of the bytes, and no gradient needs their last digits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cman_tf.errors import InputError
from export.encoder_tables import smaller

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.encoders.combined import Encoders
    from cman_tf.model.cman import Cman
    from cman_tf.predictor import Predictor
    from cman_tf.training.run import Run


def quantize(model: Cman, kind: str, encoders: Encoders | None = None) -> tuple[int, int]:
    """Make the tables of words of a model, and of word pieces of its encoders, smaller, in place.

    float16 keeps the vectors in half precision; int8 keeps a byte for each number and one scale for each word. The
    rest of the network is as it was: its matrices are small, and TensorFlow multiplies float32 faster on a CPU.

    Args:
        model: `Cman`.
        kind: `"float16"` or `"int8"`.
        encoders: `Encoders` or None.

    Returns:
        `(before, after)`: bytes of the tables.
    """
    sizes = [_quantize_words(model, kind)]
    for encoder in encoders.encoders if encoders else ():
        module = smaller(encoder.module, lambda table: _stored(table, kind, "pieces"))
        if module is not None:
            encoder.module = module
            sizes.append((module.before, module.after))
    before, after = (sum(size) for size in zip(*sizes))
    return before, after


def _quantize_words(model: Cman, kind: str) -> tuple[int, int]:
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


def measured(
    run: Run, predictor: Predictor, kind: str, max_f1_drop: float | None, data_dir: str | None = None
) -> dict[str, Any]:
    """Quantise a predictor's model and say what it does to size, speed and F1.

    Args:
        run: `Run`, whose corpus gives the sentences: dev, or test if there is no dev.
        predictor: `Predictor`, before its first answer.
        kind: `"float16"` or `"int8"`.
        max_f1_drop: float or None. Points of strict micro F1, of entities or of relations, that may be lost; None does
            not measure.
        data_dir: str or None. Where the corpus is, see `cman_tf.data.corpora.load`. Default: where the run says.

    Returns:
        dict for the model card: `kind`, `table_bytes`, and, if it was measured, `split`, `f1` (percent) and
        `sentences_per_second`, each before and after.

    Raises:
        InputError: more F1 is lost, or there are no sentences to measure on.
    """
    report: dict[str, Any] = {"kind": kind, "split": None}
    if max_f1_drop is None:
        return {**report, "table_bytes": _quantized(predictor, kind)}
    report["split"], documents = _documents(run, data_dir)
    old, old_speed = _score(run.predictor(), documents)
    report["table_bytes"] = _quantized(predictor, kind)
    new, new_speed = _score(predictor, documents)
    report["f1"] = {"before": old, "after": new}
    report["sentences_per_second"] = {"before": old_speed, "after": new_speed}
    for item in old:
        if old[item] - new[item] > max_f1_drop:
            raise InputError(
                f"--quantize {kind} must cost at most {max_f1_drop} points of F1. Received: {item} from "
                f"{old[item]:.2f} to {new[item]:.2f} on {report['split']}"
            )
    return report


def _quantized(predictor: Predictor, kind: str) -> dict[str, int]:
    return dict(zip(("before", "after"), quantize(predictor.network.model, kind, predictor.network.encoders)))


def summary(report: Mapping[str, Any]) -> str:
    """What `measured` returned, in words."""
    kind, size = report["kind"], report["table_bytes"]
    lines = [f"{kind}: tables of words {size['before']:,} -> {size['after']:,} bytes"]
    if report["split"] is None:
        return "\n".join([*lines, f"{kind}: the change in F1 was not measured"])
    old, new = report["f1"]["before"], report["f1"]["after"]
    lines += [f"{kind}: {item} F1 on {report['split']} {old[item]:.2f} -> {new[item]:.2f}" for item in old]
    speed = report["sentences_per_second"]
    return "\n".join([*lines, f"{kind}: sentences/s {speed['before']:.0f} -> {speed['after']:.0f}"])


def _documents(run: Run, data_dir: str | None) -> tuple[str, Sequence[Document]]:
    from cman_tf.training.workflow import load_corpus

    try:
        splits = load_corpus(run.config(), splits=(), **({"data_dir": data_dir} if data_dir else {})).splits
    except InputError as error:
        raise _unmeasured(f"none ({error})") from None
    # Dev first: the test sentences choose nothing.
    for name in ("dev", "test"):
        if splits.get(name):
            return name, splits[name]
    raise _unmeasured(f"neither dev nor test in {run.config().corpus.name}")


def _unmeasured(received: str) -> InputError:
    return InputError(
        "--quantize needs the run's corpus, to say what it costs: name its folder with --data-dir, or do without with "
        f"--max-f1-drop none. Received: {received}"
    )


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
