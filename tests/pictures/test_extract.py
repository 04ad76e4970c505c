"""From a picture to MNIST's 28x28: geometry, and what must make no difference."""

import numpy as np
import pytest
from PIL import Image

from helpers.drawn_pictures import correlation, draw_picture, draw_share
from mnist_graph.base.errors import ImageError
from mnist_graph.drawn.pen import draw_block
from mnist_graph.pictures import extract
from mnist_graph.pictures.stroke_width import THICKEST, THINNEST, WIDTH_SCALE, adjust_stroke_width, mean_stroke_width


def assert_like_mnist(image, tolerance=0.02):
    """28x28, bright on black, the ink's longest side 20 pixels, its centre of mass at index 14."""
    assert image.shape == (28, 28) and image.dtype == np.float32
    assert image.min() == 0 and image.max() == pytest.approx(1, abs=0.01)
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.2) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (20, 21)  # it may begin and end within a pixel
    for axis in (0, 1):
        centre = image.sum(axis=1 - axis) @ np.arange(28) / image.sum()
        assert centre == pytest.approx(14, abs=tolerance)


REFERENCE = extract.picture_to_digit(draw_picture())


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
    image = extract.normalize(ink)
    expected = np.zeros((28, 28))
    expected[5:24, 13:16] = 1
    expected[[4, 24], 13:16] = 0.5
    np.testing.assert_allclose(image, expected, atol=0.25)  # the edges are soft
    np.testing.assert_allclose(image, image[::-1][np.r_[27, 0:27]], atol=1e-3)


@pytest.mark.parametrize(
    'paper, ink',
    [
        ((0, 0, 0), (255, 255, 255)),
        ((40, 40, 40), (120, 120, 120)),
        ((255, 255, 255), (190, 190, 190)),
        ((255, 220, 0), (0, 0, 128)),
        ((60, 255, 0), (0, 128, 0)),
        ((20, 60, 30), (240, 240, 220)),
        ((255, 0, 0), (0, 130, 0)),
    ],
)  # the last pair is equally light
def test_colours_make_no_difference(paper, ink):
    image = extract.picture_to_digit(draw_picture(paper=paper, ink=ink))
    assert correlation(image, REFERENCE) > 0.98


@pytest.mark.parametrize('mode', ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'I', 'F', 'I;16'])
def test_modes_make_no_difference(mode):
    picture = draw_picture()
    if mode == 'I;16':
        picture = Image.fromarray(np.asarray(picture.convert('L')).astype(np.uint16) * 257)
        assert picture.mode == mode
    else:
        picture = picture.convert(mode)
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.98


@pytest.mark.parametrize('kind', ['grey', 'rgb', 'float', 'wide float', 'bool', 'uint16', 'one channel'])
def test_arrays_are_pictures_too(kind):
    rgb = np.asarray(draw_picture())
    grey = rgb[:, :, 0]
    array = {
        'grey': grey,
        'rgb': rgb,
        'float': grey / 255,
        'wide float': grey.astype(np.float64),
        'bool': grey > 127,
        'uint16': grey.astype(np.uint16) * 257,
        'one channel': grey[:, :, None],
    }[kind]
    assert correlation(extract.picture_to_digit(array), REFERENCE) > 0.98


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


@pytest.mark.parametrize('dark', [True, False])
def test_light_noise_and_specks_make_little_difference(dark):
    random = np.random.default_rng(3)
    share = draw_share(size=(200, 200), box=(60, 40, 90, 120), pen=10)
    share[5:8, 190:193] = share[180:183, 10:12] = 1  # specks
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    light = 0.75 + 0.2 * x - 0.15 * y
    shade = light * (1 - 0.7 * share) if dark else 0.4 * light + 0.5 * share
    noisy = np.clip(shade + random.normal(0, 0.06, shade.shape), 0, 1)
    image = extract.picture_to_digit(np.uint8(255 * noisy))
    assert_like_mnist(image)
    assert correlation(image, REFERENCE) > 0.95


