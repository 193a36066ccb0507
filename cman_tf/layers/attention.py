"""Multi-head attention, optimised for CPUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cman_tf.layers.symbolic import shapes_only
from cman_tf.layers.traced import by_sizes, traced


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class MultiHeadAttention(tf.keras.layers.Layer):
    """Multi-head scaled dot-product attention, eq. 2 and 3 of the paper, without biases.

    The same function as `tf.keras.layers.MultiHeadAttention` with equal input and output width. That layer uses
    `einsum` over three axes, which on a CPU takes twice as long as the matrix products here.

    With a mixed precision policy, matrix products are in half precision; the softmax and the scores stay float32.

    Args:
        num_heads: int. z. Must divide the width of the query.

    Call arguments:
        query: float `(batch, tokens, width)`.
        memory: float `(batch, others, width)`, keys and values.
        mask: bool `(batch, others)`, False for padding. Default: no padding.
        return_attention_scores: bool. Whether to also return the scores. Default False, which takes less memory.

    Returns:
        `(batch, tokens, width)`. With `return_attention_scores`, a tuple of it and the scores, float32
        `(batch, heads, tokens, others)`, which sum to 1 for each token.

    Example:
        >>> MultiHeadAttention(2)(tf.zeros([2, 5, 16]), tf.zeros([2, 4, 16])).shape
        TensorShape([2, 5, 16])

    Reference:
        Vaswani et al. (2017), "Attention Is All You Need", section 3.2.
    """

    def __init__(self, num_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, input_shape: tf.TensorShape) -> None:
        width = input_shape[-1]
        for name in ("query", "key", "value", "output"):
            kernel = self.add_weight(f"{name}_kernel", [width, width], initializer="glorot_uniform")
            setattr(self, f"{name}_kernel", kernel)
        super().build(input_shape)

    def call(
        self,
        query: tf.Tensor,
        memory: tf.Tensor,
        mask: tf.Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        width = query.shape[-1]
        batch, tokens, _ = tf.unstack(tf.shape(query))
        others = tf.shape(memory)[1]
        if shapes_only():
            zeros = tf.zeros([batch, tokens, width], self.compute_dtype)
            scores = tf.zeros([batch, self.num_heads, tokens, others])
            return (zeros, scores) if return_attention_scores else zeros
        if mask is None:
            mask = tf.fill([batch, others], True)
        kernels = self.query_kernel, self.key_kernel, self.value_kernel, self.output_kernel
        attend = _attention(width, self.num_heads, self.compute_dtype, return_attention_scores)
        # Keras casts only the first argument.
        return attend(query, tf.cast(memory, self.compute_dtype), mask, *map(tf.convert_to_tensor, kernels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_heads": self.num_heads}


@by_sizes
def _attention(width: int, num_heads: int, dtype: str, return_scores: bool) -> Callable[..., Any]:
    """Function `(query, memory, mask, kernels) -> attended or (attended, scores)`, see `MultiHeadAttention`.

    Unused scores are not returned: TensorFlow would add zeros of their size to the gradient.
    """

    def attend(
        query: tf.Tensor, memory: tf.Tensor, mask: tf.Tensor, *kernels: tf.Tensor
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        batch, tokens, _ = tf.unstack(tf.shape(query))
        others = tf.shape(memory)[1]
        query_kernel, key_kernel, value_kernel, output_kernel = kernels

        def project(vectors: tf.Tensor, kernel: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.matmul(tf.reshape(vectors, [-1, width]), kernel), [batch, tokens, width])

        def heads(vectors: tf.Tensor, kernel: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
            """To `(heads, batch, tokens, width / heads)`: splitting and stacking is faster than a transposition."""
            return tf.stack(tf.split(project(vectors, kernel, tokens), num_heads, axis=2))

        keys, values = heads(memory, key_kernel, others), heads(memory, value_kernel, others)
        logits = tf.cast(tf.matmul(heads(query, query_kernel, tokens), keys, transpose_b=True), tf.float32)
        logits *= (width / num_heads) ** -0.5
        logits += tf.where(mask, 0.0, logits.dtype.min / 2)[None, :, None, :]
        scores = tf.nn.softmax(logits)
        attended = tf.concat(tf.unstack(tf.matmul(tf.cast(scores, dtype), values)), axis=2)
        attended = project(attended, output_kernel, tokens)
        return (attended, tf.transpose(scores, [1, 0, 2, 3])) if return_scores else attended

    vectors, kernel = tf.TensorSpec([None, None, width], dtype), tf.TensorSpec([width, width], dtype)
    return traced(attend, [vectors, vectors, tf.TensorSpec([None, None], tf.bool), *[kernel] * 4])
