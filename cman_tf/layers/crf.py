"""The linear-chain CRF. This is the one module that imports tensorflow-addons."""

import warnings

import tensorflow as tf

with warnings.catch_warnings():  # its end-of-life banner is about maintenance, not about a person's run
    warnings.simplefilter("ignore")
    from tensorflow_addons.text import crf_decode, crf_log_likelihood, crf_log_norm

FORBIDDEN = -1e4


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class CRF(tf.keras.layers.Layer):
    """Linear-chain conditional random field over tags (eq. 8 and 11): emissions `W X + b`, one transition matrix.

    Args:
        num_tags: int. Number of tags.
        forbidden: list of `(from, to)` tag ids whose transition decoding must not take; `from` -1 is the start of a
            sentence. Training is not constrained. Default: none.

    Shapes:
        `call`: `(batch, tokens, features)` -> emissions `(batch, tokens, num_tags)`.
        `log_likelihood(emissions, tags, lengths)`: -> `(batch,)`, natural logarithm of `Pr(Y|X)`.
        `decode(emissions, lengths)`: -> the best tags, int32 `(batch, tokens)`, 0 at padding.
        `log_alphas`, `log_betas`, `log_norm`: what marginals are made of, see each.
        `lengths` is int32 `(batch,)`: the tokens of each sentence; what follows is padding and changes nothing.

    Example:
        >>> crf = CRF(5)
        >>> emissions = crf(tf.zeros([2, 3, 8]))
        >>> crf.decode(emissions, tf.constant([3, 1])).shape
        TensorShape([2, 3])

    Reference:
        Lafferty et al. (2001); `tensorflow_addons.text.crf`.
    """

    def __init__(self, num_tags, forbidden=(), **kwargs):
        super().__init__(**kwargs)
        self.num_tags = num_tags
        self.forbidden = [tuple(pair) for pair in forbidden]

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", [input_shape[-1], self.num_tags], initializer="glorot_uniform")
        self.bias = self.add_weight("bias", [self.num_tags], initializer="zeros")
        self.transitions = self.add_weight("transitions", [self.num_tags] * 2, initializer="glorot_uniform")
        super().build(input_shape)

    def call(self, inputs):
        return tf.matmul(inputs, self.kernel) + self.bias

    def log_likelihood(self, emissions, tags, lengths):
        return crf_log_likelihood(emissions, tags, lengths, self.transitions)[0]

    def decode(self, emissions, lengths):
        start, between = self._penalties()
        emissions = tf.concat([emissions[:, :1] + start, emissions[:, 1:]], axis=1)
        tags, _ = crf_decode(emissions, self.transitions + between, lengths)
        return tags * tf.sequence_mask(lengths, tf.shape(emissions)[1], tags.dtype)

    def log_norm(self, emissions, lengths):
        """Logarithm of the sum over all tag sequences of their exponentiated scores, `(batch,)`."""
        return crf_log_norm(emissions, lengths, self.transitions)

    def log_alphas(self, emissions, lengths):
        """Log scores of all beginnings up to a token, its emission included: `(batch, tokens, num_tags)`."""

        def step(alphas, token):
            emission, first = token
            ahead = tf.reduce_logsumexp(alphas[:, :, None] + self.transitions, axis=1) + emission
            return tf.where(first, emission, ahead)

        first = tf.range(tf.shape(emissions)[1]) == 0
        alphas = tf.scan(step, (tf.transpose(emissions, [1, 0, 2]), first), tf.zeros_like(emissions[:, 0]))
        return tf.transpose(alphas, [1, 0, 2])

    def log_betas(self, emissions, lengths):
        """Log scores of all continuations after a token, its emission excluded: `(batch, tokens, num_tags)`."""

        def step(betas, following):
            emission, inside = following
            ahead = tf.reduce_logsumexp(self.transitions + (emission + betas)[:, None, :], axis=2)
            return tf.where(inside, ahead, 0.0)

        # What follows each token; nothing follows the last.
        inside = tf.pad(tf.sequence_mask(lengths, tf.shape(emissions)[1])[:, 1:], [[0, 0], [0, 1]])
        emissions = tf.pad(emissions[:, 1:], [[0, 0], [0, 1], [0, 0]])
        following = (tf.transpose(emissions, [1, 0, 2]), tf.transpose(inside)[:, :, None])
        betas = tf.scan(step, following, tf.zeros_like(emissions[:, 0]), reverse=True)
        return tf.transpose(betas, [1, 0, 2])

    def _penalties(self):
        start, between = [0.0] * self.num_tags, [[0.0] * self.num_tags for _ in range(self.num_tags)]
        for source, target in self.forbidden:
            if source < 0:
                start[target] = FORBIDDEN
            else:
                between[source][target] = FORBIDDEN
        return tf.constant(start), tf.constant(between)

    def compute_output_shape(self, input_shape):
        return tf.TensorShape(input_shape[:-1]).concatenate(self.num_tags)

    def get_config(self):
        return {**super().get_config(), "num_tags": self.num_tags, "forbidden": self.forbidden}
