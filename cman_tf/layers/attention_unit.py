"""The paper's two attention units, BSA and BLA: a sequence encoder, multi-head attention, residual and LayerNorm."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cman_tf.layers.attention import MultiHeadAttention
from cman_tf.layers.bilstm import BiLSTM
from cman_tf.layers.dropout import Dropout
from cman_tf.layers.mlp import MLP


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class AttentionUnit(tf.keras.layers.Layer):
    """Base class of BSA and BLA (paper, 3.2, "General architecture").

    `H = BiLSTM(X)` (eq. 1), `T = MultiHead(query, H, H)` (eq. 2 and 3, no biases), output
    `LayerNorm(query + T)`.

    Args:
        hidden_size: int. d, width per direction; vectors are `2 * hidden_size` wide.
        num_heads: int. z; must divide `2 * hidden_size`.
        dropout: float. Rate on the encoder's output. Default 0.
        encoder: `"bilstm"` or `"mlp"`, the network before the attention (Table 4, "replace BiLSTM with MLP"). Default
            `"bilstm"`.
        seed: int. Of dropout. Default 0.

    Raises:
        ValueError: if `2 * hidden_size` is not a multiple of `num_heads`.

    Reference:
        Zhao et al. (2020); Vaswani et al. (2017).
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        dropout: float = 0.0,
        encoder: str = "bilstm",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if 2 * hidden_size % num_heads:
            raise ValueError(
                "2 * `hidden_size` must be a multiple of `num_heads`. Received: "
                f"hidden_size={hidden_size}, num_heads={num_heads}"
            )
        self.hidden_size = hidden_size
        self.num_heads = num_heads
        self.dropout = dropout
        self.encoder = encoder
        self.seed = seed
        self.supports_masking = True
        precision = self.dtype_policy
        self.sequence_encoder = sequence_encoder(encoder, hidden_size, dtype=precision)
        self.encoder_dropout = Dropout(dropout, seed=seed, name="dropout", dtype=precision)
        self.attention = MultiHeadAttention(num_heads, name="attention", dtype=precision)
        self.normalization = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="normalization", dtype=precision)

    def attend(
        self, query: tf.Tensor, memory: tf.Tensor, mask: tf.Tensor | None, return_attention_scores: bool = False
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """`LayerNorm(query + T)` in the query's shape, or `(output, attention)`, see the units."""
        if not return_attention_scores:
            return self.normalization(query + self.attention(query, memory, mask=mask))
        attended, scores = self.attention(query, memory, mask=mask, return_attention_scores=True)
        return self.normalization(query + attended), scores

    def compute_output_shape(self, input_shape: tf.TensorShape) -> tf.TensorShape:
        return tf.TensorShape(input_shape[:-1]).concatenate(2 * self.hidden_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_size": self.hidden_size,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "encoder": self.encoder,
            "seed": self.seed,
        }


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class BSA(AttentionUnit):
    """BiLSTM-enhanced self-attention: `BSA(X) = LayerNorm(H + MultiHead(H, H, H))`, `H = BiLSTM(X)`.

    Args:
        self_attention: bool. False returns `H` (Table 4, "- self-attention in BSA"). Default True.
        **kwargs: see `AttentionUnit`.

    Call arguments:
        inputs: float `(batch, tokens, features)`.
        mask: bool `(batch, tokens)`, False for padding. Default: no padding.
        training: bool. Whether dropout is on.
        return_attention_scores: bool. Whether to also return the attention, `(batch, heads, tokens, tokens)`.

    Shapes:
        `(batch, tokens, features)` -> `(batch, tokens, 2 * hidden_size)`. Padding is never attended to.

    Example:
        >>> BSA(hidden_size=8, num_heads=2)(tf.zeros([2, 5, 3])).shape
        TensorShape([2, 5, 16])

    Reference:
        Zhao et al. (2020), section 3.2, figure 3a.
    """

    def __init__(self, hidden_size: int, num_heads: int, self_attention: bool = True, **kwargs: Any) -> None:
        super().__init__(hidden_size, num_heads, **kwargs)
        self.self_attention = self_attention

    def call(
        self,
        inputs: tf.Tensor,
        mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        hidden = self.encoder_dropout(self.sequence_encoder(inputs, mask=mask, training=training), training=training)
        if not self.self_attention:
            return hidden
        return self.attend(hidden, hidden, mask, return_attention_scores)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "self_attention": self.self_attention}


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class BLA(AttentionUnit):
    """BiLSTM-enhanced label attention: `BLA(X, L) = LayerNorm(X + MultiHead(X, H, H))`, `H = BiLSTM(L)`.

    The paper does not define its residual connection; here it adds the query X, as in the guided attention of Yu et
    al. (2019) that the unit builds on.

    Args:
        **kwargs: see `AttentionUnit`.

    Call arguments:
        inputs: float `(batch, tokens, 2 * hidden_size)`, the tokens.
        labels: float `(batch, tokens, label features)`, the embedded tags; not needed with `memory`.
        memory: float `(batch, tokens, 2 * hidden_size)`, H before dropout, which adversarial training needs twice.
            Default: computed from `labels`.
        mask: bool `(batch, tokens)`, False for padding. Default: no padding.
        training: bool. Whether dropout is on.
        return_attention_scores: bool. Whether to also return the attention of tokens to labels,
            `(batch, heads, tokens, tokens)`.

    Shapes:
        `(batch, tokens, 2 * hidden_size)` -> the same. Padding is never attended to.

    Raises:
        ValueError: if the tokens are not `2 * hidden_size` wide.

    Example:
        >>> BLA(hidden_size=8, num_heads=2)(tf.zeros([2, 5, 16]), labels=tf.zeros([2, 5, 4])).shape
        TensorShape([2, 5, 16])

    Reference:
        Zhao et al. (2020), section 3.2, figure 3b.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        if input_shape[-1] != 2 * self.hidden_size:
            raise ValueError(
                "The tokens of a BLA unit must be 2 * `hidden_size` wide, because they are added to its attention. "
                f"Received: width {input_shape[-1]}, hidden_size={self.hidden_size}"
            )
        super().build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        labels: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        memory: tf.Tensor | None = None,
    ) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        if memory is None:
            memory = self.sequence_encoder(labels, mask=mask, training=training)
        hidden = self.encoder_dropout(memory, training=training)
        return self.attend(inputs, hidden, mask, return_attention_scores)


def sequence_encoder(kind: str, hidden_size: int, name: str = "encoder", dtype: Any = None) -> BiLSTM | MLP:
    """The BiLSTM of eq. 1, or the MLP of the ablation: `(batch, tokens, f)` -> `(batch, tokens, 2d)`."""
    if kind == "bilstm":
        return BiLSTM(hidden_size, name=name, dtype=dtype)
    if kind == "mlp":
        return MLP(hidden_size, name=name, dtype=dtype)
    raise ValueError(f"`encoder` must be bilstm or mlp. Received: {kind!r}")
