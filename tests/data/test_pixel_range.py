"""Pixels of other ranges than 0 to 255 are noticed and scaled, so that a network learns from them as from MNIST."""

import numpy as np
import pytest

from helpers.data import tiny_arrays, write_idx_folder
from mnist_graph.base.errors import DataError
from mnist_graph.data import load
from mnist_graph.data.pixel_range import to_bytes

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays(n_train=40, n_test=20)


def levels(images, top):
    """The pictures with pixels from 0 to `top`, and the bytes that these stand for."""
    small = (images.astype(int) * top // 255).astype(np.uint8)
    small[:, 0, 0] = top  # so that the brightest level occurs
    return small, np.round(small.astype(int) * 255 / top).astype(np.uint8)


@pytest.mark.parametrize('top', [1, 15, 16, 63])
def test_a_data_set_of_few_levels_is_the_data_set_of_0_to_255(tmp_path, top):
    (train, train_bytes), (test, test_bytes) = levels(TRAIN, top), levels(TEST, top)
    few = load('auto', str(write_idx_folder(tmp_path / 'few', (train, LABELS, test, TEST_LABELS))), n_validation=5)
    usual = load(
        'auto', str(write_idx_folder(tmp_path / 'all', (train_bytes, LABELS, test_bytes, TEST_LABELS))), n_validation=5
    )
    for split in 'train', 'validation', 'test':
        np.testing.assert_array_equal(getattr(few, split).images, getattr(usual, split).images)
    assert few.fingerprint == usual.fingerprint and usual.notices == ()
    assert few.notices == (f'{tmp_path / "few"}: its pixels go from 0 to {top}; they were scaled to 0 to 255.',)


@pytest.mark.parametrize(
    'change, notice',
    [
        (lambda images: images / 255, 'from 0 to 1;'),
        (lambda images: (images / 255).astype(np.float32), 'from 0 to 1;'),
        (lambda images: images / 127.5 - 1, 'from -1 to 1;'),
        (lambda images: images.astype(np.uint16) * 257, 'from 0 to 65535;'),
        (lambda images: images.astype(float), None),
        (lambda images: images.astype(np.int64), None),
    ],
)
def test_numbers_of_other_types_become_the_same_bytes(change, notice):
    train, test, found = to_bytes(change(TRAIN), change(TEST), 'here')
    assert train.dtype == test.dtype == np.uint8
    np.testing.assert_array_equal(train, TRAIN)
    np.testing.assert_array_equal(test, TEST)
    assert found == '' if notice is None else notice in found


def test_usual_pictures_are_not_copied():
    train, test, notice = to_bytes(TRAIN, TEST, 'here')
    assert train is TRAIN and test is TEST and notice == ''


def test_training_and_test_pictures_are_scaled_alike():
    train, test, _ = to_bytes(np.full((2, 2, 2), 16, np.uint8), np.full((2, 2, 2), 8, np.uint8), 'here')
    assert (train == 255).all() and (test == 128).all()


def test_black_pictures_stay_black():
    train, _, notice = to_bytes(np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 2), np.uint8), 'here')
    assert not train.any() and notice == ''


def test_a_pixel_that_is_no_number_is_found_in_either_half():
    whole, broken = np.full((2, 4, 4), 0.5), np.full((2, 4, 4), 0.5)
    broken[1, 1, 1] = np.nan
    for train, test in (whole, broken), (broken, whole):
        with pytest.raises(DataError, match='x: holds pixels that are no finite numbers'):
            to_bytes(train, test, 'x')
