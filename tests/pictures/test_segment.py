"""Components, choosing the digit's ink, and splitting several digits."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pictures import correlation, draw_picture, draw_share
from mnist_graph.pictures import extract
from mnist_graph.pictures.clutter import remove_rules
from mnist_graph.pictures.components import bounding_box, find_components
from mnist_graph.pictures.mnist_style import THICKEST, THINNEST, WIDTH_SCALE, adjust_stroke_width, mean_stroke_width
from mnist_graph.pictures.segment import isolate_digit

REFERENCE = extract.picture_to_digit(draw_picture())


def test_components_of_a_small_mask():
    mask = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 0, 1, 0]], bool)
    parts = find_components(mask)
    boxes = sorted(zip(parts.top, parts.left, parts.bottom, parts.right, parts.area))
    assert boxes == [(0, 0, 2, 2, 2), (0, 3, 2, 5, 3), (3, 0, 4, 2, 2), (3, 3, 4, 4, 1)]
    np.testing.assert_array_equal(parts.mask(np.ones(4, bool)), mask)
    only = parts.mask(parts.area == 3)
    np.testing.assert_array_equal(np.argwhere(only), [(0, 3), (0, 4), (1, 4)])


def flood(mask):
    """The 8-connected components, the slow way: a sorted list of each one's sorted places."""
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    components = []
    while left:
        front, places = [left.pop()], []
        while front:
            y, x = front.pop()
            places.append((y, x))
            near = {(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)} & left
            left -= near
            front += near
        components.append(sorted(places))
    return sorted(components)


@pytest.mark.parametrize('share', [0.1, 0.3, 0.4, 0.5, 0.7])
def test_components_of_random_masks(share):
    random = np.random.default_rng(int(share * 10))
    for shape in ((1, 1), (1, 20), (20, 1), (23, 31), (40, 40)):
        mask = random.random(shape) < share
        parts, expected = find_components(mask), flood(mask)
        assert parts.area.tolist() == [len(places) for places in expected]  # in the order of their first pixels
        for number, places in enumerate(expected):
            only = parts.mask(np.arange(len(expected)) == number)
            assert list(map(tuple, np.argwhere(only).tolist())) == places
            assert bounding_box(only) == (
                parts.top[number],
                parts.bottom[number],
                parts.left[number],
                parts.right[number],
            )


def test_component_that_winds():
    mask = np.zeros((61, 61), bool)
    mask[::4] = True  # one long snake
    mask[:, 0] = mask[:, -1] = False
    for row in range(0, 57, 4):
        mask[row : row + 4, -1 if row % 8 else 0] = True
    assert find_components(mask).area.size == 1


@pytest.mark.parametrize('kind', ['ruled', 'grid', 'box', 'specks', 'edge shadow'])
def test_what_is_not_the_digit_goes(kind):
    ink = draw_share(size=(120, 120))
    if kind in ('ruled', 'grid'):
        ink[10::25] = np.maximum(ink[10::25], 0.8)
    if kind == 'grid':
        ink[:, 4::25] = np.maximum(ink[:, 4::25], 0.8)
    if kind == 'box':
        ink[5:7, 5:115] = ink[113:115, 5:115] = ink[5:115, 5:7] = ink[5:115, 113:115] = 1
    if kind == 'specks':
        ink[3:5, 3:5] = ink[100:103, 110:112] = ink[60, 5] = 1
    if kind == 'edge shadow':
        ink[:, :15] = 0.55
    assert correlation(extract.normalize_digit(isolate_digit(ink)), REFERENCE) > 0.9


def test_rules_go_but_a_digits_own_bar_stays():
    ink = np.zeros((60, 60), np.float32)
    ink[20] = 1
    ink[10:50, 30:34] = 1
    left = remove_rules(ink)
    assert left[20, 5] == 0 and left[20, 31] == 1
    bar = np.zeros((40, 40), np.float32)
    bar[2:38, 18:21] = 1
    np.testing.assert_array_equal(remove_rules(bar), bar)


def test_bars_of_digits_cut_out_to_their_box_stay():
    for digit, top in (('7', 0), ('4', 36)):  # a bar of 3 rows from edge to edge
        ink = np.zeros((60, 96), np.float32)
        ink[top : top + 3] = 1
        down = np.arange(60)
        ink[down, 92 - down] = ink[down, 93 - down] = ink[down, 94 - down] = 1
        np.testing.assert_array_equal(remove_rules(ink), ink, err_msg=digit)


