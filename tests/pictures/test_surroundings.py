"""What surrounds digits in people's pictures: boxes and rings, underlines, neighbours."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pictures import correlation, draw_picture, draw_share
from helpers.reader import read
from mnist_graph.pictures import extract
from mnist_graph.pictures.mnist_style import normalize_digit

REFERENCE = extract.picture_to_digit(draw_picture())


def row_of(digits, step):
    """float32 [120, width]: digits side by side, `step` pixels from one to the next."""
    width = 40 + step * len(digits)
    return np.maximum.reduce(
        [
            draw_share(digit, size=(width, 120), box=(20 + step * number, 20, 40, 80), pen=8)
            for number, digit in enumerate(digits)
        ]
    )


# Around and beside the digit.


@pytest.mark.parametrize('kind', ['box', 'rounded box', 'ring', 'underline'])
def test_what_is_drawn_around_a_digit_goes(kind):
    picture = draw_picture(size=(200, 200), box=(70, 60, 60, 80))
    draw = ImageDraw.Draw(picture)
    shapes = {
        'box': lambda: draw.rectangle((40, 35, 160, 165), outline=(0, 0, 0), width=4),
        'rounded box': lambda: draw.rounded_rectangle((40, 35, 160, 165), 20, outline=(0, 0, 0), width=4),
        'ring': lambda: draw.ellipse((20, 20, 180, 180), outline=(0, 0, 0), width=4),
        'underline': lambda: draw.line((55, 165, 145, 165), fill=(0, 0, 0), width=5),
    }
    shapes[kind]()
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.95


def lines(size, pen, both):
    """float32 [height, width]: level lines 37 pixels apart, and upright ones, from border to border and a little off level."""
    canvas = Image.new('L', size)
    draw = ImageDraw.Draw(canvas)
    for at in range(20, max(size), 37):
        draw.line((0, at, size[0], at + 2), fill=255, width=pen)
        if both:
            draw.line((at, 0, at - 2, size[1]), fill=255, width=pen)
    return np.asarray(canvas, np.float32) / 255


@pytest.mark.parametrize('both', [False, True])
@pytest.mark.parametrize('digit', ['1', '2', '4', '5', '7'])
def test_a_digit_on_ruled_or_squared_paper(digit, both):
    share = draw_share(digit, size=(140, 160), box=(40, 30, 60, 90), pen=9)
    page = 1 - 0.9 * np.maximum(share, 0.6 * lines((140, 160), 2, both))
    assert correlation(extract.picture_to_digit(page), normalize_digit(share)) > 0.9


@pytest.mark.parametrize('both', [False, True])
def test_a_number_on_ruled_or_squared_paper(both):
    share = row_of('2475', 60)
    assert read(1 - 0.9 * np.maximum(share, 0.6 * lines(share.shape[::-1], 2, both))) == '2475'


@pytest.mark.parametrize('margin', [0, 1, 12])
@pytest.mark.parametrize('digit', ['1', '4', '7'])
def test_long_strokes_of_a_large_digit_stay(digit, margin):
    """They are as long as rules, and reach from border to border where a picture is cut to its digit."""
    size = 88 + 2 * margin, 128 + 2 * margin
    share = draw_share(digit, size=size, box=(4 + margin, 4 + margin, 80, 120), pen=8)
    assert correlation(extract.picture_to_digit(1 - share), normalize_digit(share)) > 0.97


@pytest.mark.parametrize('inside', ['slash', 'dot'])
def test_a_zero_with_a_stroke_in_it_stays(inside):
    picture = Image.new('L', (120, 120), 255)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 20, 85, 100), outline=0, width=6)
    whole = extract.picture_to_digit(picture)
    draw.line((55, 75, 70, 45) if inside == 'slash' else (60, 58, 64, 62), fill=0, width=5)
    assert correlation(extract.picture_to_digit(picture), whole) > 0.8


def test_a_broken_digits_own_base_stays():
    """A 1 whose serif below is detached is as wide as half its height at most."""
    picture = Image.new('L', (120, 120), 255)
    draw = ImageDraw.Draw(picture)
    draw.line((60, 15, 60, 92), fill=0, width=8)
    draw.line((42, 102, 78, 102), fill=0, width=8)
    rows = extract.picture_to_digit(picture)[20:].max(axis=0)
    assert np.count_nonzero(rows > 0.5) >= 6


# Several digits.


def test_row_without_plain_gaps():
    assert read(1 - row_of('2475', 48)) == '2475'


def test_dots_between_digits_bridge_no_gap():
    share = row_of('25', 75)
    share[92:102, 86:94] = 1
    assert read(1 - share) == '25'


def test_columns_of_slanted_digits_may_overlap():
    share = row_of('717', 62)
    slanted = Image.fromarray(np.uint8(255 * share)).transform(
        (share.shape[1], 120), Image.Transform.AFFINE, (1, 0.35, -21, 0, 1, 0), Image.Resampling.BILINEAR
    )
    assert read(255 - np.asarray(slanted)) == '717'


def test_boxes_of_a_form_go():
    picture = Image.fromarray(np.uint8(255 * (1 - row_of('247', 75)))).convert('RGB')
    draw = ImageDraw.Draw(picture)
    for number in range(3):
        draw.rectangle((7 + 75 * number, 6, 74 + 75 * number, 114), outline=(0, 0, 0), width=3)
    assert read(picture) == '247'


@pytest.mark.parametrize('pen', [3, 5])
def test_thin_strokes_are_looked_at_closely(pen):
    """They are less than a pixel wide in the first look."""
    thin = extract.picture_to_digit(draw_picture(size=(600, 600), box=(150, 90, 300, 405), pen=pen))
    thick = extract.picture_to_digit(draw_picture(size=(600, 600), box=(150, 90, 300, 405), pen=30))
    assert correlation(thin, thick) > 0.95
