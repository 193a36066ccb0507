"""Likelihood and decoding of a linear-chain CRF: those of tensorflow-addons where it is installed, else the same here.

No other module of the packages imports tensorflow-addons.
"""

from __future__ import annotations

import importlib.util
import warnings

import tensorflow as tf


def crf_log_likelihood(
    inputs: tf.Tensor, tag_indices: tf.Tensor, sequence_lengths: tf.Tensor, transition_params: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Log-likelihood of tag sequences.

    Args:
        inputs: float `(batch, tokens, tags)`, emissions.
        tag_indices: int32 `(batch, tokens)`.
        sequence_lengths: int32 `(batch,)`. Values at padding positions are ignored.
        transition_params: float `(tags, tags)`, scores of a transition from the row's tag to the column's.

    Returns:
        `(log_likelihood, transition_params)`: float `(batch,)`, natural logarithm; 0 for a sentence without tokens.

    Reference:
        Lafferty et al. (2001); the signature is that of `tensorflow_addons.text.crf_log_likelihood`.
    """
    mask = tf.sequence_mask(sequence_lengths, tf.shape(inputs)[1], inputs.dtype)
    unary = tf.gather(inputs, tag_indices, batch_dims=2) * mask
    steps = tf.stack([tag_indices[:, :-1], tag_indices[:, 1:]], axis=2)
    binary = tf.gather_nd(transition_params, steps) * mask[:, 1:]
    score = tf.reduce_sum(unary, axis=1) + tf.reduce_sum(binary, axis=1)

    def step(state: tf.Tensor, token: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        emission, first = token
        ahead = tf.reduce_logsumexp(state[:, :, None] + transition_params, axis=1) + emission
        return tf.where(first, emission, ahead)

    emissions = tf.transpose(inputs, [1, 0, 2])
    alphas = tf.scan(step, (emissions, tf.range(tf.shape(emissions)[0]) == 0), tf.zeros_like(inputs[:, 0]))
    last = tf.gather(tf.transpose(alphas, [1, 0, 2]), tf.maximum(sequence_lengths - 1, 0), batch_dims=1)
    log_norm = tf.where(sequence_lengths > 0, tf.reduce_logsumexp(last, axis=1), tf.zeros_like(score))
    return score - log_norm, transition_params


def crf_decode(
    potentials: tf.Tensor, transition_params: tf.Tensor, sequence_length: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Best tag sequence of each sentence, by the Viterbi algorithm.

    Args:
        potentials: float `(batch, tokens, tags)`, emissions; at least one column.
        transition_params: float `(tags, tags)`.
        sequence_length: int32 `(batch,)`.

    Returns:
        `(tags, score)`: int32 `(batch, tokens)`, 0 at padding positions; float `(batch,)`, score of the sequence. Of
        equally good tags the one with the smaller index is taken.

    Reference:
        The signature is that of `tensorflow_addons.text.crf_decode`.
    """
    tokens, tags = tf.shape(potentials)[1], tf.shape(potentials)[2]
    # At padding positions the state stays, and each tag points back to itself.
    stay = tf.transpose(~tf.sequence_mask(tf.maximum(sequence_length, 1), tokens))[:, :, None]

    def step(
        state: tuple[tf.Tensor, tf.Tensor], token: tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        emission, padding, first = token
        ahead = state[0][:, :, None] + transition_params
        scores = tf.where(padding, state[0], tf.reduce_max(ahead, axis=1) + emission)
        back = tf.where(padding, tf.range(tags), tf.argmax(ahead, axis=1, output_type=tf.int32))
        return tf.where(first, emission, scores), back

    emissions = tf.transpose(potentials, [1, 0, 2])
    start = tf.zeros_like(potentials[:, 0]), tf.zeros_like(potentials[:, 0], tf.int32)
    scores, back = tf.scan(step, (emissions, stay, tf.range(tokens) == 0), start)
    last = tf.argmax(scores[-1], axis=1, output_type=tf.int32)
    # The first row, which points before the sentence, is dropped after the loop: a graph cannot loop over no rows.
    before = tf.scan(lambda tag, row: tf.gather(row, tag, batch_dims=1), back, last, reverse=True)[1:]
    best = tf.transpose(tf.concat([before, last[None]], axis=0))
    best *= tf.sequence_mask(sequence_length, tokens, best.dtype)
    return best, tf.reduce_max(scores[-1], axis=1)


OWN = crf_log_likelihood, crf_decode
SOURCE = "cman_tf"

if importlib.util.find_spec("tensorflow_addons"):
    with warnings.catch_warnings():  # its end-of-life banner is about maintenance, not about this run
        warnings.simplefilter("ignore")
        from tensorflow_addons.text import crf_decode, crf_log_likelihood  # type: ignore[no-redef]

    SOURCE = "tensorflow-addons"
