"""What reads as a digit and is none: words, remnants of frames, slashes, hairlines, texture."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from helpers.drawn_pictures import draw_share
from helpers.reader import read
from mnist_graph.base.opencv import cv2
from mnist_graph.pictures import doubts, pieces, reading
from mnist_graph.pictures.doubts import Digit


@pytest.mark.parametrize('word', ['VgyN', 'wfpNk', 'XPg'])
def test_a_digit_in_a_word_is_a_letter(word):
    image = Image.new('L', (500, 200), 255)
    ImageDraw.Draw(image).text((40, 40), word, 0, ImageFont.load_default(90))
    assert read(image) == ''


def digit_of(label, box):
    left, top, right, bottom = box
    image = np.zeros((28, 28), np.float32)
    if label == 1:  # a thin straight stroke that leans to the right by 25 degrees
        cv2.line(image, (18, 4), (9, 23), 1, 2)
    else:
        image[4:24, 8:20] = 1
    scores = np.zeros(11)
    scores[label] = 1
    return Digit(image, scores, box, (right - left) * (bottom - top))


def texts_of(row, size=(100, 600)):
    found = doubts.without_doubtful([row], size[::-1])
    return [''.join(str(doubts.label(digit)) for digit in each) for each in found]


def row_of(labels, heights=None):
    heights = heights or [40] * len(labels)
    return [
        digit_of(label, (100 + 40 * k, 70 - height, 125 + 40 * k, 70))
        for k, (label, height) in enumerate(zip(labels, heights))
    ]


@pytest.mark.parametrize('labels, text', [([2, 7, 1, 4, 5], '2745'), ([2, 1, 4, 5, 1, 3, 6], '24536')])
def test_a_ruled_stroke_between_groups_of_digits_is_a_slash(labels, text):
    assert texts_of(row_of(labels)) == [text]


@pytest.mark.parametrize('labels', [[2, 7, 4, 1, 4, 5], [2, 1, 4, 5, 6], [1, 2, 4]])
def test_a_1_where_no_date_has_a_slash_stays(labels):
    assert texts_of(row_of(labels)) == [''.join(map(str, labels))]


def test_a_1_among_digits_of_several_sizes_stays():
    assert texts_of(row_of([2, 1, 4], [60, 62, 36])) == ['214']


@pytest.mark.parametrize('beside', [False, True])
def test_a_bar_near_the_edge_is_no_1(beside):
    bar = digit_of(1, (4, 20, 9, 82))
    row = [bar, *([digit_of(5, (40, 25, 75, 70))] if beside else [])]
    assert texts_of(row, (100, 100)) == (['5'] if beside else [])


def test_a_1_near_the_edge_stays_if_it_is_as_high_as_its_neighbours():
    row = [digit_of(1, (10, 20, 20, 70)), *row_of([5, 4], [50, 50])]
    assert texts_of(row, (100, 400)) == ['154']


def test_the_corner_of_a_frame_is_no_7():
    image = np.full((120, 120), 240, np.uint8)
    image[3:8, 20:] = image[:, 112:117] = 30
    assert read(image) == ''
    seven = draw_share('7', (120, 120), (10, 6, 100, 108), 14)
    found = pieces.find_pieces((seven > 0.5).astype(np.uint8))
    assert pieces.along_edges(found).tolist() == [False]


def test_hairlines_are_told_by_the_strokes_beside_them():
    mask = np.zeros((120, 200), np.uint8)
    mask[20:80, 20:28] = mask[72:80, 20:70] = 1  # strokes of 8 pixels
    mask[100:102, 10:90] = mask[100:108, 110:180] = 1  # a line of 2 pixels, and one of 8
    found = pieces.find_pieces(mask)
    lines = pieces.clutter(found, np.arange(3), 60.0)
    assert [found.left[n] for n in lines if found.height[n] < 5] == [10]
    assert not any(found.height[n] == 8 and found.left[n] == 110 for n in pieces._hairlines(found, np.arange(3), 60.0))


def test_dense_texture_is_told_from_a_page_of_digits_that_touch_the_border():
    noise = np.random.default_rng(0).random((16, 16), np.float32)
    cloth = np.asarray(Image.fromarray(noise).resize((200, 200), Image.Resampling.BICUBIC)) > 0.5
    assert pieces.is_dense_texture(pieces.find_pieces(cloth.astype(np.uint8)))
    stripes = np.zeros((100, 100), np.uint8)
    stripes[:, ::10] = 1
    assert not pieces.is_dense_texture(pieces.find_pieces(stripes))  # a tenth of it is ink
    digit = draw_share('4', (100, 100), (0, 0, 100, 100), 20)
    assert not pieces.is_dense_texture(pieces.find_pieces((digit > 0.5).astype(np.uint8)))


@pytest.mark.parametrize('top, label', [(slice(8, 18), 7), (slice(15, 18), 1)])
def test_a_hesitation_between_1_and_7_is_settled_by_the_bar_along_the_top(top, label):
    image = np.zeros((28, 28), np.float32)
    image[4:24, 15:18] = image[8:11, 8:18] = image[4:6, top] = 1
    scores = np.zeros(11)
    scores[1], scores[7] = 0.4, 0.6
    assert reading._one_or_seven(image, scores).argmax() == label
    scores[1], scores[7] = 0.02, 0.98
    assert reading._one_or_seven(image, scores).argmax() == 7
