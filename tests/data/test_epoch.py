import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data.epoch import joined, plan, steps_of_an_epoch

LENGTHS = [int(length) for length in np.random.default_rng(0).integers(1, 60, 101)]


def as_lists(batches):
    return [batch.tolist() for batch in batches]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), max_size=60),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 500),
)
def test_every_sentence_once_an_epoch(lengths, batch_size, seed, epoch):
    batches = plan(lengths, batch_size, seed, epoch)
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_seed_and_epoch_decide_the_order():
    first = as_lists(plan(LENGTHS, 16, seed=1, epoch=0))
    assert as_lists(plan(LENGTHS, 16, seed=1, epoch=0)) == first
    assert as_lists(plan(LENGTHS, 16, seed=1, epoch=1)) != first
    assert as_lists(plan(LENGTHS, 16, seed=2, epoch=0)) != first


def test_sentences_of_a_batch_are_of_similar_length():
    cells = sum(max(LENGTHS[row] for row in batch) * len(batch) for batch in plan(LENGTHS, 8, 1, 0))
    assert cells < 1.3 * sum(LENGTHS)


def test_batches_come_in_mixed_order():
    longest = [max(LENGTHS[row] for row in batch) for batch in plan(LENGTHS, 8, 1, 0)]
    assert longest != sorted(longest)


@given(count=st.integers(0, 60), share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 500))
def test_every_sentence_is_joined_once_or_alone(count, share, seed, epoch):
    found = joined(count, share, seed, epoch)
    assert sorted(row for rows in found for row in rows) == list(range(count))
    assert sum(len(rows) == 2 for rows in found) == int(count * share) // 2
    assert {len(rows) for rows in found} <= {1, 2}
    assert len(plan([1] * len(found), 3, seed, epoch)) == steps_of_an_epoch(count, 3, share)
    if int(count * share) < 2:
        assert found == [(row,) for row in range(count)]


def test_pairs_differ_between_epochs_and_seeds():
    first = joined(50, 0.5, 1, 0)
    assert joined(50, 0.5, 1, 0) == first
    assert joined(50, 0.5, 1, 1) != first
    assert joined(50, 0.5, 2, 0) != first
