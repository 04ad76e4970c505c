"""Upright digits: slants computed by hand, what stays in place, and the network that uses them."""

import numpy as np
import pytest
import tensorflow as tf

from mnist_graph import graph
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network import deskew


def run(build, images):
    """Builds a graph on float32 images and evaluates it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return session.run(build(tf.constant(images, tf.float32)))


def leaning_bar(side=21, slant=0.5, first=4, last=16):
    """A line of ink, float32 [1, side, side, 1]: each row's centre of mass is `slant` further right than the last's."""
    image = np.zeros((side, side), np.float32)
    for row in range(first, last + 1):
        place = side / 2 + slant * (row - (first + last) / 2)
        left = int(np.floor(place))
        image[row, left : left + 2] = 1 - (place - left), place - left
    return image[np.newaxis, :, :, np.newaxis]


def test_slant_and_row_by_hand():
    image = np.zeros((1, 5, 4, 1), np.float32)
    image[0, 1, 0], image[0, 3, 1], image[0, 3, 3] = 1, 0.5, 0.5
    # Rows 1 and 3 hold as much: mean 2, variance 1. Columns 0 and (1 + 3) / 2 = 2: covariance 1.
    slant, row = run(deskew.slants, image)
    np.testing.assert_allclose(slant, [1.0], rtol=1e-6)
    np.testing.assert_allclose(row, [0.0], atol=1e-6)
    slant, row = run(deskew.slants, image[:, ::-1])
    np.testing.assert_allclose(slant, [-1.0], rtol=1e-6)
    # Twice the ink in row 3: mean (1 + 3 * 2) / 3 = 7 / 3, a third of a row below the middle one.
    image[0, 3] *= 2
    slant, row = run(deskew.slants, image)
    np.testing.assert_allclose(slant, [1.0], rtol=1e-6)
    np.testing.assert_allclose(row, [1 / 3], rtol=1e-5)


@pytest.mark.parametrize('slant', [-0.75, 0.3, 0.5])
@pytest.mark.parametrize('compiled', [True, False])
def test_a_leaning_bar_stands_upright(slant, compiled):
    upright = run(lambda images: deskew.deskew(images, compiled), leaning_bar(slant=slant))
    assert abs(run(deskew.slants, leaning_bar(slant=slant))[0][0] - slant) < 1e-3
    assert abs(run(deskew.slants, upright)[0][0]) < 0.02
    columns = upright[0, 4:17, :, 0] @ np.arange(21) / upright[0, 4:17, :, 0].sum(axis=1)
    np.testing.assert_allclose(columns, 10.5, atol=0.25)


def test_no_slant_and_no_ink_change_nothing():
    upright = leaning_bar(slant=0.0)
    np.testing.assert_allclose(run(deskew.deskew, upright), upright, atol=1e-6)
    black = np.zeros((2, 6, 7, 1), np.float32)
    np.testing.assert_array_equal(run(deskew.deskew, black), black)


def test_a_flat_line_is_not_taken_for_slant():
    flat = np.zeros((1, 9, 9, 1), np.float32)
    flat[0, 4, 1:8] = 1
    flat[0, 5, 7] = 0.01  # a trace of ink one row below its end
    slant, _ = run(deskew.slants, flat)
    assert abs(slant[0]) <= 0.1
    np.testing.assert_allclose(run(deskew.deskew, flat), flat, atol=0.06)


def test_slant_is_limited_to_45_degrees():
    slant, _ = run(deskew.slants, leaning_bar(side=41, slant=1.4, first=14, last=26))
    np.testing.assert_allclose(slant, [deskew.LARGEST_SLANT])


def test_each_picture_by_itself_and_channels_together():
    random = np.random.default_rng(5)
    images = random.uniform(size=(4, 8, 7, 3)).astype(np.float32)
    together = run(deskew.deskew, images)
    for number in range(4):
        np.testing.assert_allclose(
            run(deskew.deskew, images[number : number + 1]), together[number : number + 1], rtol=1e-5
        )
    one_channel = images.sum(axis=3, keepdims=True)  # has the same slant
    np.testing.assert_allclose(run(deskew.deskew, one_channel)[..., 0], together.sum(axis=3), rtol=1e-4)


def test_the_network_reads_slanted_digits_as_upright_ones():
    """A network of linear layers, which sees exactly what deskewing leaves of the difference."""
    hparams = HParams(hidden_units=(), dropout=0, deskew=True, initializer='he_normal')
    logits = {}
    for deskewed in (True, False):
        network = graph.build(HParams.from_dict({**hparams.to_dict(), 'deskew': deskewed}), InputSpec(21, 21, 1, 10))
        with tf.compat.v1.Session(graph=network.graph) as session:
            session.run(network.initializer)
            upright, leaning = (
                session.run(network.output_layer, {network.X: leaning_bar(slant=slant).reshape(1, -1)})
                for slant in (0.0, 0.5)
            )
        logits[deskewed] = np.abs(upright - leaning).max()
    assert logits[True] < 0.3 * logits[False]
