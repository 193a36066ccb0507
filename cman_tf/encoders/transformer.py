"""The forward pass of BERT and MPNet, with the output of every layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    import numpy as np

ACTIVATIONS = {
    "gelu": lambda inputs: tf.nn.gelu(inputs, approximate=False),
    "gelu_new": lambda inputs: tf.nn.gelu(inputs, approximate=True),
    "relu": tf.nn.relu,
}

# MPNet does not distinguish distances from this one on.
_FAR = 128


class Transformer(tf.Module):
    """Layers of BERT, or of MPNet, which adds a bias for the distance of two positions.

    Only the attention computes padding: everything else is computed without it.

    Args:
        weights: dict of names to float32 arrays: `layer_0/word`, `layer_0/position` and so on for the embeddings,
            `layer_3/attention/kernel` and so on for the third layer. The variables have these names, which state
            their depth.
        layers: int. Transformer layers.
        heads: int.
        activation: str, a key of `ACTIVATIONS`.
        epsilon: float. Of the layer norms.
        dropout: float. Of embeddings and of the output of each half-layer.
        attention_dropout: float.
        first_position: int. Row of the position embeddings for position 0.

    Call arguments:
        ids: int32 `(rows, pieces)`.
        lengths: int32 `(rows,)`, pieces of each row that are not padding.
        training: bool.

    Shapes:
        `(rows, pieces)` -> a list of `layers + 1` tensors `(all pieces, hidden)`: the pieces without padding, row after
        row; first the embeddings' output, then each layer's.

    Reference:
        Vaswani et al. (2017); Devlin et al. (2019); Song et al. (2020), MPNet.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        layers: int,
        heads: int,
        activation: str = "gelu",
        epsilon: float = 1e-12,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        first_position: int = 0,
    ) -> None:
        super().__init__()
        self.layers = layers
        self.heads = heads
        self.activation = activation
        self.epsilon = epsilon
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.first_position = first_position
        self.weights = {name: tf.Variable(value, name=name) for name, value in weights.items()}
        # Its state is a variable, so that a training can seed it and a resumed training continues with it.
        self.generator = tf.random.Generator.from_seed(0)

    def __call__(self, ids: tf.Tensor, lengths: tf.Tensor, training: bool) -> list[tf.Tensor]:
        rows, width = tf.unstack(tf.shape(ids))
        there = tf.sequence_mask(lengths, width)
        flat = tf.cast(tf.where(tf.reshape(there, [-1])), tf.int32)[:, 0]
        # Padding may have the values of any piece: no other position attends to it.
        padded = tf.maximum(tf.cumsum(tf.cast(tf.reshape(there, [-1]), tf.int32)) - 1, 0)
        bias = tf.where(there, 0.0, tf.float32.min)[:, None, None, :]
        if "layer_0/relative" in self.weights:
            bias += self._relative(width)
        states = [self._embed(tf.gather(tf.reshape(ids, [-1]), flat), flat % width, training)]
        for layer in range(1, self.layers + 1):
            attended = self._attend(states[-1], f"layer_{layer}/attention", bias, flat, padded, rows, width, training)
            inner = self._norm(states[-1] + attended, f"layer_{layer}/attention/norm")
            outer = ACTIVATIONS[self.activation](self._dense(inner, f"layer_{layer}/up"))
            outer = self._drop(self._dense(outer, f"layer_{layer}/down"), self.dropout, training)
            states.append(self._norm(inner + outer, f"layer_{layer}/norm"))
        return states

    def _embed(self, ids: tf.Tensor, positions: tf.Tensor, training: bool) -> tf.Tensor:
        result = tf.gather(self.weights["layer_0/word"], ids)
        result += tf.gather(self.weights["layer_0/position"], positions + self.first_position)
        if "layer_0/type" in self.weights:
            result += self.weights["layer_0/type"]
        return self._drop(self._norm(result, "layer_0/norm"), self.dropout, training)

    def _attend(
        self,
        states: tf.Tensor,
        name: str,
        bias: tf.Tensor,
        flat: tf.Tensor,
        padded: tf.Tensor,
        rows: tf.Tensor,
        width: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        hidden = states.shape[-1]
        # One product for queries, keys and values.
        joint = tf.reshape(tf.gather(self._dense(states, f"{name}/input"), padded), [rows, width, 3, self.heads, -1])
        joint = tf.ensure_shape(joint, [None, None, 3, self.heads, hidden // self.heads])
        query, key, value = tf.unstack(tf.transpose(joint, [2, 0, 3, 1, 4]))
        scores = tf.matmul(query * (hidden // self.heads) ** -0.5, key, transpose_b=True) + bias
        shares = self._drop(tf.nn.softmax(scores), self.attention_dropout, training)
        context = tf.reshape(tf.transpose(tf.matmul(shares, value), [0, 2, 1, 3]), [rows * width, hidden])
        return self._drop(self._dense(tf.gather(context, flat), f"{name}/output"), self.dropout, training)

    def _relative(self, width: tf.Tensor) -> tf.Tensor:
        """A learnt bias for the distance of two positions, `(1, heads, pieces, pieces)`: exact if near, else binned."""
        table = self.weights["layer_0/relative"]
        half = table.shape[0] // 2
        ahead = tf.range(width)[None, :] - tf.range(width)[:, None]
        # A table, because TensorFlow may rewrite a logarithm in the graph and miss a border between bins.
        bins = tf.constant([_bin(distance, half) for distance in range(_FAR + 1)])
        bucket = tf.gather(bins, tf.minimum(tf.abs(ahead), _FAR)) + tf.where(ahead > 0, half, 0)
        return tf.transpose(tf.gather(table, bucket), [2, 0, 1])[None]

    def _dense(self, inputs: tf.Tensor, name: str) -> tf.Tensor:
        return tf.nn.bias_add(tf.matmul(inputs, self.weights[f"{name}/kernel"]), self.weights[f"{name}/bias"])

    def _norm(self, inputs: tf.Tensor, name: str) -> tf.Tensor:
        mean, variance = tf.nn.moments(inputs, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(
            inputs, mean, variance, self.weights[f"{name}/offset"], self.weights[f"{name}/scale"], self.epsilon
        )

    def _drop(self, inputs: tf.Tensor, rate: float, training: bool) -> tf.Tensor:
        if not training or not rate:
            return inputs
        return tf.nn.experimental.general_dropout(inputs, rate, uniform_sampler=self.generator.uniform)


def _bin(distance: int, bins: int) -> int:
    """Bin of a distance: half of the bins have one distance each, the others increasingly many, up to `_FAR`."""
    exact = bins // 2
    if distance < exact:
        return distance
    share = math.log(distance / exact) / math.log(_FAR / exact)
    return min(exact + int(share * (bins - exact) + 1e-9), bins - 1)
