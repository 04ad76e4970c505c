"""Ink that is no digit goes, and what is the digit's own stays."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pictures import assert_reads, correlation, draw_picture, draw_row, draw_share
from mnist_graph.pictures import extract
from mnist_graph.pictures.clutter import remove_rules
from mnist_graph.pictures.mnist_style import normalize_digit
from mnist_graph.pictures.segment import isolate_digit

REFERENCE = extract.picture_to_digit(draw_picture())


@pytest.mark.parametrize('kind', ['ruled', 'grid', 'box', 'specks', 'edge shadow'])
def test_rules_boxes_specks_and_shadows_go(kind):
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
    assert correlation(normalize_digit(isolate_digit(ink)), REFERENCE) > 0.9


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


@pytest.mark.parametrize('n', [5, 7])
@pytest.mark.parametrize('digits', ['auto', 'many'])
def test_frame_around_a_long_row_goes(n, digits):
    page = Image.new('L', (60 * n + 20, 100), 255)
    draw = ImageDraw.Draw(page)
    draw.rectangle((6, 6, page.width - 7, 93), outline=0, width=2)
    for number in range(n):
        draw.ellipse((30 + 60 * number, 30, 60 + 60 * number, 70), outline=0, width=5)
    assert len(extract.picture_to_digits(page, digits)) == n


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


def test_boxes_of_a_form_go():
    picture = Image.fromarray(np.uint8(255 * (1 - draw_row('247', 75)))).convert('RGB')
    draw = ImageDraw.Draw(picture)
    for number in range(3):
        draw.rectangle((7 + 75 * number, 6, 74 + 75 * number, 114), outline=(0, 0, 0), width=3)
    assert_reads(picture, '247', 'many')
