"""The Cross-Modal Attention Network and its training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from cman_tf.model.losses import relation_loss
from cman_tf.model.pair_sampling import sample_tokens
from cman_tf.model.relation_tokens import label_memories, relation_tokens
from cman_tf.model.step import (
    accumulated_gradients,
    interaction_weights,
    joint_gradients,
    sum_over_replicas,
    unscaled,
    update_encoders,
)

if TYPE_CHECKING:
    from cman_tf.layers.crf import CRF
    from cman_tf.layers.head_selection import HeadSelection
    from cman_tf.model.joining import Joined
    from cman_tf.model.step import TrainedEncoders


@tf.keras.utils.register_keras_serializable(package="cman_tf")
class Cman(tf.keras.Model):
    """The whole network, trained jointly on tags and relations. `build_cman` creates it.

    `train_step` minimises `L(w) + L(w + eta)`, eq. 14: the loss on the token embeddings and on the embeddings
    moved by the worst-case perturbation, each with fresh dropout. `L` is the sum of CRF and relation loss over a
    sentence (eq. 11 to 13), averaged over the batch. What depends on the embeddings is traced once and called twice;
    the embeddings and the BiLSTMs over labels are computed once.

    Attributes:
        token_embedding, entity_network, relation_network: the three functional models, see `build_cman`.
        crf: the `CRF` layer, for likelihood and decoding.
        head_selection: the `HeadSelection` layer, which scores pairs of the relation network's tokens.

    Reference:
        Zhao et al. (2020), "Modeling Dense Cross-Modal Interactions for Joint Entity-Relation Extraction", IJCAI.
    """

    # With the signature of a functional model's constructor, Keras serialises the graph.
    def __init__(
        self,
        inputs: Mapping[str, tf.Tensor],
        outputs: Mapping[str, tf.Tensor],
        name: str = "cman",
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, trainable=trainable, **kwargs)
        self.sampler: tf.random.Generator | None = None
        self._joint: Any = None

    # Not attributes, because Keras would then serialise these layers twice.
    @property
    def token_embedding(self) -> tf.keras.Model:
        """Functional model: ids and contextual vectors -> `(batch, tokens, width)`."""
        return self.get_layer("token_embedding")

    @property
    def entity_network(self) -> tf.keras.Model:
        """Functional model: embeddings -> tokens `X^m` `(batch, tokens, 2d)` and emissions `(batch, tokens, tags)`."""
        return self.get_layer("entity_network")

    @property
    def has_relations(self) -> bool:
        """Whether there is a relation network; a schema without relation types has none."""
        return any(layer.name == "relation_network" for layer in self.layers)

    @property
    def relation_network(self) -> tf.keras.Model:
        """Functional model: tokens and tags -> tokens `(batch, tokens, 2d)` and scores of all their pairs."""
        return self.get_layer("relation_network")

    @property
    def relation_tokens(self) -> tf.keras.Model:
        """The relation network without the scores: tokens and tags -> tokens `(batch, tokens, 2d)`."""
        network = self.relation_network
        return tf.keras.Model(network.input, network.output["tokens"], name="relation_tokens")

    @property
    def crf(self) -> CRF:
        """The `CRF` layer of the entity network."""
        return self.entity_network.get_layer("crf")

    @property
    def head_selection(self) -> HeadSelection:
        """The `HeadSelection` layer of the relation network."""
        return self.relation_network.get_layer("head_selection")

    def score_pairs(self, tokens: tf.Tensor, positions: tf.Tensor | None, count: tf.Tensor) -> tf.Tensor:
        """Relation scores of all pairs among some tokens of each sentence.

        Args:
            tokens: float32 `(batch, tokens, 2d)`, of the relation network.
            positions: int32 `(batch, m)`; None for all tokens.
            count: int32 `(batch,)`, number of valid positions; the rest is padding.

        Returns:
            float32 `(batch, m, m, relations)`, logits.
        """
        network = self.relation_network
        pairs = {}
        if self.head_selection.pair_features:
            pairs["pairs"] = network.get_layer("pair_context")(tokens, positions=positions)
        chosen = tokens if positions is None else tf.gather(tokens, positions, batch_dims=1)
        return self.head_selection(chosen, lengths=count, **pairs)

    def compile(
        self,
        optimizer: tf.keras.optimizers.Optimizer,
        adversarial_alpha: float = 0.0,
        clip_norm: float = 0.0,
        micro_batch: int = 0,
        most_cells: int = 0,
        relation_negatives: float = 1.0,
        joined: float = 0.0,
        soft_targets: bool = False,
        fine_tuning: TrainedEncoders | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """Set up training.

        Args:
            optimizer: Keras optimizer. A `LossScaleOptimizer` scales the loss, as float16 requires.
            adversarial_alpha: float. Size of the perturbation, 0 for none.
            clip_norm: float. Largest global norm of the gradient, 0 for no limit.
            micro_batch: int. Number of sentences whose gradient is computed at once, 0 for the whole batch.
            most_cells: int. Maximum number of token pairs per gradient computation, padding included; 0 for no limit.
                The gradient of a sentence with more pairs is computed alone.
            relation_negatives: float. Probability that the pairs of a token that does not end an entity are in the
                relation loss, see `sample_tokens`; 1 is eq. 12, all pairs.
            joined: float. Share of the gradient computations in which the relation network reads two sentences as one,
                see `join`.
            soft_targets: bool. Whether targets include `SOFT_TARGETS`, see `training_batches`.
            fine_tuning: `TrainedEncoders` or None. Encoders to train too; features must include `tokens`.
            seed: int. Of the sampled tokens and of the steps with joined sentences.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.adversarial_alpha = adversarial_alpha
        self.clip_norm = clip_norm
        self.micro_batch = micro_batch
        self.most_cells = most_cells
        self.relation_negatives = relation_negatives
        self.joined = joined
        self.soft_targets = soft_targets
        # Its state is in the checkpoints, like that of dropout, so a resumed training samples the same tokens.
        self.sampler = tf.random.Generator.from_seed(seed) if relation_negatives < 1 or joined else None
        self.fine_tuning = fine_tuning
        self.trackers = {name: tf.keras.metrics.Mean(name) for name in ("loss", "ner_loss", "re_loss")}
        self._joint = None

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Means of `loss`, `ner_loss` and `re_loss` over an epoch; Keras resets these."""
        return list(self.trackers.values())

    def joint_loss(
        self,
        embeddings: tf.Tensor,
        tags: tf.Tensor,
        relations: tf.Tensor,
        lengths: tf.Tensor,
        training: bool,
        memories: Sequence[tf.Tensor] | None = None,
        soft: Sequence[tf.Tensor] = (),
        joined: Joined | None = None,
        extra=None,
    ):
        """`(L_ner, L_re)`, eq. 11 to 13: float32 scalars, sums over sentences averaged over the batch.

        Args:
            embeddings: float32 `(batch, tokens, width)`.
            tags: int32 `(batch, tokens)`.
            relations: int32 `(batch, relations, 3)`.
            lengths: int32 `(batch,)`.
            training: bool. Whether dropout is on and pairs are sampled.
            memories: what `label_memories` returned. Default: computed.
            soft: the `SOFT_TARGETS`, see `training_batches`. Default: tags and relations are certain.
            joined: `Joined` or None. What the relation network reads, instead of the sentences; `memories` are those of
                its tags.
        """
        self_lengths = lengths
        entities = self.entity_network({"embeddings": embeddings, "lengths": lengths}, training=training)
        likelihood = self.crf.log_likelihood(entities["emissions"], tags, lengths)
        tag_shift, transition_shift, values = soft or (None, None, None)
        if soft:
            # The score of a tag sequence is linear in its tags and steps, so that of the mixture is the same sum.
            likelihood += tf.reduce_sum(tag_shift * entities["emissions"], axis=[1, 2])
            likelihood += tf.reduce_sum(transition_shift * self.crf.transitions, axis=[1, 2])
        ner = -tf.reduce_mean(likelihood)
        if not self.has_relations:
            return ner, tf.zeros_like(ner)
        sentences, tokens = tf.cast(tf.shape(tags)[0], tf.float32), entities["tokens"]
        if joined:
            tokens, tags = joined.tokens(tokens), joined.tokens(tags)
            relations, values, lengths = joined.relations, joined.values, joined.lengths
        memories = label_memories(self, tags, lengths, training) if memories is None else memories
        mask = tf.sequence_mask(lengths, tf.shape(tags)[1])
        labels = [{"memory": memory} for memory in memories]
        tokens = relation_tokens(self.relation_network.get_layer, tokens, mask, labels, training)
        positions = None
        if training and self.sampler and self.relation_negatives < 1:
            uniform = self.sampler.uniform(tf.shape(tags)) if extra is None else extra[0]
            positions, relations, lengths = sample_tokens(tags, relations, lengths, self.relation_negatives, uniform)
        scores = self.score_pairs(tokens, positions, lengths)
        re = tf.reduce_sum(relation_loss(scores, relations, lengths, values)) / sentences
        if extra is not None:
            _, ref_em, ref_sc, weight = extra
            emissions = entities["emissions"]
            e_mask = tf.sequence_mask(self_lengths, tf.shape(emissions)[1], tf.float32)
            p = tf.nn.softmax(ref_em)
            ce = -tf.reduce_sum(p * (tf.nn.log_softmax(emissions) - tf.nn.log_softmax(ref_em)), -1)
            ner += weight * tf.reduce_sum(ce * e_mask) / sentences
            q = tf.sigmoid(ref_sc)
            m = tf.sequence_mask(lengths, tf.shape(scores)[1], tf.float32)
            kl = tf.nn.sigmoid_cross_entropy_with_logits(q * tf.ones_like(scores), scores) - tf.nn.sigmoid_cross_entropy_with_logits(q, ref_sc)
            re += weight * tf.einsum("bijk,bi,bj->", kl, m, m) / sentences
            return ner, re, emissions, scores
        return ner, re

    def make_train_function(self, force: bool = False) -> Callable[..., Any]:
        """Create the optimizer's variables, then the train function of Keras."""
        # An optimizer that creates its variables while the step is traced causes a second trace.
        create = getattr(self.optimizer, "build", None) or self.optimizer._create_all_weights
        create(self.trainable_weights)
        return super().make_train_function(force)

    # AutoGraph would search for Python loops and conditions longer than the rest of the tracing takes.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: tuple[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """One step of the optimizer on `(features, targets)`. Returns a dict, the means of the losses so far."""
        features, targets = data
        if self._joint is None:
            self._joint = joint_gradients(self)
        share = targets.get("share")
        (ner, re), gradients = accumulated_gradients(
            self, self._joint, features, {name: value for name, value in targets.items() if name != "share"}
        )
        gradients = unscaled(self, gradients)
        if share is not None:
            # This replica had only a part of the batch.
            ner, re, *gradients = sum_over_replicas([ner, re, *gradients], share)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        weights = interaction_weights(self) + self.token_embedding.trainable_weights
        self.optimizer.apply_gradients(zip(gradients, weights), experimental_aggregate_gradients=False)
        if self.fine_tuning:
            update_encoders(self, gradients[len(weights) :], gradients)
        for name, value in (("loss", ner + re), ("ner_loss", ner), ("re_loss", re)):
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}
