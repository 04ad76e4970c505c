"""Digits as they come out of pictures, which the shipped reader is trained on."""

import numpy as np
import pytest

from helpers.reader import score
from mnist_graph.data import pictured
from mnist_graph.drawn.dataset import draw_digits

DIGITS, LABELS = draw_digits(300, seed=5)


def found(digits=DIGITS, labels=LABELS, seed=0):
    return pictured.found_in_pictures(digits, labels, np.random.default_rng(seed))


def test_they_are_changed_and_read_as_before():
    again = found()
    assert again.shape == DIGITS.shape and again.dtype == np.uint8
    assert (again != DIGITS).any(axis=(1, 2)).all()
    read = score(again / np.float32(255))[:, :10].argmax(axis=1)
    assert (read == LABELS).mean() > 0.97


def test_the_same_seed_makes_the_same():
    np.testing.assert_array_equal(found(), found())
    assert (found() != found(seed=1)).any()


@pytest.mark.parametrize('label, is_cut', [(1, False), (7, False), (0, True), (5, True)])
def test_all_but_1_and_7_are_cut(label, is_cut, monkeypatch):
    cut = []
    monkeypatch.setattr(pictured, '_cut_from_neighbour', lambda digit, *_: cut.append(digit) or digit)
    found(np.stack([DIGITS[0]] * 60), np.full(60, label))
    assert bool(cut) == is_cut


def test_a_cut_takes_a_little_of_a_digit_or_leaves_a_low_sliver_of_its_neighbour():
    bar, rng = np.full((20, 12), 255, np.uint8), np.random.default_rng(0)
    widths = set()
    for _ in range(200):
        cut = pictured._cut_from_neighbour(bar, DIGITS, rng)
        heights = (cut > 64).sum(axis=0)
        assert (heights == 20).sum() >= 10  # of twelve columns, a tenth may be lost
        assert heights.min() <= 11 or heights.min() == 20
        widths.add(len(heights))
    assert min(widths) == 11 and max(widths) > 12


def test_what_has_no_ink_stays():
    blank = np.zeros((3, 28, 28), np.uint8)
    np.testing.assert_array_equal(found(blank, np.zeros(3, int)), blank)