def test_shadow_with_an_edge_is_not_ink():
    share = draw_share(size=(160, 160), box=(50, 30, 70, 95), pen=9)
    paper = np.where(np.add.outer(np.arange(160), np.arange(160)) < 160, 0.55, 0.95)
    image = extract.picture_to_digit(paper * (1 - 0.9 * share))
    assert correlation(image, REFERENCE) > 0.9


def test_other_coloured_scribble_is_not_ink():
    picture = np.asarray(draw_picture(paper=(255, 215, 0), ink=(0, 0, 120))).copy()
    scribble = np.zeros((120, 120), bool)
    scribble[30:34, 5:115] = scribble[70:74, 0:100] = scribble[100:103] = True
    picture[scribble & (picture[:, :, 0] > 128)] = (255, 150, 0)
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.95


def test_mnists_own_image_comes_back_as_it_is(tmp_path):
    own = draw_block(np.array([3]), np.random.default_rng(1))[0]
    Image.fromarray(own).save(tmp_path / 'own.png')
    np.testing.assert_array_equal(extract.picture_to_digit(tmp_path / 'own.png'), own * np.float32(1 / 255))
    Image.fromarray(255 - own).save(tmp_path / 'inverted.png')
    np.testing.assert_allclose(extract.picture_to_digit(tmp_path / 'inverted.png'), own / 255, atol=1e-6)


def test_image_that_is_not_mnists_is_not_taken_for_it():
    own = draw_block(np.array([3]), np.random.default_rng(1))[0, :, :, None] / np.float32(255)
    assert extract.mnist_digit(own) is not None
    assert extract.mnist_digit(np.roll(own, 2, axis=0)) is None
    assert extract.mnist_digit(own * np.float32(0.5)) is None
    assert extract.mnist_digit(np.repeat(own, 3, axis=2)) is None
    assert extract.mnist_digit(np.zeros((28, 28, 1), np.float32)) is None


@pytest.mark.parametrize(
    'array',
    [
        np.zeros((50, 50), np.uint8),
        np.full((28, 28), 255, np.uint8),
        np.full((90, 60, 3), 77, np.uint8),
        np.linspace(0, 1, 6400).reshape(80, 80),
        np.ones((1, 1)),
        np.random.default_rng(0).normal(0.5, 0.05, (150, 150)).clip(0, 1),
    ],
)
def test_blank_page_is_an_error(array):
    with pytest.raises(ImageError, match='blank') as error:
        extract.picture_to_digit(array)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('length', [20, 60, 80, 96])
@pytest.mark.parametrize('across', [False, True])
def test_line_of_one_pixel_is_a_stroke(length, across):
    page = np.zeros((96, 96), np.uint8)
    page[(96 - length) // 2 : (96 + length) // 2, 48] = 255
    digit = extract.picture_to_digit(page.T if across else page)
    digit = digit.T if across else digit
    assert digit.max() == 1 and 0 < np.count_nonzero(digit.sum(axis=0) > 1) <= 4
    assert 18 <= np.count_nonzero(digit.sum(axis=1) > 0.5) <= 22


def test_faint_background_is_not_enlarged():
    """Only a pixel around the box comes along: strokes are measured on a margin of zeros."""
    ink = np.full((40, 40), 60, np.uint8)
    ink[10:30, 18:22] = 255
    bare = np.where(ink == 255, ink, 0)
    np.testing.assert_allclose(extract.normalize(ink), extract.normalize(bare), atol=0.15)


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


@pytest.mark.parametrize('width, target', [(3, THINNEST * WIDTH_SCALE), (7, None), (24, THICKEST * WIDTH_SCALE)])
def test_stroke_width_is_brought_into_range(width, target):
    ink = np.zeros((120, 120), np.float32)
    ink[20:100, 50 : 50 + width] = 1
    # Twice the area over the perimeter of a bar; its ends count too.
    mean = 2 * 80 * width / (2 * (80 + width))
    assert mean_stroke_width(ink) == pytest.approx(mean, rel=0.05)
    change = target - mean if target else 0
    assert adjust_stroke_width(ink)[60].sum() == pytest.approx(width + change, abs=1)
