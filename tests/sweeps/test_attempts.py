"""Which points of a sweep need a trial, after any that ended or were lost."""

import pytest

from mnist_graph.sweeps.attempts import CRASHED, DIVERGED, INTERRUPTED, UNUSABLE, Attempt, is_over, needed


def failed(point, failure, values=None):
    return Attempt(point, 'failed', failure, values)


@pytest.mark.parametrize(
    'attempts, expected',
    [
        ([], [(0, None), (1, None), (2, None)]),
        ([Attempt(0, 'waiting')], [(1, None), (2, None)]),
        ([Attempt(0, 'complete'), Attempt(1, 'running'), Attempt(2, 'waiting'), Attempt(4, 'waiting')], [(3, None)]),
        ([Attempt(number, 'complete') for number in range(5)], []),
        # A crash is tried again twice, however often the sweep itself is stopped between.
        (
            [failed(0, CRASHED, {'dropout': 0.5})] + [Attempt(n, 'complete') for n in range(1, 5)],
            [(0, {'dropout': 0.5})],
        ),
        (
            [failed(0, CRASHED)] * 2 + [failed(0, INTERRUPTED)] * 9 + [Attempt(n, 'complete') for n in range(1, 5)],
            [(0, None)],
        ),
        ([failed(0, CRASHED)] * 3 + [Attempt(n, 'complete') for n in range(1, 5)], []),
        # It is not when it is under way or has a result already.
        ([failed(0, CRASHED), Attempt(0, 'running')] + [Attempt(n, 'complete') for n in range(1, 5)], []),
        ([failed(0, CRASHED), Attempt(0, 'pruned')] + [Attempt(n, 'complete') for n in range(1, 5)], []),
        # What diverged would again.
        ([failed(0, DIVERGED), failed(1, UNUSABLE)] + [Attempt(n, 'complete') for n in range(2, 5)], []),
    ],
)
def test_which_points_need_a_trial(attempts, expected):
    assert needed(attempts, n_points=5, n_waiting=3) == expected
    unfinished = any(one.state in ('waiting', 'running') for one in attempts)
    assert is_over(attempts, 5) == (not expected and not unfinished)


def test_a_queue_that_is_longer_than_need_be_gets_no_more():
    waiting = [Attempt(number, 'waiting') for number in range(4)]
    assert needed(waiting, n_points=9, n_waiting=3) == []
    lost = [failed(number, CRASHED) for number in range(2)]
    assert needed(lost + waiting[2:], n_points=9, n_waiting=3) == [(0, None), (1, None)]
