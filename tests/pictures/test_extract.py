"""From a picture to MNIST's 28x28: what must make no difference, and when to look closer."""

import numpy as np
import pytest
from PIL import Image

from helpers.drawn_pictures import assert_like_mnist, correlation, draw_picture
from mnist_graph.base.errors import ImageError
from mnist_graph.drawn.pen import draw_block
from mnist_graph.pictures import extract
from mnist_graph.pictures.mnist_style import mnist_digit

REFERENCE = extract.picture_to_digit(draw_picture())


@pytest.mark.parametrize(
    'size, box',
    [
        ((28, 28), (7, 5, 12, 16)),
        ((300, 280), (20, 170, 60, 80)),
        ((640, 480), (500, 20, 60, 80)),
        ((120, 120), (0, 0, 60, 80)),
        ((70, 90), (5, 5, 60, 80)),
        ((600, 800), (60, 70, 480, 640)),
    ],
)
def test_place_and_size_make_little_difference(size, box):
    image = extract.picture_to_digit(draw_picture(size=size, box=box, pen=box[2] / 7.5))
    assert_like_mnist(image)
    # Strokes 2.5 pixels wide and half a pixel apart correlate at 0.9.
    assert correlation(image, REFERENCE) > 0.88


def test_mnists_own_image_comes_back_as_it_is(tmp_path):
    own = draw_block(np.array([3]), np.random.default_rng(1))[0]
    Image.fromarray(own).save(tmp_path / 'own.png')
    np.testing.assert_array_equal(extract.picture_to_digit(tmp_path / 'own.png'), own * np.float32(1 / 255))
    Image.fromarray(255 - own).save(tmp_path / 'inverted.png')
    np.testing.assert_allclose(extract.picture_to_digit(tmp_path / 'inverted.png'), own / 255, atol=1e-6)


def test_image_that_is_not_mnists_is_not_taken_for_it():
    own = draw_block(np.array([3]), np.random.default_rng(1))[0, :, :, None] / np.float32(255)
    assert mnist_digit(own) is not None
    assert mnist_digit(np.roll(own, 2, axis=0)) is None
    assert mnist_digit(own * np.float32(0.5)) is None
    assert mnist_digit(np.repeat(own, 3, axis=2)) is None
    assert mnist_digit(np.zeros((28, 28, 1), np.float32)) is None


def test_blank_file_is_named(tmp_path):
    Image.new('L', (40, 40), 255).save(tmp_path / 'empty_page.png')
    with pytest.raises(ImageError, match='empty_page.png'):
        extract.picture_to_digit(tmp_path / 'empty_page.png')


def test_plain_resize_keeps_the_picture():
    colours = np.zeros((40, 60, 3), np.uint8)
    colours[:, :30] = (255, 0, 0)
    colours[:, 30:] = (0, 0, 255)
    small = extract.plain_resize(colours, 8, 6, 3)
    assert small.shape == (8, 6, 3) and small.dtype == np.float32
    np.testing.assert_allclose(small[4, 0], (1, 0, 0), atol=1e-6)
    np.testing.assert_allclose(small[4, 5], (0, 0, 1), atol=1e-6)
    grey = extract.plain_resize(colours, 8, 6, 1)
    np.testing.assert_allclose(grey[4, [0, 5], 0], (0.299, 0.114), atol=1e-3)
    assert extract.plain_resize(np.full((9, 9), 128, np.uint8), 4, 4, 3).shape == (4, 4, 3)
    with pytest.raises(ImageError, match='1 channel or 3, but the model reads 4'):
        extract.plain_resize(np.full((9, 9), 128, np.uint8), 4, 4, 4)


def test_result_is_the_same_every_time():
    np.testing.assert_array_equal(extract.picture_to_digit(draw_picture()), REFERENCE)


@pytest.mark.parametrize('pen', [3, 5])
def test_thin_strokes_are_looked_at_closely(pen):
    """They are less than a pixel wide in the first look."""
    thin = extract.picture_to_digit(draw_picture(size=(600, 600), box=(150, 90, 300, 405), pen=pen))
    thick = extract.picture_to_digit(draw_picture(size=(600, 600), box=(150, 90, 300, 405), pen=30))
    assert correlation(thin, thick) > 0.95
