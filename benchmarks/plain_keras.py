"""The same network built of stock Keras parts, the baseline of the project's speed.

It computes the same loss from the same number of weights (`tests/benchmarks/test_plain_keras.py`). The comparison is
fair: one traced step, masks, no decoding in training. It lacks only the project's optimizations.
"""

import tensorflow as tf

from cman_tf.layers.crf_functions import crf_log_likelihood
from cman_tf.layers.scalar_mix import ScalarMix

layers = tf.keras.layers


def plain_inputs(features, targets, num_relations):
    """A batch in the form that stock layers read.

    Args:
        features, targets: as from `training_batches`.
        num_relations: int.

    Returns:
        `(features, targets)`: `characters` int32 `(batch, tokens, characters)` in place of the distinct spellings, and
        `relations` float32 `(batch, tokens, tokens, num_relations)` of 0 and 1 in place of the list of cells.
    """
    characters = tf.gather(features["spellings"], features["spelling_index"])
    kept = {name: features[name] for name in ("words", "contextual_1", "lengths")}
    cells = targets["relations"]
    rows = tf.broadcast_to(tf.range(tf.shape(cells)[0])[:, None, None], tf.shape(cells[:, :, :1]))
    cells = tf.boolean_mask(tf.concat([rows, cells], axis=2), cells[:, :, 0] >= 0)
    batch, tokens = tf.unstack(tf.shape(features["words"]))
    shape = tf.stack([batch, tokens, tokens, num_relations])
    relations = tf.scatter_nd(cells, tf.ones(tf.shape(cells)[:1]), shape)
    relations = tf.ensure_shape(relations, [None, None, None, num_relations])
    return {**kept, "characters": characters}, {"tags": targets["tags"], "relations": relations}


class PlainCman(tf.keras.Model):
    """CMAN of stock layers, with the default ("per_relation") projection and all units of the paper.

    Args:
        config: `Config`.
        schema: `Schema`.
        num_words: int. Rows of the word table.
        num_characters: int. Rows of the character table.
        contextual: `(layers, width)` of the contextual vectors.
    """

    def __init__(self, config, schema, num_words, num_characters, contextual):
        super().__init__(name="plain_cman")
        self.alpha = config.training.adversarial_alpha
        self.embed = _embedding_model(config, num_words, num_characters, contextual)
        self.network = _joint_network(config, schema, self.embed.output_shape[-1])
        self.transitions = self.add_weight("transitions", [len(schema.tags)] * 2, initializer="glorot_uniform")

    def joint_loss(self, embeddings, targets, lengths, training):
        """Sum of CRF and relation loss, averaged over the batch: float32 scalar."""
        inputs = {"embeddings": embeddings, "tags": targets["tags"], "lengths": lengths}
        found = self.network(inputs, training=training)
        likelihood, _ = crf_log_likelihood(found["emissions"], targets["tags"], lengths, self.transitions)
        cells = tf.nn.sigmoid_cross_entropy_with_logits(targets["relations"], found["relation_scores"])
        mask = tf.sequence_mask(lengths, tf.shape(embeddings)[1], tf.float32)
        cells *= mask[:, :, None, None] * mask[:, None, :, None]
        return tf.reduce_mean(tf.reduce_sum(cells, axis=[1, 2, 3]) - likelihood)

    def train_step(self, data):
        """One step on `plain_inputs`, both passes on one tape; returns the loss, a dict."""
        features, targets = data
        lengths = features["lengths"]
        with tf.GradientTape(persistent=bool(self.alpha)) as tape:
            embeddings = self.embed({name: features[name] for name in self.embed.input_names}, training=True)
            loss = self.joint_loss(embeddings, targets, lengths, training=True)
            if self.alpha:
                with tape.stop_recording():
                    eta = self._perturbation(tape.gradient(loss, embeddings), lengths)
                loss += self.joint_loss(embeddings + eta, targets, lengths, training=True)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        return {"loss": loss}

    def _perturbation(self, gradient, lengths):
        gradient *= tf.sequence_mask(lengths, tf.shape(gradient)[1], gradient.dtype)[:, :, None]
        norm = tf.norm(gradient, axis=[1, 2], keepdims=True)
        return self.alpha * gradient.shape[-1] ** 0.5 * tf.math.divide_no_nan(gradient, norm)


