"""The Cross-Modal Attention Network: its functional assembly and its training step."""

from __future__ import annotations

import tensorflow as tf

from cman_tf.layers.attention_unit import BLA, BSA, sequence_encoder
from cman_tf.layers.character_encoder import CharacterEncoder
from cman_tf.layers.crf import CRF
from cman_tf.layers.dropout import Dropout
from cman_tf.layers.head_selection import HeadSelection
from cman_tf.layers.pair_context import PairContext
from cman_tf.layers.scalar_mix import ScalarMix
from cman_tf.layers.token_mask import TokenMask
from cman_tf.layers.word_embedding import WordEmbedding
from cman_tf.model.adversarial import perturbation
from cman_tf.model.losses import relation_loss


def build_cman(config, schema, *, num_trained_words, num_fixed_words, num_characters, contextual=()):
    """Assemble the network of a configuration.

    Three functional models in a row make the whole: token embeddings (paper, 3.1), entity network (BSA units and CRF
    emissions, eq. 4 and 8), relation network (BLA, fusion, BLA, pair scores, eq. 5 to 9). Adversarial training perturbs
    what passes between the first and the second; decoded tags pass between the second and the third.

    Args:
        config: `Config`.
        schema: `Schema`.
        num_trained_words, num_fixed_words: int. Rows of the two word tables (`WordEmbedding`).
        num_characters: int. Rows of the character table.
        contextual: sequence of `(layers, width)`, one for each contextual encoder. Default: none.

    Returns:
        `Cman` with inputs `words`, `spellings`, `spelling_index`, `lengths`, `contextual_1`, ..., `tags` and outputs
        `emissions` `(batch, tokens, tags)`, `relation_scores` `(batch, tokens, tokens, relations)`.
    """
    tf.keras.utils.set_random_seed(config.seed)
    seeds = iter(range(config.seed * 1000, config.seed * 1000 + 1000))
    embedding = _token_embedding(config, num_trained_words, num_fixed_words, num_characters, contextual)
    entity_network = _entity_network(config, schema, embedding.output_shape[-1], seeds)
    relation_network = _relation_network(config, schema, seeds)

    inputs = {item.name: item for item in embedding.inputs}
    inputs["lengths"] = tf.keras.Input([], dtype=tf.int32, name="lengths")
    inputs["tags"] = tf.keras.Input([None], dtype=tf.int32, name="tags")
    embeddings = embedding({name: inputs[name] for name in embedding.input_names})
    entities = entity_network({"embeddings": embeddings, "lengths": inputs["lengths"]})
    pairs = relation_network({"tokens": entities["tokens"], "tags": inputs["tags"], "lengths": inputs["lengths"]})
    return Cman(inputs, {"emissions": entities["emissions"], "relation_scores": pairs["scores"]})


# -- functional models ------------------------------------------------------------------------------------------------


def _token_embedding(config, num_trained_words, num_fixed_words, num_characters, contextual):
    words = tf.keras.Input([None], dtype=tf.int32, name="words")
    spellings = tf.keras.Input([None], dtype=tf.int32, name="spellings")
    index = tf.keras.Input([None], dtype=tf.int32, name="spelling_index")
    inputs = [words, spellings, index]
    parts = [
        WordEmbedding(
            num_trained_words, num_fixed_words, config.words.size, config.words.trainable, name="word_embedding"
        )(words),
        CharacterEncoder(
            num_characters, config.characters.size, config.characters.hidden_size, name="character_encoder"
        )(spellings, index),
    ]
    # Stored vectors are in half precision; a gradient that goes on into the encoder needs more.
    dtype = "float32" if config.encoder.trainable else "float16"
    mixed = []
    for number, shape in enumerate(contextual, 1):
        inputs.append(tf.keras.Input([None, *shape], dtype=dtype, name=f"contextual_{number}"))
        mixed.append(ScalarMix(name=f"scalar_mix_{number}")(inputs[-1]))
    if mixed and config.encoder.projection:
        wide = tf.keras.layers.Concatenate(name="contextual")(mixed) if len(mixed) > 1 else mixed[0]
        mixed = [tf.keras.layers.Dense(config.encoder.projection, name="contextual_projection")(wide)]
    parts += mixed
    embeddings = tf.keras.layers.Concatenate(name="embeddings")(parts)
    return tf.keras.Model({item.name: item for item in inputs}, embeddings, name="token_embedding")


