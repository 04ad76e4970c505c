"""The drawn kinds of pictures that benchmarks read: deterministic, with labels, and with seeds that nobody tunes on."""

import pathlib
import re
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'benchmarks'))

import drawn_kinds

KINDS = drawn_kinds.kinds()


@pytest.mark.parametrize('name', KINDS)
def test_same_seed_gives_the_same_picture_and_a_label(name):
    picture, label = KINDS[name](3)
    again, same_label = KINDS[name](3)
    np.testing.assert_array_equal(picture, again)
    assert label == same_label
    if name.startswith('no digit'):
        assert label == drawn_kinds.NONE
    else:
        assert re.fullmatch(r'\d+(/\d+)*', label) and ('/' in label) == (name == 'rows')
    other, _ = KINDS[name](4)
    assert other.size != picture.size or np.asarray(other).tobytes() != np.asarray(picture).tobytes()


def test_reserved_seeds_are_others():
    assert not set(drawn_kinds.seeds(10_000)) & set(drawn_kinds.seeds(10_000, reserved=True))


def test_digits_of_a_data_set_are_written_where_they_are_given():
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 4:24, 13:15] = 255
    _, label = drawn_kinds.kinds((bar, np.array([7])))['touching'](0)
    assert set(label) == {'7'}
