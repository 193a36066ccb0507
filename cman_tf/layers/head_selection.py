"""Multi-head selection: a score for every pair of tokens and every relation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cman_tf.layers.symbolic import shapes_only

# Pairs of tokens to score at once; each takes a few kilobytes.
PAIRS = 16384


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class HeadSelection(tf.keras.layers.Layer):
    """Relation scores, eq. 9: `s(i, j, k) = V_k tanh(U_k x_i + W_k x_j + b_k)`.

    Row i is the subject (the paper's head), column j the object. Pairs are scored one sentence at a time without
    padding, very long sentences in blocks, and the gradient computes their hidden layer again: the hidden layer of a
    batch, `(batch, tokens, tokens, relations, hidden)`, would take hundreds of megabytes, and is slower to move than
    to compute.

    Args:
        num_relations: int. Number of relation types.
        hidden_size: int. Width of the hidden layer (the paper's d tilde).
        projection: `"per_relation"`, U, W, b and V for each relation as in eq. 9, or `"shared"`, one U, W and b, and a
            column of V for each relation (Bekoulis et al., 2018). Default `"per_relation"`.
        prior: float in (0, 0.5]. Probability of a relation before training. Its logit is the initial value of a bias
            for each relation, which eq. 9 lacks. 0.5 is eq. 9, without the bias; then the hidden layer has to learn that
            nearly all cells are empty. Default 0.5.
        pair_features: int. Number of features of `pairs`, 0 for none. Default 0.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        lengths: int32 `(batch,)`, number of tokens of each sentence.
        pairs: float `(batch, tokens, tokens, features)`, further features of pairs, see `PairContext`; `P_k p_ij` is
            added inside tanh. Default: none, eq. 9.

    Shapes:
        `(batch, tokens, features)` -> `(batch, tokens, tokens, num_relations)`, logits; 0 at padding.

    Example:
        >>> HeadSelection(5, 8)(tf.zeros([2, 4, 6]), lengths=tf.constant([4, 2])).shape
        TensorShape([2, 4, 4, 5])

    Reference:
        Zhao et al. (2020), section 3.4; Bekoulis et al. (2018). The prior: Lin et al. (2017), "Focal Loss for Dense
        Object Detection", section 4.1.
    """

    def __init__(
        self,
        num_relations: int,
        hidden_size: int,
        projection: str = "per_relation",
        prior: float = 0.5,
        pair_features: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if projection not in ("per_relation", "shared"):
            raise ValueError(f"`projection` must be per_relation or shared. Received: {projection!r}")
        if not 0 < prior <= 0.5:
            raise ValueError(f"`prior` must be above 0 and at most 0.5. Received: {prior}")
        self.num_relations = num_relations
        self.hidden_size = hidden_size
        self.projection = projection
        self.prior = prior
        self.pair_features = pair_features

    def build(self, input_shape: tf.TensorShape) -> None:
        groups = self.num_relations if self.projection == "per_relation" else 1
        columns = self.num_relations // groups if groups else 0
        width = groups * self.hidden_size
        # Glorot's limit of one group, though all groups share one matrix.
        limit = (6 / (input_shape[-1] + self.hidden_size)) ** 0.5
        uniform = tf.random_uniform_initializer(-limit, limit)
        self.head_kernel = self.add_weight("head_kernel", [input_shape[-1], width], initializer=uniform)
        self.tail_kernel = self.add_weight("tail_kernel", [input_shape[-1], width], initializer=uniform)
        self.bias = self.add_weight("bias", [width], initializer="zeros")
        self.scorer = self.add_weight("scorer", [groups, self.hidden_size, columns], initializer="glorot_uniform")
        self.pair_kernel = None
        if self.pair_features:
            self.pair_kernel = self.add_weight("pair_kernel", [self.pair_features, width], initializer="glorot_uniform")
        self.prior_bias = None
        if self.prior < 0.5:
            start = tf.keras.initializers.Constant(math.log(self.prior / (1 - self.prior)))
            self.prior_bias = self.add_weight("prior_bias", [self.num_relations], initializer=start)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, lengths: tf.Tensor, pairs: tf.Tensor | None = None) -> tf.Tensor:
        if shapes_only():
            batch, tokens = tf.unstack(tf.shape(inputs)[:2])
            return tf.zeros([batch, tokens, tokens, self.num_relations])
        heads = _project(inputs, self.head_kernel)
        tails = _project(inputs, self.tail_kernel) + self.bias
        if self.pair_kernel is None:
            scores = _score_pairs(heads, tails, self._block_diagonal(), lengths)
        else:
            scores = _score_pairs(heads, tails, self._block_diagonal(), lengths, pairs, self.pair_kernel)
        if self.prior_bias is not None:
            inside = tf.sequence_mask(lengths, tf.shape(inputs)[1], scores.dtype)
            scores += (inside[:, :, None] * inside[:, None])[..., None] * self.prior_bias
        return tf.ensure_shape(scores, [None, None, None, self.num_relations])

    def _block_diagonal(self) -> tf.Tensor:
        """V as one matrix `(relations, groups * hidden)`: each relation uses the hidden layer of its group."""
        groups = self.scorer.shape[0]
        blocks = tf.transpose(self.scorer, [0, 2, 1])[:, :, None, :] * tf.eye(groups)[:, None, :, None]
        return tf.reshape(blocks, [self.num_relations, -1])

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        batch, tokens, _ = input_shape
        return tf.TensorShape([batch, tokens, tokens, self.num_relations])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_relations": self.num_relations,
            "hidden_size": self.hidden_size,
            "projection": self.projection,
            "prior": self.prior,
            "pair_features": self.pair_features,
        }


def _project(inputs: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
    """Product with one matrix. `tf.matmul` of a batch would copy that matrix for each sentence."""
    rows = tf.matmul(tf.reshape(inputs, [-1, kernel.shape[0]]), kernel)
    return tf.reshape(rows, [*tf.unstack(tf.shape(inputs)[:2]), kernel.shape[1]])


@tf.custom_gradient
def _score_pairs(
    heads: tf.Tensor, tails: tf.Tensor, scorer: tf.Tensor, lengths: tf.Tensor, *context: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
    """`(batch, n, n, relations)` from `heads`, `tails` `(batch, n, width)` and `scorer` `(relations, width)`; `context`
    is empty, or `pairs` `(batch, n, n, features)` and their kernel `(features, width)`."""
    tokens = tf.shape(heads)[1]
    relations, width = scorer.shape
    features = context[1].shape[0] if context else 0
    sentence, first, rows = _blocks(lengths)
    count = tf.shape(sentence)[0]

    def hidden(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        row, start, n = sentence[block], first[block], lengths[sentence[block]]
        layer = heads[row, start : start + rows[block], None] + tails[row, None, :n]
        if context:
            layer += tf.tensordot(context[0][row, start : start + rows[block], :n], context[1], 1)
        return row, start, n, tf.reshape(tf.tanh(layer), [-1, width])

    def score(block: tf.Tensor, scores: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        _, _, n, layer = hidden(block)
        # The relations, which are few, are the rows: a product with few columns takes twice as long.
        score = tf.transpose(tf.matmul(scorer, layer, transpose_b=True))
        score = tf.reshape(score, [rows[block], n, relations])
        return block + 1, scores.write(block, tf.pad(score, [[0, 0], [0, tokens - n], [0, 0]]))

    _, scores = tf.while_loop(lambda block, _: block < count, score, (0, _array(count, None, relations)))

    def gradient(d_scores: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        def step(
            block: tf.Tensor,
            d_heads: tf.TensorArray,
            d_tails: tf.TensorArray,
            d_scorer: tf.Tensor,
            *d_context: tf.TensorArray | tf.Tensor,
        ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
            row, start, n, layer = hidden(block)
            d_score = tf.reshape(d_scores[row, start : start + rows[block], :n], [-1, relations])
            d_layer = tf.raw_ops.TanhGrad(y=layer, dy=tf.matmul(d_score, scorer))
            if context:
                pairs = tf.reshape(context[0][row, start : start + rows[block], :n], [-1, features])
                d_pairs = tf.reshape(tf.matmul(d_layer, context[1], transpose_b=True), [rows[block], n, features])
                d_context = (
                    d_context[0].write(block, tf.pad(d_pairs, [[0, 0], [0, tokens - n], [0, 0]])),
                    d_context[1] + tf.matmul(pairs, d_layer, transpose_a=True),
                )
            d_layer = tf.reshape(d_layer, [rows[block], n, width])
            d_tail = tf.pad(tf.reduce_sum(d_layer, axis=0), [[0, tokens - n], [0, 0]])
            return (
                block + 1,
                d_heads.write(block, tf.reduce_sum(d_layer, axis=1)),
                d_tails.write(block, d_tail),
                d_scorer + tf.matmul(d_score, layer, transpose_a=True),
                *d_context,
            )

        none = (_array(count, None, features), tf.zeros_like(context[1])) if context else ()
        _, d_heads, d_tails, d_scorer, *d_context = tf.while_loop(
            lambda block, *_: block < count,
            step,
            (0, _array(count, width), _array(count, width), tf.zeros_like(scorer), *none),
        )
        if context:
            d_context[0] = _padded(d_context[0].concat(), lengths, tokens)
        d_tails = tf.math.segment_sum(d_tails.stack(), sentence)
        return _padded(d_heads.concat(), lengths, tokens), d_tails, d_scorer, None, *d_context

    return _padded(scores.concat(), lengths, tokens), gradient


def _blocks(lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sentence, first row and number of rows of each block: a sentence, or as many of its rows as `PAIRS` allows."""
    size = tf.maximum(PAIRS // tf.maximum(lengths, 1), 1)
    blocks = tf.maximum(-(-lengths // size), 1)
    sentence = tf.repeat(tf.range(tf.shape(lengths)[0]), blocks)
    number = tf.range(tf.shape(sentence)[0]) - tf.gather(tf.cumsum(blocks, exclusive=True), sentence)
    size, lengths = tf.gather(size, sentence), tf.gather(lengths, sentence)
    return sentence, number * size, tf.minimum(size, lengths - number * size)


def _padded(rows: tf.Tensor, lengths: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """From the concatenated rows of all sentences to `(batch, tokens, ...)`."""
    places = tf.where(tf.sequence_mask(lengths, tokens))
    shape = tf.concat([[tf.shape(lengths)[0], tokens], tf.shape(rows)[1:]], axis=0)
    return tf.scatter_nd(tf.cast(places, tf.int32), rows, shape)


def _array(count: tf.Tensor, *shape: int | None) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=count, element_shape=[None, *shape], infer_shape=False)