def _entity_network(config, schema, width, seeds):
    model = config.model
    embeddings = tf.keras.Input([None, width], name="embeddings")
    lengths = tf.keras.Input([], dtype=tf.int32, name="lengths")
    mask = TokenMask(name="mask")(embeddings, lengths=lengths)
    tokens = Dropout(model.embedding_dropout, seed=next(seeds), name="embedding_dropout")(embeddings)
    for unit in range(1, model.bsa_units + 1):
        tokens = BSA(
            model.hidden_size,
            model.num_heads,
            self_attention=model.bsa_attention,
            dropout=model.lstm_dropout,
            encoder=model.encoder,
            seed=next(seeds),
            name=f"bsa_{unit}",
        )(tokens, mask=mask)
    forbidden = forbidden_transitions(len(schema.tags)) if config.decoding.bio_constrained else ()
    emissions = CRF(len(schema.tags), forbidden, name="crf")(tokens)
    return tf.keras.Model(
        {"embeddings": embeddings, "lengths": lengths},
        {"tokens": tokens, "emissions": emissions},
        name="entity_network",
    )


def _relation_network(config, schema, seeds):
    model = config.model
    tokens = tf.keras.Input([None, 2 * model.hidden_size], name="tokens")
    tags = tf.keras.Input([None], dtype=tf.int32, name="tags")
    lengths = tf.keras.Input([], dtype=tf.int32, name="lengths")
    fused = tokens
    if model.bla:
        mask = TokenMask(name="mask")(tokens, lengths=lengths)
        labels = tf.keras.layers.Embedding(len(schema.tags), model.label_size, name="label_embedding")(tags)
        unit = {"num_heads": model.num_heads, "dropout": model.lstm_dropout, "encoder": model.encoder}
        first = BLA(model.hidden_size, seed=next(seeds), name="bla_1", **unit)(tokens, labels=labels, mask=mask)
        fused = tf.keras.layers.Concatenate(name="tokens_and_labels")([tokens, first])
        fused = sequence_encoder(model.encoder, model.hidden_size, name="fusion")(fused, mask=mask)
        fused = Dropout(model.lstm_dropout, seed=next(seeds), name="fusion_dropout")(fused)
        fused = BLA(model.hidden_size, seed=next(seeds), name="bla_2", **unit)(fused, labels=labels, mask=mask)
    fused = Dropout(model.relation_dropout, seed=next(seeds), name="relation_dropout")(fused)
    pairs = {"pairs": PairContext(model.pair_context, name="pair_context")(fused)} if model.pair_context else {}
    scores = HeadSelection(
        len(schema.relation_types),
        model.relation_size,
        model.relation_projection,
        model.relation_prior,
        pairs["pairs"].shape[-1] if pairs else 0,
        name="head_selection",
    )(fused, lengths=lengths, **pairs)
    return tf.keras.Model(
        {"tokens": tokens, "tags": tags, "lengths": lengths},
        {"tokens": fused, "scores": scores},
        name="relation_network",
    )


def forbidden_transitions(num_tags):
    """`(from, to)` tag ids that BIO does not allow, from -1 at the start: I- tags not after their own B- or I-."""
    return [
        (source, target)
        for target in range(2, num_tags, 2)
        for source in range(-1, num_tags)
        if source not in (target - 1, target)
    ]


