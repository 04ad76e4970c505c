"""The order of batches: an endless row of permutations, of any step without those before it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_graph.training.batches import BatchOrder


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), first=st.integers(0, 30), steps=st.integers(0, 12))
def test_batches_are_pieces_of_an_endless_row_of_permutations(n, batch_size, first, steps):
    rows = BatchOrder(n, batch_size, 5).rows(first, steps)
    assert rows.dtype == np.int32 and len(rows) == steps * batch_size
    whole = BatchOrder(n, batch_size, 5).rows(0, first + steps)
    np.testing.assert_array_equal(rows, whole[first * batch_size :])
    for start in range(0, len(whole) - n + 1, n):
        assert sorted(whole[start : start + n]) == list(range(n))


def test_batches_do_not_depend_on_what_was_asked_before():
    order = BatchOrder(10, 4, 3)
    in_turn = [order.rows(step, 1) for step in range(20)]
    for step in (19, 3, 7, 0, 19):
        np.testing.assert_array_equal(order.rows(step, 1), in_turn[step])


def test_every_epoch_and_seed_has_its_own_order():
    def orders(seed):
        rows = BatchOrder(50, 50, seed).rows(0, 4).reshape(4, 50)
        return {tuple(row) for row in rows.tolist()}

    assert len(orders(0) | orders(1)) == 8
    assert tuple(range(50)) not in orders(0)


@pytest.mark.parametrize('n, batch_size, epochs', [(10, 4, 1), (10, 4, 2), (10, 4, 3), (7, 16, 3), (5, 5, 2)])
def test_whole_epochs_use_each_picture_equally_often(n, batch_size, epochs):
    n_steps = -(-n * epochs // batch_size)
    order = BatchOrder(n, batch_size, 0)
    rows = np.concatenate([order.rows(step, 1, last_position=n * epochs) for step in range(n_steps)])
    assert np.bincount(rows, minlength=n).tolist() == [epochs] * n
    assert len(order.rows(n_steps, 1, last_position=n * epochs)) == 0
