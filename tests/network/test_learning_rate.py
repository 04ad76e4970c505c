"""Learning-rate schedules against values computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mnist_graph.network.averages import ema_step_size
from mnist_graph.network.updater import learning_rate_at


def rates(steps, **options):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return session.run(learning_rate_at(tf.constant(steps, tf.int64), **options))


def test_constant_keeps_the_peak():
    np.testing.assert_allclose(rates([0, 7, 10**6], peak=0.5, schedule='constant'), [0.5, 0.5, 0.5])


def test_warm_up_climbs_linearly_from_the_first_step():
    got = rates([0, 1, 2, 3, 4], peak=0.4, schedule='constant', warmup_steps=4)
    np.testing.assert_allclose(got, [0.1, 0.2, 0.3, 0.4, 0.4], rtol=1e-6)


def test_linear_decay():
    # 10 steps of decay after 2 of warm-up: step 7 is half way down.
    got = rates([0, 1, 2, 7, 12, 20], peak=1.0, schedule='linear', warmup_steps=2, total_steps=12)
    np.testing.assert_allclose(got, [0.5, 1.0, 1.0, 0.5, 0.0, 0.0], atol=1e-7)


def test_cosine_decay():
    # 0.5 * (1 + cos(pi / 3)) = 0.75 at a third of the way, 0.25 at two thirds.
    got = rates([0, 2, 3, 4, 6, 9], peak=2.0, schedule='cosine', total_steps=6)
    np.testing.assert_allclose(got, [2.0, 1.5, 1.0, 0.5, 0.0, 0.0], atol=1e-6)


@pytest.mark.parametrize('schedule', ['linear', 'cosine'])
def test_decay_ends_at_zero(schedule):
    got = rates([50, 100, 1000], peak=0.3, schedule=schedule, total_steps=100)
    np.testing.assert_allclose(got, [0.15, 0, 0], atol=1e-6)  # either curve is half way down half way through


def test_scalar_step_gives_a_scalar():
    assert rates(3, peak=0.1, total_steps=10).shape == ()


@pytest.mark.parametrize(
    'options, word',
    [
        ({'schedule': 'sine', 'total_steps': 5}, 'sine'),
        ({'schedule': 'cosine'}, 'total_steps'),
        ({'schedule': 'linear', 'total_steps': 5, 'warmup_steps': 5}, 'total_steps'),
        ({'schedule': 'constant', 'warmup_steps': -1}, 'warmup_steps'),
    ],
)
def test_bad_options_are_named(options, word):
    with pytest.raises(ValueError, match=word):
        learning_rate_at(0, 0.1, **options)


def test_default_is_the_rate_itself():
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        assert sess.run(learning_rate_at(7, 0.25)) == 0.25


def test_ema_step_size_by_hand():
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        step_sizes = sess.run(ema_step_size(0.99, tf.constant([0, 80, 10_000])))
    np.testing.assert_allclose(step_sizes, [1 - 1 / 10, 1 - 81 / 90, 1 - 0.99], rtol=1e-5)
