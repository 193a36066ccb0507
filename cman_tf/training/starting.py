"""Starts a network from the weights of another one, which may have other types and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.vocabulary import Vocabulary
    from cman_tf.model.network import Network

# Axes of the weights that have an item for each tag, relation type or character; an item may be several rows.
_Axes = dict[str, tuple[int, ...]]

_TAGS: _Axes = {
    "crf/kernel:0": (1,),
    "crf/bias:0": (0,),
    "crf/transitions:0": (0, 1),
    "label_embedding/embeddings:0": (0,),
}
_RELATIONS: dict[str, _Axes] = {
    "per_relation": {
        "head_selection/head_kernel:0": (1,),
        "head_selection/tail_kernel:0": (1,),
        "head_selection/bias:0": (0,),
        "head_selection/scorer:0": (0,),
        "head_selection/pair_kernel:0": (1,),
        "head_selection/prior_bias:0": (0,),
    },
    "shared": {"head_selection/scorer:0": (2,), "head_selection/prior_bias:0": (0,)},
}
_CHARACTERS: _Axes = {"character_encoder/embeddings:0": (0,)}


def starting_network(config: Config, allow_encoders: Sequence[str] = ()) -> Network | None:
    """The trained network that `config.start_from` names, or None.

    Args:
        config: `Config`.
        allow_encoders: sequence of str, see `Run`.

    Raises:
        InputError: if it cannot be opened, or `config` also names a file of word vectors.
    """
    if not config.start_from:
        return None
    if config.words.vectors:
        raise InputError(
            "`words.vectors` must be empty (--words.vectors '') with `start_from`, because the words have the vectors "
            f"of that run. Received: {config.words.vectors}"
        )
    from cman_tf.training.run import Run

    run = Run.open(config.start_from, allow_encoders=allow_encoders)
    run.refuse_ensemble("`start_from`")
    return run.network()


def known_words(source: Network) -> tuple[Vocabulary, np.ndarray]:
    """Vocabulary of a trained network, and its words' vectors: float32 `(words, size)`."""
    layer = source.model.token_embedding.get_layer("word_embedding")
    tables = [layer.trained.numpy()[2:]]
    if layer.num_fixed:
        tables.append(layer.fixed.numpy().astype(np.float32))
    return source.vocabulary, np.concatenate(tables)


def copy_weights(source: Network, network: Network) -> float:
    """Give a network the weights of a trained one, where they fit.

    Weights of the same name and shape are copied. Of tags, relation types, characters and words, those that both know
    are copied; the others keep their initial values.

    Args:
        source: `Network`, trained.
        network: `Network`, changed.

    Returns:
        float. Share of the network's weights that are copied, without those of words, from 0 to 1.
    """
    old_items = _items(source)
    axes = _axes(network)
    items = _items(network)
    given = {weight.name: weight.numpy() for weight in source.model.weights}
    copied = total = 0
    for weight in network.model.weights:
        if weight.name.startswith("word_embedding/"):
            continue
        total += weight.shape.num_elements()
        old = given.get(weight.name)
        value = np.array(weight.numpy())  # of a scalar weight, `numpy` gives no array
        if old is None or old.ndim != value.ndim:
            continue
        # For each axis, rows of the old and of the new weight that belong together.
        kinds = {axis: kind for kind, named in axes.items() for axis in named.get(weight.name, ())}
        pairs = [
            _common(old_items[kinds[axis]], items[kinds[axis]], old.shape[axis], value.shape[axis])
            if axis in kinds
            else (np.arange(old.shape[axis]), np.arange(value.shape[axis]))
            for axis in range(value.ndim)
        ]
        if any(len(before) != len(after) for before, after in pairs):
            continue
        value[np.ix_(*(after for _, after in pairs))] = old[np.ix_(*(before for before, _ in pairs))]
        weight.assign(value)
        copied += int(np.prod([len(after) for _, after in pairs]))
    vocabulary, vectors = known_words(source)
    if vectors.shape[1] == network.config.words.size:
        _copy_words(source, network, vocabulary, vectors)
    return copied / total


def _copy_words(source: Network, network: Network, vocabulary: Vocabulary, vectors: np.ndarray) -> None:
    rows = {word: row for row, word in enumerate(vocabulary.words)}
    found = np.full([len(network.vocabulary.words), vectors.shape[1]], np.nan, np.float32)
    for position, word in enumerate(network.vocabulary.words):
        if word in rows:
            found[position] = vectors[rows[word]]
    network.start_vectors(found)
    old = source.model.token_embedding.get_layer("word_embedding").trained
    new = network.model.token_embedding.get_layer("word_embedding").trained
    # Padding and the unknown word.
    new.assign(np.concatenate([old.numpy()[:2], new.numpy()[2:]]))


def _axes(network: Network) -> dict[str, _Axes]:
    return {
        "tags": _TAGS,
        "relations": _RELATIONS[network.config.model.relation_projection],
        "characters": _CHARACTERS,
    }


def _items(network: Network) -> dict[str, list]:
    # Ids 0 and 1 of characters are padding and unknown.
    characters: list[int | None] = [-2, -1, *network.vocabulary.characters]
    characters += [None] * (network.featurizer.num_characters - len(characters))
    return {
        "tags": list(network.schema.tags),
        "relations": list(network.schema.relation_types),
        "characters": characters,
    }


def _common(old: Sequence, new: Sequence, old_size: int, new_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the items that are in both lists. Each item has `size / len(list)` rows, in this order."""
    block, new_block = old_size // len(old), new_size // len(new)
    if block != new_block:
        return np.arange(old_size), np.arange(0)
    both = [(old.index(item), position) for position, item in enumerate(new) if item is not None and item in old]
    before, after = ([pair[side] * block + part for pair in both for part in range(block)] for side in (0, 1))
    return np.array(before, int), np.array(after, int)