# -- model ------------------------------------------------------------------------------------------------------------


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class Cman(tf.keras.Model):
    """The whole network, trained jointly on tags and relations; made by `build_cman`.

    `train_step` minimises `L(w) + L(w + eta)`, eq. 14: the loss on the token embeddings and on the embeddings
    moved by the worst-case perturbation, each with fresh dropout. `L` is the sum of CRF and relation loss over a
    sentence (eq. 11 to 13), averaged over the batch. Everything after the embeddings is traced once and called twice;
    the embeddings are computed once.

    Attributes:
        token_embedding, entity_network, relation_network: the three functional models, see `build_cman`.
        crf: the `CRF` layer, for likelihood and decoding.
        head_selection: the `HeadSelection` layer, which scores pairs of the relation network's tokens.

    Reference:
        Zhao et al. (2020), "Modeling Dense Cross-Modal Interactions for Joint Entity-Relation Extraction", IJCAI.
    """

    # The signature of a functional model's constructor is how Keras knows that the graph is to be serialised.
    def __init__(self, inputs, outputs, name="cman", trainable=True, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, name=name, trainable=trainable, **kwargs)
        self._joint = None

    # Looked up, not kept: an attribute would make Keras serialise the layer a second time.
    @property
    def token_embedding(self):
        return self.get_layer("token_embedding")

    @property
    def entity_network(self):
        return self.get_layer("entity_network")

    @property
    def relation_network(self):
        return self.get_layer("relation_network")

    @property
    def crf(self):
        return self.entity_network.get_layer("crf")

    @property
    def head_selection(self):
        return self.relation_network.get_layer("head_selection")

    def score_pairs(self, tokens, positions, count):
        """Relation scores of some tokens of each sentence, all pairs of them.

        Args:
            tokens: float32 `(batch, tokens, 2d)`, of the relation network.
            positions: int32 `(batch, m)`.
            count: int32 `(batch,)`, how many of them count.

        Returns:
            float32 `(batch, m, m, relations)`, logits.
        """
        network = self.relation_network
        pairs = {}
        if self.head_selection.pair_features:
            pairs["pairs"] = network.get_layer("pair_context")(tokens, positions=positions)
        return self.head_selection(tf.gather(tokens, positions, batch_dims=1), lengths=count, **pairs)

    def compile(self, optimizer, adversarial_alpha=0.0, clip_norm=0.0, micro_batch=0, fine_tuning=None, **kwargs):
        """Set up training.

        Args:
            optimizer: Keras optimizer.
            adversarial_alpha: float. Size of the perturbation, 0 for training without it.
            clip_norm: float. Largest global norm of the gradient, 0 for no limit.
            micro_batch: int. Sentences whose gradient is computed at once, 0 for the whole batch.
            fine_tuning: `FineTuning` or None. Encoders whose weights are trained too; features must hold `tokens`.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.adversarial_alpha = adversarial_alpha
        self.clip_norm = clip_norm
        self.micro_batch = micro_batch
        self.fine_tuning = fine_tuning
        self.trackers = {name: tf.keras.metrics.Mean(name) for name in ("loss", "ner_loss", "re_loss")}
        self._joint = None

    @property
    def metrics(self):
        return list(self.trackers.values())

    def joint_loss(self, embeddings, tags, relations, lengths, training):
        """`(L_ner, L_re)`, eq. 11 to 13: float32 scalars, sums over sentences averaged over the batch."""
        entities = self.entity_network({"embeddings": embeddings, "lengths": lengths}, training=training)
        pairs = self.relation_network(
            {"tokens": entities["tokens"], "tags": tags, "lengths": lengths}, training=training
        )
        ner = -tf.reduce_mean(self.crf.log_likelihood(entities["emissions"], tags, lengths))
        return ner, tf.reduce_mean(relation_loss(pairs["scores"], relations, lengths))

    def _joint_gradients(self):
        """The traced function `(embeddings, tags, relations, lengths) -> losses, embeddings' gradient, gradients`."""
        weights = self._interaction_weights()

        # Not inlined: the graph holds its body once, though a step calls it twice.
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None, self.token_embedding.output_shape[-1]], tf.float32),
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([None, None, 3], tf.int32),
                tf.TensorSpec([None], tf.int32),
            ],
            experimental_attributes={"_noinline": True},
        )
        def joint_gradients(embeddings, tags, relations, lengths):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([embeddings, *weights])
                ner, re = self.joint_loss(embeddings, tags, relations, lengths, training=True)
                loss = ner + re
            gradients = tape.gradient(loss, [embeddings, *weights])
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            return ner, re, gradients[0], gradients[1:]

        return joint_gradients

    def _interaction_weights(self):
        return self.entity_network.trainable_weights + self.relation_network.trainable_weights

    def make_train_function(self, force=False):
        # An optimizer that makes its variables while the step is traced makes TensorFlow trace it twice.
        create = getattr(self.optimizer, "build", None) or self.optimizer._create_all_weights
        create(self.trainable_weights)
        return super().make_train_function(force)

    def train_step(self, data):
        features, targets = data
        if self._joint is None:
            self._joint = self._joint_gradients()
        share = targets.get("share")
        (ner, re), gradients = self._accumulated(features, {name: targets[name] for name in ("tags", "relations")})
        if share is not None:
            # This replica had a part of the batch only.
            ner, re, *gradients = _added_up([ner, re, *gradients], share)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        weights = self._interaction_weights() + self.token_embedding.trainable_weights
        self.optimizer.apply_gradients(zip(gradients, weights), experimental_aggregate_gradients=False)
        if self.fine_tuning:
            self.fine_tuning.apply_gradients(gradients[len(weights) :])
        for name, value in (("loss", ner + re), ("ner_loss", ner), ("re_loss", re)):
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def _gradients(self, features, targets):
        """`((L_ner, L_re), gradients)` of a batch, both passes together; gradients of the networks' weights first, then
        of the embeddings', then of the encoders'."""
        tags, relations, lengths = targets["tags"], targets["relations"], features["lengths"]
        names = self.token_embedding.input_names
        with tf.GradientTape() as tape:
            if self.fine_tuning:
                features = {**features, **self.fine_tuning.encode(features["tokens"])}
            embeddings = self.token_embedding({name: features[name] for name in names}, training=True)
        ner, re, upstream, gradients = self._joint(embeddings, tags, relations, lengths)
        if self.adversarial_alpha:
            moved = embeddings + perturbation(upstream, self.adversarial_alpha, lengths)
            moved_ner, moved_re, moved_upstream, moved_gradients = self._joint(moved, tags, relations, lengths)
            ner, re, upstream = ner + moved_ner, re + moved_re, upstream + moved_upstream
            gradients = [first + second for first, second in zip(gradients, moved_gradients)]
        inner = self.token_embedding.trainable_weights
        if self.fine_tuning:
            inner = inner + self.fine_tuning.variables
        gradients += tape.gradient(
            embeddings, inner, output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return (ner, re), gradients

    def _accumulated(self, features, targets):
        """The same as `_gradients`, one micro-batch after the other."""
        if not self.micro_batch:
            return self._gradients(features, targets)
        rows = tf.shape(features["lengths"])[0]

        def part(values, start):
            # `spellings` has a row for each distinct word, not for each sentence.
            return {
                name: value if name == "spellings" else value[start : start + self.micro_batch]
                for name, value in values.items()
            }

        def step(start, ner, re, *sums):
            inside = part(features, start)
            (part_ner, part_re), gradients = self._gradients(inside, part(targets, start))
            share = tf.cast(tf.shape(inside["lengths"])[0], tf.float32) / tf.cast(rows, tf.float32)
            sums = [total + share * tf.convert_to_tensor(gradient) for total, gradient in zip(sums, gradients)]
            return (start + self.micro_batch, ner + share * part_ner, re + share * part_re, *sums)

        weights = self._interaction_weights() + self.token_embedding.trainable_weights
        weights += self.fine_tuning.variables if self.fine_tuning else []
        _, ner, re, *gradients = tf.while_loop(
            lambda start, *_: start < rows, step, (0, 0.0, 0.0, *[tf.zeros(weight.shape) for weight in weights])
        )
        return (ner, re), gradients


def _added_up(values, share):
    """The sum over replicas of tensors, each times the share of the batch that its replica had."""
    values = [share * tf.convert_to_tensor(value) for value in values]
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
