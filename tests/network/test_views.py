"""Moved views of a picture: the first is the picture itself, the others are what they are said to be."""

import numpy as np
import pytest
import tensorflow as tf

from helpers.networks import run
from mnist_graph.base.inputs import InputSpec
from mnist_graph.network.views import Views, make_views

DIGITS = np.random.default_rng(3).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)


def test_first_view_is_the_identity_and_views_differ():
    got = run(lambda i: make_views(i, 9), DIGITS)
    assert got.shape == (9, 64, 28, 28, 1)
    np.testing.assert_array_equal(got[0], DIGITS)
    for i in range(9):
        for j in range(i):
            assert np.abs(got[i] - got[j]).mean() > 0.5


def test_views_come_in_mirrored_pairs():
    # An image equal to its own half turn: opposite shifts show half turns of each other.
    picture = np.float32(DIGITS[:1]) + np.float32(DIGITS[:1, ::-1, ::-1])
    got = run(lambda i: make_views(i, 3), picture)
    np.testing.assert_allclose(got[1], got[2][:, ::-1, ::-1], atol=1e-2)


@pytest.mark.parametrize('count', [0, 10])
def test_too_few_or_many_views_are_refused(count):
    with tf.Graph().as_default(), pytest.raises(ValueError, match='views'):
        make_views(tf.zeros([1, 28, 28, 1]), count)


def test_views_of_bytes_and_of_fractions_are_the_same():
    views = Views(InputSpec(28, 28, 1, 10), 3)
    of_bytes, of_fractions = views(DIGITS), views(DIGITS / np.float32(255))
    views.close()
    assert of_bytes.shape == (3, 64, 28, 28, 1) and of_bytes.dtype == np.float32 and of_bytes.max() <= 1
    np.testing.assert_allclose(of_bytes, of_fractions, atol=1e-6)
