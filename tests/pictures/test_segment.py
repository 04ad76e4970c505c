"""Splitting several digits, and keeping a single one whole."""

import numpy as np
import pytest
from PIL import Image

from helpers.drawn_pictures import assert_reads, correlation, draw_picture, draw_row, draw_share
from mnist_graph.pictures import extract
from mnist_graph.pictures.components import find_components


@pytest.mark.parametrize('digits', ['auto', 'many'])
def test_digits_in_a_row_come_in_reading_order(digits):
    found = extract.picture_to_digits(1 - draw_row('2754', 85, digit_width=60, margin=30), digits)
    assert found.shape == (4, 28, 28) and found.dtype == np.float32
    for image, digit in zip(found, '2754'):
        assert correlation(image, extract.picture_to_digit(draw_picture(digit))) > 0.95


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


def test_row_too_wide_for_one_digit_is_split_without_plain_gaps():
    assert_reads(1 - draw_row('2475', 48), '2475')


def test_dots_between_digits_bridge_no_gap():
    share = draw_row('25', 75)
    share[92:102, 86:94] = 1
    assert_reads(1 - share, '25')


def test_columns_of_slanted_digits_may_overlap():
    share = draw_row('717', 62)
    slanted = Image.fromarray(np.uint8(255 * share)).transform(
        (share.shape[1], 120), Image.Transform.AFFINE, (1, 0.35, -21, 0, 1, 0), Image.Resampling.BILINEAR
    )
    assert len(extract.picture_to_digits(255 - np.asarray(slanted), 'many')) == 3
