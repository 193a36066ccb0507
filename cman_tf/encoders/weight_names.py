"""Names of the weights of BERT and MPNet, as published and in `Transformer`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cman_tf.errors import InputError

_SHARED = {
    "layer_0/word": "embeddings.word_embeddings.weight",
    "layer_0/position": "embeddings.position_embeddings.weight",
    "layer_0/norm": "embeddings.LayerNorm",
}
_LAYER = {
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
_BERT_LAYER = {
    "attention/query": "attention.self.query",
    "attention/key": "attention.self.key",
    "attention/value": "attention.self.value",
    "attention/output": "attention.output.dense",
    "attention/norm": "attention.output.LayerNorm",
}
_MPNET_LAYER = {
    "attention/query": "attention.attn.q",
    "attention/key": "attention.attn.k",
    "attention/value": "attention.attn.v",
    "attention/output": "attention.attn.o",
    "attention/norm": "attention.LayerNorm",
}
NAMES = {
    "bert": ({**_SHARED, "layer_0/type": "embeddings.token_type_embeddings.weight"}, {**_LAYER, **_BERT_LAYER}),
    "mpnet": (
        {**_SHARED, "layer_0/relative": "encoder.relative_attention_bias.weight"},
        {**_LAYER, **_MPNET_LAYER},
    ),
}


def canonical(kind: str, layers: int, tensors: Mapping[str, np.ndarray], where: str | Path) -> dict[str, np.ndarray]:
    """Convert published tensors to the names and shapes of `Transformer`.

    Args:
        kind: `"bert"` or `"mpnet"`.
        layers: int.
        tensors: dict of str to float32 array. Names may begin with `bert.` or `mpnet.`; those of a layer norm may
            end in `gamma` and `beta`, as in old checkpoints.
        where: str or path. The source, for error messages.

    Returns:
        dict of str to float32 array.

    Raises:
        InputError: if a tensor is missing, or its shape does not fit the others.
    """
    reader = _Reader(tensors, kind, where)
    shared, layer_names = NAMES[kind]
    weights = {}
    for name, source in shared.items():
        if name.endswith("norm"):
            weights.update(reader.norm(name, source))
        else:
            weights[name] = reader.tensor(source, 2)
    if "layer_0/type" in weights:
        # The encoder reads one sentence at a time, so only the first of the two types is used.
        weights["layer_0/type"] = weights["layer_0/type"][0]
    for layer in range(1, layers + 1):
        for name, source in layer_names.items():
            name, source = f"layer_{layer}/{name}", f"encoder.layer.{layer - 1}.{source}"
            weights.update(reader.norm(name, source) if name.endswith("norm") else reader.dense(name, source))
        for part in ("kernel", "bias"):
            names = [f"layer_{layer}/attention/{name}/{part}" for name in ("query", "key", "value")]
            joint = np.concatenate([weights.pop(name) for name in names], axis=-1)
            weights[f"layer_{layer}/attention/input/{part}"] = joint
    _check_widths(weights, where)
    return weights


class _Reader:
    def __init__(self, tensors: Mapping[str, np.ndarray], kind: str, where: str | Path) -> None:
        self._tensors = {name.removeprefix(f"{kind}."): value for name, value in tensors.items()}
        self._where = where

    def tensor(self, name: str, rank: int) -> np.ndarray:
        if name not in self._tensors:
            raise InputError(f"The weights in {self._where} lack the tensor {name}.")
        value = self._tensors[name]
        if value.ndim != rank or 0 in value.shape:
            raise InputError(
                f"{name} must have {rank} {'axes' if rank > 1 else 'axis'}, none of size 0. Received: {value.shape} in "
                f"{self._where}"
            )
        if not np.isfinite(value).all():
            raise InputError(f"The weights must be finite. Received: {name} in {self._where}")
        return value

    def dense(self, name: str, source: str) -> dict[str, np.ndarray]:
        kernel = self.tensor(f"{source}.weight", 2)
        return {f"{name}/kernel": kernel.T.copy(), f"{name}/bias": self.tensor(f"{source}.bias", 1)}

    def norm(self, name: str, source: str) -> dict[str, np.ndarray]:
        scale, offset = ("gamma", "beta") if f"{source}.gamma" in self._tensors else ("weight", "bias")
        return {
            f"{name}/scale": self.tensor(f"{source}.{scale}", 1),
            f"{name}/offset": self.tensor(f"{source}.{offset}", 1),
        }


def _check_widths(weights: Mapping[str, np.ndarray], where: str | Path) -> None:
    hidden = weights["layer_0/word"].shape[1]
    for name, value in weights.items():
        inner = weights[name.rsplit("/", 2)[0] + "/up/kernel"].shape[1] if "/up/" in name or "/down/" in name else None
        expected = {
            "up/kernel": (hidden, inner),
            "up/bias": (inner,),
            "down/kernel": (inner, hidden),
            "input/kernel": (hidden, 3 * hidden),
            "input/bias": (3 * hidden,),
            "output/kernel": (hidden, hidden),
            "layer_0/position": (value.shape[0], hidden),
            "layer_0/word": value.shape,
            "layer_0/relative": value.shape,
        }.get("/".join(name.split("/")[-2:]), (hidden,))
        if value.shape != expected:
            raise InputError(
                f"{name} must have shape {expected} to fit the other weights. Received: {value.shape} in {where}"
            )
