"""Counts the floating-point operations of a training step, by formula."""

from __future__ import annotations


def step_flops(config, lengths, spellings, *, tags, relations, characters, adversarial, contextual_width):
    """Operations that any implementation of a training step must do.

    Only matrix products count, with 2 operations for each multiply-add. The two gradients of a product cost twice the
    product. So a step is `3 E + 3 A` without and `3 E + 2 * 3 A` with adversarial training, where E is the forward pass
    of the embeddings and A that of everything after them. Padding does not count, and neither does work that can be
    avoided: words that occur again in a batch, and input products of characters beyond one for each row of the
    character table. With d the hidden size, h that of the character LSTM, c the character size, w the width of a
    token's embedding, l the label size, r the relation size, R relations, T tags and n tokens in a sentence:

        E = 2 * characters in the table * c * 8h + 2 * characters of the distinct words * 2 * 4h^2
        A = sum over sentences of
            BiLSTM, input width f:    16 n d (f + d)      f: w, then 2d in further BSA units; l (twice); 4d
            attention, m + 2 units:   2 n * 4 (2d)^2 + 2 * 2 n^2 2d
            emissions:                2 n * 2d T
            pairs:                    2 n * 2 * 2d r R + 2 n^2 r R

    Args:
        config: `Config` of the paper's network: default encoder, projection and ablations.
        lengths: iterable of int, tokens of each sentence of the batch.
        spellings: iterable of int, characters of each distinct word of the batch.
        tags, relations: int. T, R.
        characters: int. Rows of the character table.
        adversarial: bool. Whether the step has a second pass.
        contextual_width: int. Width of the contextual vectors.

    Returns:
        int, floating-point operations.
    """
    h = config.characters.hidden_size
    embeddings = 2 * characters * config.characters.size * 8 * h + 2 * sum(spellings) * 2 * 4 * h * h
    after = sum(_sentence(config, n, tags, relations, contextual_width) for n in lengths)
    return 3 * embeddings + (6 if adversarial else 3) * after


def _sentence(config, n, tags, relations, contextual_width):
    model = config.model
    d, units = model.hidden_size, model.bsa_units
    width = config.words.size + 2 * config.characters.hidden_size
    width += contextual_width
    inputs = [width] + (units - 1) * [2 * d] + 2 * [model.label_size] + [4 * d]
    lstms = sum(16 * n * d * (f + d) for f in inputs)
    attention = (units + 2) * (2 * n * 4 * (2 * d) ** 2 + 2 * 2 * n * n * 2 * d)
    emissions = 2 * n * 2 * d * tags
    hidden = model.relation_size * relations
    pairs = 2 * n * 2 * 2 * d * hidden + 2 * n * n * hidden
    return lstms + attention + emissions + pairs
