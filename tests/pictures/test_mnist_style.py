"""The size, the position and the stroke width of MNIST's digits."""

import numpy as np
import pytest

from helpers.drawn_pictures import assert_like_mnist, draw_picture
from mnist_graph.pictures import extract
from mnist_graph.pictures.mnist_style import (
    THICKEST,
    THINNEST,
    WIDTH_SCALE,
    adjust_stroke_width,
    mean_stroke_width,
    normalize_digit,
)


@pytest.mark.parametrize('digit', '12457')
@pytest.mark.parametrize('pen', [3, 8, 14])
def test_geometry_is_mnists(digit, pen):
    image = extract.picture_to_digit(draw_picture(digit, pen=pen))
    assert_like_mnist(image)
    padded = np.pad(image, 2)
    assert 1.7 < mean_stroke_width(padded) < 3.8


def test_wide_ink_is_20_pixels_wide():
    image = extract.picture_to_digit(draw_picture('7', size=(200, 90), box=(20, 20, 150, 40)))
    assert_like_mnist(image)
    assert np.ptp(np.flatnonzero(image.max(axis=0) > 0.2)) + 1 in (20, 21)


def test_normalize_of_a_bar_has_the_values_worked_out_by_hand():
    # 20 x 3 pixels of ink scale to themselves. Their centre comes to the middle of pixel 14, so that the three columns
    # are 13 to 15, and the rows go from the middle of row 4 to the middle of row 24.
    ink = np.zeros((30, 30), np.uint8)
    ink[2:22, 5:8] = 255
    image = normalize_digit(ink)
    expected = np.zeros((28, 28))
    expected[5:24, 13:16] = 1
    expected[[4, 24], 13:16] = 0.5
    np.testing.assert_allclose(image, expected, atol=0.25)  # the edges are soft
    np.testing.assert_allclose(image, image[::-1][np.r_[27, 0:27]], atol=1e-3)


def test_faint_background_is_not_enlarged():
    """Only a pixel around the box comes along: strokes are measured on a margin of zeros."""
    ink = np.full((40, 40), 60, np.uint8)
    ink[10:30, 18:22] = 255
    bare = np.where(ink == 255, ink, 0)
    np.testing.assert_allclose(normalize_digit(ink), normalize_digit(bare), atol=0.15)


@pytest.mark.parametrize('width, target', [(3, THINNEST * WIDTH_SCALE), (7, None), (24, THICKEST * WIDTH_SCALE)])
def test_stroke_width_is_brought_into_range(width, target):
    ink = np.zeros((120, 120), np.float32)
    ink[20:100, 50 : 50 + width] = 1
    # Twice the area over the perimeter of a bar; its ends count too.
    mean = 2 * 80 * width / (2 * (80 + width))
    assert mean_stroke_width(ink) == pytest.approx(mean, rel=0.05)
    change = target - mean if target else 0
    assert adjust_stroke_width(ink)[60].sum() == pytest.approx(width + change, abs=1)
