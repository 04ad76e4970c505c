"""Telling ink from paper: colours, light, shadows, noise, and pages without ink."""

import numpy as np
import pytest

from helpers.drawn_pictures import assert_like_mnist, correlation, draw_picture, draw_share
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import extract
from mnist_graph.pictures.mnist_style import normalize_digit

REFERENCE = extract.picture_to_digit(draw_picture())


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


@pytest.mark.parametrize('digit', ['2', '4', '7'])
def test_a_small_digit_on_grainy_paper_is_no_blank_picture(digit):
    share = draw_share(digit, size=(200, 200), box=(120, 40, 24, 32), pen=4)
    grain = np.random.default_rng(0).normal(0, 0.07, share.shape)
    page = np.clip(0.85 - 0.65 * share + grain, 0, 1)
    assert correlation(extract.picture_to_digit(np.uint8(255 * page)), normalize_digit(share)) > 0.8
