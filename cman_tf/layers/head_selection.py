"""Multi-head selection: a score for every pair of tokens and every relation."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from cman_tf.layers.pair_scores import score_pairs
from cman_tf.layers.symbolic import shapes_only


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class HeadSelection(tf.keras.layers.Layer):
    """Relation scores, eq. 9: `s(i, j, k) = V_k tanh(U_k x_i + W_k x_j + b_k)`.

    Row i is the subject (the paper's head), column j the object. Pairs are scored one sentence at a time without
    padding, very long sentences in blocks, and the gradient computes their hidden layer again: the hidden layer of a
    batch, `(batch, tokens, tokens, relations, hidden)`, would take hundreds of megabytes, and is slower to move than
    to compute.

    With a mixed precision policy, only the products `U x` and `W x` are in half precision; computations for each pair
    and the logits stay float32.

    Args:
        num_relations: int. Number of relation types.
        hidden_size: int. Width of the hidden layer (the paper's d tilde).
        projection: `"per_relation"`, U, W, b and V for each relation as in eq. 9, or `"shared"`, one U, W and b, and a
            column of V for each relation (Bekoulis et al., 2018). Default `"per_relation"`.
        prior: float in (0, 0.5]. Probability of a relation before training. Its logit is the initial value of a bias
            for each relation (not in eq. 9). 0.5 is eq. 9, without the bias; then the hidden layer has to learn that
            nearly all cells are empty. Default 0.5.
        pair_features: int. Number of features of `pairs`, 0 for none. Default 0.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        lengths: int32 `(batch,)`, number of tokens of each sentence.
        pairs: float `(batch, tokens, tokens, features)`, further features of pairs, see `PairContext`; `P_k p_ij` is
            added inside tanh. Default: none, eq. 9.

    Shapes:
        `(batch, tokens, features)` -> float32 `(batch, tokens, tokens, num_relations)`, logits; 0 at padding.

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
        # These are applied to each pair, in float32.
        fixed = {"experimental_autocast": False}
        self.bias = self.add_weight("bias", [width], initializer="zeros", **fixed)
        self.scorer = self.add_weight(
            "scorer", [groups, self.hidden_size, columns], initializer="glorot_uniform", **fixed
        )
        self.pair_kernel = None
        if self.pair_features:
            self.pair_kernel = self.add_weight(
                "pair_kernel", [self.pair_features, width], initializer="glorot_uniform", **fixed
            )
        self.prior_bias = None
        if self.prior < 0.5:
            start = tf.keras.initializers.Constant(math.log(self.prior / (1 - self.prior)))
            self.prior_bias = self.add_weight("prior_bias", [self.num_relations], initializer=start, **fixed)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, lengths: tf.Tensor, pairs: tf.Tensor | None = None) -> tf.Tensor:
        if shapes_only():
            batch, tokens = tf.unstack(tf.shape(inputs)[:2])
            return tf.zeros([batch, tokens, tokens, self.num_relations])
        heads = _project(inputs, self.head_kernel)
        tails = _project(inputs, self.tail_kernel) + self.bias
        context = () if self.pair_kernel is None else (pairs, self.pair_kernel)
        scores = score_pairs(heads, tails, self._block_diagonal(), lengths, *context)
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
    """Product with one matrix, float32. `tf.matmul` of a batch would copy that matrix for each sentence."""
    rows = tf.cast(tf.matmul(tf.reshape(inputs, [-1, kernel.shape[0]]), kernel), tf.float32)
    return tf.reshape(rows, [*tf.unstack(tf.shape(inputs)[:2]), kernel.shape[1]])
