"""The operation count against one done by hand, and the relations that must hold between counts."""

from benchmarks.flops import step_flops
from cman_tf import config as configs

SIZES = {
    "words.size": 3,
    "characters.size": 2,
    "characters.hidden_size": 1,
    "model.hidden_size": 2,
    "model.num_heads": 1,
    "model.label_size": 3,
    "model.relation_size": 2,
}
COUNTS = {"tags": 3, "relations": 2, "characters": 7}


def count(lengths=(4,), spellings=(2, 5), adversarial=False, contextual_width=5, **changes):
    config = configs.change(configs.Config(), {**SIZES, **changes})
    return step_flops(config, lengths, spellings, adversarial=adversarial, contextual_width=contextual_width, **COUNTS)


def test_by_hand():
    table = 2 * 7 * 2 * 8  # (7, 2) x (2, 8)
    recurrence = 7 * 2 * (2 * 1 * 4)  # 7 characters, two directions, (1, 1) x (1, 4)
    # A BiLSTM on 4 tokens: (4, f) x (f, 16), and 4 steps of two directions of (1, 2) x (2, 8).
    lstms = sum(2 * 4 * f * 16 + 4 * 2 * (2 * 2 * 8) for f in (3 + 2 + 5, 4, 3, 3, 8))
    projections = 4 * (2 * 4 * 4 * 4)  # query, key, value and output: (4, 4) x (4, 4)
    attention = 4 * (projections + 2 * (2 * 4 * 4 * 4))  # four units; scores and weighted sum
    emissions = 2 * 4 * 4 * 3
    pairs = 2 * (2 * 4 * 4 * 4) + 16 * 2 * 4  # U and W: (4, 4) x (4, 4); V on 16 pairs of 4 numbers
    after = lstms + attention + emissions + pairs
    assert count() == 3 * (table + recurrence + after)
    assert count(adversarial=True) == 3 * (table + recurrence) + 6 * after


def test_sentences_add_up():
    assert count([4, 9], []) + count([], []) == count([4], []) + count([9], [])


def test_a_wider_embedding_costs_its_input_product_alone():
    assert count(contextual_width=6) - count() == 3 * (2 * 4 * 16)
