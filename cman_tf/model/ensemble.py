"""Several trained networks that answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from cman_tf.layers.crf import CRF

if TYPE_CHECKING:
    from cman_tf.model.cman import Cman


class Ensemble(tf.Module):
    """Averages emissions, transitions and relation logits of its members, then decodes once.

    It has the parts of a trained `Cman` that prediction and export use, with the same inputs and outputs, so that an
    `Extractor` takes either. Where a `Cman` returns tokens, the vectors of all members are concatenated. It cannot be
    trained.

    Args:
        members: sequence of `Cman` with the same tags, relation types and inputs; their sizes may differ.

    Attributes:
        members: list of `Cman`.
    """

    def __init__(self, members: Sequence[Cman]) -> None:
        super().__init__(name="ensemble")
        self.members = list(members)
        self.token_embedding = _TokenEmbedding(self.members)

    @property
    def weights(self) -> list[tf.Variable]:
        """Weights of all members."""
        return [weight for member in self.members for weight in member.weights]

    @property
    def has_relations(self) -> bool:
        """Whether there are relation types."""
        return self.members[0].has_relations

    @property
    def crf(self) -> CRF:
        """A `CRF` with the mean of the members' transitions, for decoding and marginals."""
        first = self.members[0].crf
        crf = CRF(first.num_tags, first.forbidden, name="mean_crf")
        crf.transitions = _mean([member.crf.transitions for member in self.members])
        return crf

    def entity_network(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Embeddings of all members -> `tokens` `(batch, tokens, sum of 2d)` and mean `emissions`."""
        widths = [member.token_embedding.output_shape[-1] for member in self.members]
        found = [
            member.entity_network({**inputs, "embeddings": embeddings}, training=training)
            for member, embeddings in zip(self.members, tf.split(inputs["embeddings"], widths, axis=-1))
        ]
        return {
            "tokens": tf.concat([item["tokens"] for item in found], axis=-1),
            "emissions": _mean([item["emissions"] for item in found]),
        }

    def relation_tokens(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Tokens and tags -> tokens `(batch, tokens, sum of 2d)` of the relation networks."""
        parts = zip(self.members, self._split(inputs["tokens"]))
        found = [member.relation_tokens({**inputs, "tokens": tokens}, training=training) for member, tokens in parts]
        return tf.concat(found, axis=-1)

    def relation_network(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Tokens and tags -> `tokens` `(batch, tokens, sum of 2d)` and mean `scores` of all their pairs."""
        found = [
            member.relation_network({**inputs, "tokens": tokens}, training=training)
            for member, tokens in zip(self.members, self._split(inputs["tokens"]))
        ]
        return {
            "tokens": tf.concat([item["tokens"] for item in found], axis=-1),
            "scores": _mean([item["scores"] for item in found]),
        }

    def score_pairs(self, tokens: tf.Tensor, positions: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Mean relation logits of all pairs among some tokens, see `Cman.score_pairs`."""
        parts = zip(self.members, self._split(tokens))
        return _mean([member.score_pairs(part, positions, count) for member, part in parts])

    def _split(self, tokens: tf.Tensor) -> list[tf.Tensor]:
        widths = [member.entity_network.output_shape["tokens"][-1] for member in self.members]
        return tf.split(tokens, widths, axis=-1)


class _TokenEmbedding:
    """The token embeddings of all members, concatenated."""

    def __init__(self, members: Sequence[Cman]) -> None:
        self.members = members
        first = members[0].token_embedding
        self.inputs, self.input_names = first.inputs, first.input_names

    def __call__(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return tf.concat([member.token_embedding(inputs, training=training) for member in self.members], axis=-1)


def _mean(values: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.add_n(list(values)) / len(values)
