"""The worst-case perturbation of adversarial training."""

from __future__ import annotations

import tensorflow as tf


def perturbation(gradient: tf.Tensor, alpha: float, lengths: tf.Tensor) -> tf.Tensor:
    """The worst-case perturbation, a step along the gradient, eq. 14: `eta = alpha * sqrt(D) * g / ||g||`.

    Args:
        gradient: float32 `(batch, tokens, D)`, of the loss, scaled or not, with respect to the token embeddings.
        alpha: float. Size relative to the square root of the embedding's width.
        lengths: int32 `(batch,)`. Padding is not perturbed.

    Returns:
        float32 `(batch, tokens, D)` of norm `alpha * sqrt(D)` over (tokens, D) in each sentence, or 0 if the
        gradient is 0 or not finite. No gradient flows through it.

    Reference:
        Bekoulis et al. (2018), "Adversarial training for multi-context joint entity and relation extraction", eq. 3.
    """
    mask = tf.sequence_mask(lengths, tf.shape(gradient)[1], gradient.dtype)[:, :, None]
    gradient = tf.stop_gradient(gradient) * mask
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2], keepdims=True))
    width = tf.cast(tf.shape(gradient)[2], gradient.dtype)
    direction = tf.math.divide_no_nan(gradient, norm)
    # The gradient of a scaled loss may overflow. The optimizer then skips the step, whose loss is still recorded.
    return alpha * tf.sqrt(width) * tf.where(tf.math.is_finite(norm), direction, 0.0)