def test_thin_scribble_over_a_thick_pen_goes():
    share = draw_share('1', size=(160, 160), box=(40, 25, 60, 110), pen=12)
    clean = extract.picture_to_digit(1 - share)
    scribbled = share.copy()
    along = np.arange(4, 156)
    for y, x in ((along, along), (along, 160 - along), (along // 3 + 60, along), (along, along // 4 + 20)):
        scribbled[y, x] = scribbled[y, np.minimum(x + 1, 159)] = 1
    assert correlation(extract.picture_to_digit(1 - scribbled), clean) > 0.9
    found = extract.picture_to_digits(1 - scribbled, digits='auto')
    assert len(found) == 1 and correlation(found[0], clean) > 0.9


def test_hairlines_of_print_stay():
    # A 4 with a thick stem and thin other strokes.
    ink = draw_share('4', size=(160, 160), box=(30, 25, 100, 110), pen=3)
    stem = np.zeros_like(ink)
    stem[25:136, 88:102] = 1
    kept = isolate_digit(np.maximum(ink, stem))
    assert np.ptp(np.flatnonzero((kept > 0.5).any(axis=0))) > 90


def row_of(digits, gap):
    """A picture of several digits in a row, `gap` pixels between the boxes of their paths."""
    size = (60 * len(digits) + gap * (len(digits) - 1) + 60, 140)
    share = np.zeros(size[::-1], np.float32)
    for number, digit in enumerate(digits):
        share = np.maximum(share, draw_share(digit, size, (30 + number * (60 + gap), 30, 60, 80), pen=8))
    return 1 - share


@pytest.mark.parametrize('digits', ['auto', 'many'])
def test_digits_in_a_row_come_in_reading_order(digits):
    found = extract.picture_to_digits(row_of('2754', 25), digits)
    assert found.shape == (4, 28, 28) and found.dtype == np.float32
    for image, digit in zip(found, '2754'):
        assert correlation(image, extract.picture_to_digit(draw_picture(digit))) > 0.95


def test_long_row_is_looked_at_closely():
    found = extract.picture_to_digits(row_of('27' * 6, 25), 'auto')
    assert len(found) == 12
    assert correlation(found[0], REFERENCE) > 0.9


@pytest.mark.parametrize('digit', '12457')
def test_auto_leaves_a_single_digit_whole(digit):
    whole = extract.picture_to_digits(draw_picture(digit), 'auto')
    assert whole.shape == (1, 28, 28)
    np.testing.assert_array_equal(whole[0], extract.picture_to_digit(draw_picture(digit)))


def test_auto_keeps_broken_digits_together():
    five = draw_share('5', pen=5)  # its top bar is a stroke of its own
    five[26:29] = 0
    assert find_components(five > 0.5).area.size > 1
    assert len(extract.picture_to_digits(1 - five, 'auto')) == 1
    four = np.zeros((120, 120), np.float32)
    four[20:65, 30:36] = four[60:66, 30:74] = 1
    four[20:105, 78:84] = 1  # the stem stands apart by four pixels
    assert len(extract.picture_to_digits(1 - four, 'auto')) == 1


def test_unknown_way_of_splitting():
    with pytest.raises(ValueError, match='several'):
        extract.picture_to_digits(draw_picture(), 'several')


@pytest.mark.parametrize('width, target', [(3, THINNEST * WIDTH_SCALE), (7, None), (24, THICKEST * WIDTH_SCALE)])
def test_stroke_width_is_brought_into_range(width, target):
    ink = np.zeros((120, 120), np.float32)
    ink[20:100, 50 : 50 + width] = 1
    # Twice the area over the perimeter of a bar; its ends count too.
    mean = 2 * 80 * width / (2 * (80 + width))
    assert mean_stroke_width(ink) == pytest.approx(mean, rel=0.05)
    change = target - mean if target else 0
    assert adjust_stroke_width(ink)[60].sum() == pytest.approx(width + change, abs=1)


def test_many_is_asked_of_pictures_of_28_pixels_too():
    array = np.zeros((28, 28), np.uint8)
    array[4:24, [8, 9, 18, 19]] = 255
    assert len(extract.picture_to_digits(array, 'many')) == 2 and len(extract.picture_to_digits(array, 'one')) == 1


@pytest.mark.parametrize('n', [5, 7])
@pytest.mark.parametrize('digits', ['auto', 'many'])
def test_frame_around_a_long_row_goes(n, digits):
    page = Image.new('L', (60 * n + 20, 100), 255)
    draw = ImageDraw.Draw(page)
    draw.rectangle((6, 6, page.width - 7, 93), outline=0, width=2)
    for number in range(n):
        draw.ellipse((30 + 60 * number, 30, 60 + 60 * number, 70), outline=0, width=5)
    assert len(extract.picture_to_digits(page, digits)) == n
