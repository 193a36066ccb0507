"""The linear-chain CRF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from cman_tf.layers.crf_functions import crf_decode, crf_log_likelihood

FORBIDDEN = -1e4


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class CRF(tf.keras.layers.Layer):
    """Linear-chain conditional random field over tags (eq. 8 and 11): emissions `W X + b`, one transition matrix.

    Args:
        num_tags: int. Number of tags.
        forbidden: list of `(from, to)` tag ids, transitions that decoding must not use; `from` -1 is the start of a
            sentence. Training is not constrained. Default: none.

    Shapes:
        `call`: `(batch, tokens, features)` -> emissions `(batch, tokens, num_tags)`.
        `log_likelihood(emissions, tags, lengths)`: -> `(batch,)`, natural logarithm of `Pr(Y|X)`.
        `decode(emissions, lengths)`: -> best tag sequence, int32 `(batch, tokens)`, 0 at padding.
        `forward_backward(emissions, lengths)`: forward and backward scores for marginals.
        `lengths` is int32 `(batch,)`, tokens of each sentence; the rest is padding and has no effect.

    Example:
        >>> crf = CRF(5)
        >>> emissions = crf(tf.zeros([2, 3, 8]))
        >>> crf.decode(emissions, tf.constant([3, 1])).shape
        TensorShape([2, 3])

    Reference:
        Lafferty et al. (2001); `tensorflow_addons.text.crf`.
    """

    def __init__(self, num_tags: int, forbidden: Sequence[tuple[int, int]] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_tags = num_tags
        self.forbidden = [(source, target) for source, target in forbidden]

    def build(self, input_shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight("kernel", [input_shape[-1], self.num_tags], initializer="glorot_uniform")
        self.bias = self.add_weight("bias", [self.num_tags], initializer="zeros")
        self.transitions = self.add_weight("transitions", [self.num_tags] * 2, initializer="glorot_uniform")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.matmul(inputs, self.kernel) + self.bias

    def log_likelihood(self, emissions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """`log Pr(Y|X)` of the given tags, int32 `(batch, tokens)`: float32 `(batch,)`."""
        return crf_log_likelihood(emissions, tags, lengths, self.transitions)[0]

    def decode(self, emissions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Best tag sequence for emissions, int32 `(batch, tokens)`, without the `forbidden` transitions."""
        start, between = self._penalties()
        emissions = tf.concat([emissions[:, :1] + start, emissions[:, 1:]], axis=1)
        tags, _ = crf_decode(emissions, self.transitions + between, lengths)
        return tags * tf.sequence_mask(lengths, tf.shape(emissions)[1], tags.dtype)

    def forward_backward(self, emissions: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Forward and backward scores for marginals: `(alphas, betas, log_norm)`.

        Returns:
            float64, because a marginal is a small difference of sums that grow with the sentence: `alphas`
            `(batch, tokens, num_tags)`, log scores of all prefixes up to a token, its emission included; `betas`
            `(batch, tokens, num_tags)`, of all continuations after a token, its emission excluded; `log_norm`
            `(batch,)`, of all tag sequences. Values at padding positions are undefined.
        """
        emissions, transitions = tf.cast(emissions, tf.float64), tf.cast(self.transitions, tf.float64)
        # Right to left, the recurrence is the same with transposed transitions, so one loop computes both directions.
        backward = tf.reverse_sequence(emissions, lengths, seq_axis=1, batch_axis=0)
        inputs = tf.transpose(tf.stack([emissions, backward]), [2, 0, 1, 3])
        transitions = tf.stack([transitions, tf.transpose(transitions)])[:, None]

        def step(scores: tf.Tensor, token: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            emission, first = token
            return tf.where(first, emission, tf.reduce_logsumexp(scores[..., None] + transitions, axis=2) + emission)

        scores = tf.scan(step, (inputs, tf.range(tf.shape(inputs)[0]) == 0), tf.zeros_like(inputs[0]))
        alphas, backward = tf.unstack(tf.transpose(scores, [1, 2, 0, 3]))
        betas = tf.reverse_sequence(backward, lengths, seq_axis=1, batch_axis=0) - emissions
        last = tf.gather(alphas, tf.maximum(lengths - 1, 0), batch_dims=1)
        return alphas, betas, tf.reduce_logsumexp(last, axis=1)

    def _penalties(self) -> tuple[tf.Tensor, tf.Tensor]:
        start, between = [0.0] * self.num_tags, [[0.0] * self.num_tags for _ in range(self.num_tags)]
        for source, target in self.forbidden:
            if source < 0:
                start[target] = FORBIDDEN
            else:
                between[source][target] = FORBIDDEN
        return tf.constant(start), tf.constant(between)

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        return tf.TensorShape(input_shape[:-1]).concatenate(self.num_tags)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tags": self.num_tags, "forbidden": self.forbidden}
