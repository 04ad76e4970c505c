"""Upright digits of like size: moments and stretches by hand, what stays in place, and the network that uses them."""

import numpy as np
import pytest
import tensorflow as tf

from mnist_graph import graph, ink_moments
from mnist_graph.data import InputSpec
from mnist_graph.hparams import HParams


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
        image[row, left:left + 2] = 1 - (place - left), place - left
    return image[np.newaxis, :, :, np.newaxis]


def deskewed(images):
    return ink_moments.normalize(images)


def slants(images):
    return ink_moments.slants(ink_moments.moments(images))


def test_slant_and_moments_by_hand():
    image = np.zeros((1, 5, 4, 1), np.float32)
    image[0, 1, 0], image[0, 3, 1], image[0, 3, 3] = 1, 0.5, 0.5
    # Rows 1 and 3 hold as much: mean 2, variance 1. Columns 0 and (1 + 3) / 2 = 2: covariance 1.
    # The mean column is (0 + 0.5 + 1.5) / 2 = 1, half a column left of the middle; variance (1 + 0 + 2) / 2.
    np.testing.assert_allclose(run(ink_moments.moments, image), [[0.0], [-0.5], [1.0], [1.0], [1.5]], atol=1e-6)
    np.testing.assert_allclose(run(slants, image), [1.0], rtol=1e-6)
    np.testing.assert_allclose(run(slants, image[:, ::-1]), [-1.0], rtol=1e-6)
    # Twice the ink in row 3: mean (1 + 3 * 2) / 3 = 7 / 3, a third of a row below the middle one.
    image[0, 3] *= 2
    np.testing.assert_allclose(run(slants, image), [1.0], rtol=1e-6)
    np.testing.assert_allclose(run(ink_moments.moments, image).row, [1 / 3], rtol=1e-5)


@pytest.mark.parametrize('slant', [-0.75, 0.3, 0.5])
@pytest.mark.parametrize('compiled', [True, False])
def test_a_leaning_bar_stands_upright(slant, compiled):
    upright = run(lambda images: ink_moments.normalize(images, compiled=compiled), leaning_bar(slant=slant))
    assert abs(run(slants, leaning_bar(slant=slant))[0] - slant) < 1e-3
    assert abs(run(slants, upright)[0]) < 0.02
    columns = upright[0, 4:17, :, 0] @ np.arange(21) / upright[0, 4:17, :, 0].sum(axis=1)
    np.testing.assert_allclose(columns, 10.5, atol=0.25)


def test_no_slant_and_no_ink_change_nothing():
    upright = leaning_bar(slant=0.0)
    np.testing.assert_allclose(run(deskewed, upright), upright, atol=1e-6)
    black = np.zeros((2, 6, 7, 1), np.float32)
    for size in (False, True):
        np.testing.assert_array_equal(run(lambda images: ink_moments.normalize(images, size=size), black), black)


def test_a_flat_line_is_not_taken_for_slant():
    flat = np.zeros((1, 9, 9, 1), np.float32)
    flat[0, 4, 1:8] = 1
    flat[0, 5, 7] = 0.01  # a trace of ink one row below its end
    assert abs(run(slants, flat)[0]) <= 0.1
    np.testing.assert_allclose(run(deskewed, flat), flat, atol=0.06)


def test_slant_is_limited_to_45_degrees():
    slant = run(slants, leaning_bar(side=41, slant=1.4, first=14, last=26))
    np.testing.assert_allclose(slant, [ink_moments.LARGEST_SLANT])


def test_stretch_by_hand():
    # A spread that is 1.44 times the usual 2 pixels is divided by the root of 1.44; 16 times as much, by the limit.
    stretches = run(lambda variances: ink_moments.stretch(variances, 2.0), [4.0, 4 * 1.44 ** 2, 4 / 1.44 ** 2, 1024.0, 0.0])
    np.testing.assert_allclose(stretches, [1.0, 1 / 1.2, 1.2, 0.7, 1 / 0.7], rtol=1e-6)


def ellipse(height, width, row=0.0, column=0.0, slant=0.0, side=41):
    """A filled ellipse with these standard deviations, half its half axes, float32 [1, side, side, 1]."""
    rows, columns = np.mgrid[:side, :side] - side // 2
    across = columns - column - slant * (rows - row)
    radius = np.hypot((rows - row) / (2 * height), across / (2 * width))
    return np.clip((1 - radius) * 8 + 0.5, 0, 1)[np.newaxis, :, :, np.newaxis]


@pytest.mark.parametrize('compiled', [True, False])
@pytest.mark.parametrize('slant', [0.0, 0.4])
def test_sizes_go_half_the_way_to_the_usual_ones(slant, compiled):
    usual_height, usual_width = np.array(ink_moments.USUAL_SPREAD) * 41
    image = ellipse(usual_height / 1.44, usual_width * 1.21, row=1.5, column=-2.0, slant=slant)
    scaled = run(lambda images: ink_moments.normalize(images, size=True, compiled=compiled), image)
    row, column, row_row, row_column, column_column = (value[0] for value in run(ink_moments.moments, scaled))
    np.testing.assert_allclose([row, column], [1.5, -2.0], atol=0.02)
    np.testing.assert_allclose(np.sqrt([row_row, column_column]), [usual_height / 1.2, usual_width * 1.1], rtol=0.02)
    assert abs(row_column / row_row) < 0.01


def test_size_alone_leaves_the_slant():
    scaled = run(lambda images: ink_moments.normalize(images, deskew=False, size=True), leaning_bar(side=41, slant=0.5))
    ink = run(ink_moments.moments, scaled)
    lean = run(ink_moments.moments, leaning_bar(side=41, slant=0.5))
    assert ink.row_row > 1.2 * lean.row_row
    # Both axes are stretched, each by its own factor, and the slant with them.
    expected = 0.5 * np.sqrt(ink.column_column * lean.row_row / (lean.column_column * ink.row_row))
    np.testing.assert_allclose(run(slants, scaled), expected, rtol=0.03)


def test_each_picture_by_itself_and_channels_together():
    random = np.random.default_rng(5)
    images = random.uniform(size=(4, 8, 7, 3)).astype(np.float32)
    together = run(deskewed, images)
    for number in range(4):
        np.testing.assert_allclose(run(deskewed, images[number:number + 1]), together[number:number + 1], rtol=1e-5)
    one_channel = images.sum(axis=3, keepdims=True)  # has the same slant
    np.testing.assert_allclose(run(deskewed, one_channel)[..., 0], together.sum(axis=3), rtol=1e-4)


def test_the_network_reads_slanted_digits_as_upright_ones():
    """A network of linear layers, which sees exactly what deskewing leaves of the difference."""
    hparams = HParams(hidden_units=(), dropout=0, deskew=True, initializer='he_normal')
    logits = {}
    for deskewed in (True, False):
        network = graph.build(HParams.from_dict({**hparams.to_dict(), 'deskew': deskewed}), InputSpec(21, 21, 1, 10))
        with tf.compat.v1.Session(graph=network.graph) as session:
            session.run(network.initializer)
            upright, leaning = (session.run(network.output_layer, {network.X: leaning_bar(slant=slant).reshape(1, -1)})
                                for slant in (0.0, 0.5))
        logits[deskewed] = np.abs(upright - leaning).max()
    assert logits[True] < 0.3 * logits[False]