def _embedding_model(config, num_words, num_characters, contextual):
    """Word embedding, character BiLSTM over every token, and contextual vectors: `(batch, tokens, width)`."""
    words = tf.keras.Input([None], dtype=tf.int32, name="words")
    characters = tf.keras.Input([None, None], dtype=tf.int32, name="characters")
    vectors = tf.keras.Input([None, *contextual], name="contextual_1")
    embedded = layers.Embedding(num_characters, config.characters.size, mask_zero=True, name="characters_in")(
        characters
    )
    reader = layers.Bidirectional(layers.LSTM(config.characters.hidden_size), name="reader")
    parts = [
        layers.Embedding(num_words, config.words.size, name="words_in")(words),
        layers.TimeDistributed(reader, name="character_bilstm")(embedded),
        ScalarMix(name="scalar_mix_1")(vectors),  # two scalars; Keras has no such layer
    ]
    inputs = {"words": words, "characters": characters, "contextual_1": vectors}
    return tf.keras.Model(inputs, layers.Concatenate()(parts), name="embed")


def _joint_network(config, schema, width):
    """The network after the embeddings: emissions and relation scores."""
    model = config.model
    embeddings = tf.keras.Input([None, width], name="embeddings")
    tags = tf.keras.Input([None], dtype=tf.int32, name="tags")
    lengths = tf.keras.Input([], dtype=tf.int32, name="lengths")
    mask = tf.sequence_mask(lengths, tf.shape(embeddings)[1])

    def bilstm(inputs, name):
        states = layers.Bidirectional(layers.LSTM(model.hidden_size, return_sequences=True), name=f"{name}_bilstm")(
            inputs, mask=mask
        )
        return layers.Dropout(model.lstm_dropout)(states)

    def attend(query, memory, name):
        attention = layers.MultiHeadAttention(
            model.num_heads, 2 * model.hidden_size // model.num_heads, use_bias=False, name=f"{name}_attention"
        )
        attended = attention(query, memory, attention_mask=mask[:, None, :])
        return layers.LayerNormalization(epsilon=1e-6, name=f"{name}_normalization")(query + attended)

    tokens = layers.Dropout(model.embedding_dropout)(embeddings)
    for unit in range(1, model.bsa_units + 1):
        hidden = bilstm(tokens, f"bsa_{unit}")
        tokens = attend(hidden, hidden, f"bsa_{unit}")
    emissions = layers.Dense(len(schema.tags), name="emissions")(tokens)

    labels = layers.Embedding(len(schema.tags), model.label_size, name="labels")(tags)
    first = attend(tokens, bilstm(labels, "bla_1"), "bla_1")
    fused = bilstm(layers.Concatenate()([tokens, first]), "fusion")
    fused = attend(fused, bilstm(labels, "bla_2"), "bla_2")
    fused = layers.Dropout(model.relation_dropout)(fused)
    scores = PairScores(len(schema.relation_types), model.relation_size, name="pair_scores")(fused)
    return tf.keras.Model(
        {"embeddings": embeddings, "tags": tags, "lengths": lengths},
        {"emissions": emissions, "relation_scores": scores},
        name="network",
    )


class PairScores(layers.Layer):
    """Eq. 9 by broadcasting: `(batch, tokens, features)` -> logits `(batch, tokens, tokens, relations)`."""

    def __init__(self, num_relations, hidden_size, **kwargs):
        super().__init__(**kwargs)
        self.shape = [num_relations, hidden_size]
        self.head = layers.Dense(num_relations * hidden_size, use_bias=False, name="head")
        self.tail = layers.Dense(num_relations * hidden_size, name="tail")

    def build(self, input_shape):
        self.scorer = self.add_weight("scorer", self.shape, initializer="glorot_uniform")
        super().build(input_shape)

    def call(self, inputs):
        batch, tokens = tf.unstack(tf.shape(inputs)[:2])
        heads = tf.reshape(self.head(inputs), [batch, tokens, 1, *self.shape])
        tails = tf.reshape(self.tail(inputs), [batch, 1, tokens, *self.shape])
        return tf.einsum("bijrh,rh->bijr", tf.tanh(heads + tails), self.scorer)
