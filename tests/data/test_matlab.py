"""MATLAB's files: the data sets that come in them, and what is damaged or claims too much."""

import struct
import zlib

import numpy as np
import pytest

from helpers.data import assert_refused, tiny_arrays
from mnist_graph.data import load

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


def scipy_io():
    return pytest.importorskip('scipy.io')


def write_emnist(path, mapping=((1, 65, 97), (2, 66, 98), (3, 67, 99), (4, 68, 100)), **changes):
    """emnist-letters.mat: a structure with rows of pixels counted down the columns, and labels from 1."""

    def part(images, labels):
        rows = images.transpose(0, 2, 1).reshape(len(images), -1)
        return {'images': rows, 'labels': labels[:, None] + np.uint8(1), 'writers': labels[:, None]}

    dataset = {'train': part(TRAIN, LABELS), 'test': part(TEST, TEST_LABELS), 'mapping': np.array(mapping, np.uint8)}
    scipy_io().savemat(path, {'dataset': dataset | changes}, do_compression=True)


def test_emnist(folder):
    write_emnist(folder / 'emnist-letters.mat')
    dataset = load('auto', str(folder), n_validation=0)
    assert dataset.class_names == ('A', 'B', 'C', 'D')
    np.testing.assert_array_equal(dataset.train.images[..., 0], TRAIN)
    np.testing.assert_array_equal(dataset.train.labels, LABELS)
    np.testing.assert_array_equal(dataset.test.images[..., 0], TEST)


def test_mnist_all(folder):
    """Roweis's: train0 to train9 and test0 to test9, a picture in each row."""
    parts = {'train': (TRAIN, LABELS), 'test': (TEST, TEST_LABELS)}
    arrays = {f'{part}{digit}': images[labels == digit].reshape(-1, 64)
              for part, (images, labels) in parts.items() for digit in range(4)}  # fmt: skip
    scipy_io().savemat(folder / 'mnist_all.mat', arrays)
    dataset = load('auto', str(folder), n_validation=0)
    assert (len(dataset.train), len(dataset.test)) == (60, 25)
    for picture, label in zip(dataset.train.images[..., 0], dataset.train.labels):
        assert any(np.array_equal(picture, each) for each in TRAIN[LABELS == label])
    assert len(set(dataset.train.labels[:20].tolist())) == 4  # those for validation are of all classes


def test_mnist_original(folder):
    """mldata.org's: a picture in each column, labels as floats."""
    scipy_io().savemat(folder / 'mnist-original.mat', {'data': TRAIN.reshape(-1, 64).T, 'label': LABELS[None] * 1.0})
    dataset = load('auto', str(folder), n_validation=0)
    both = np.concatenate([dataset.train.images, dataset.test.images])[..., 0]
    assert sorted(map(bytes, both)) == sorted(map(bytes, TRAIN)) and dataset.class_names == ('0', '1', '2', '3')


def packed_element(content):
    """A MATLAB 5 file of one packed element."""
    packed = zlib.compress(content)
    return b'MATLAB 5.0'.ljust(124) + b'\0\1IM' + struct.pack('<II', 15, len(packed)) + packed


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'<html>',
        b'MATLAB 7.3 MAT-file'.ljust(124) + b'\0\2IM',
        bytes(20) + b'x' * 200,  # as of MATLAB 4
        packed_element(bytes(200_000_000)),
        packed_element(struct.pack('<II', 14, 64) + bytes(10)),
    ],
)
def test_bad_mat_files(folder, content):
    scipy_io()
    problem = 'x.mat: (is damaged or no file of MATLAB|is of MATLAB 7.3|unpacks to .* bytes|has no array)'
    assert_refused(folder / 'x.mat', content, problem, 80 << 20)  # of which 64 may be unpacked


@pytest.mark.parametrize(
    'position, value, problem',
    [
        (132, 1 << 30, 'an element is longer than the file'),
        (144, 5, 'an array of another kind'),  # a sparse one
        (160, 1 << 30, 'claims the shape 1073741824x1'),
        (160, -1, 'claims the shape -1x1'),
        (160, 2, 'other parts than it must have'),
    ],
)
def test_what_a_mat_file_claims_costs_no_memory(folder, position, value, problem):
    scipy_io().savemat(folder / 'x.mat', {'dataset': {'train': {'images': TRAIN}, 'test': np.zeros((1, 3))}})
    content = bytearray((folder / 'x.mat').read_bytes())
    struct.pack_into('<i', content, position, value)
    assert_refused(folder / 'x.mat', bytes(content), problem, 2 << 20)


def test_mat_files_in_mat_files_have_an_end(folder):
    value = 1.0
    for _ in range(40):
        value = {'a': value}
    scipy_io().savemat(folder / 'x.mat', {'dataset': value})
    assert_refused(folder / 'x.mat', (folder / 'x.mat').read_bytes(), 'arrays lie in arrays too deep')


def test_mat_files_that_are_cut_short(folder):
    write_emnist(folder / 'whole.mat')
    content = (folder / 'whole.mat').read_bytes()
    for end in range(0, len(content), 401):
        assert_refused(folder / 'cut.mat', content[:end], 'cut.mat: ', 16 << 20)


@pytest.mark.parametrize(
    'changes, problem',
    [
        ({'train': {'images': TRAIN.reshape(-1, 64)}}, 'has no pictures and labels in dataset.train'),
        ({'mapping': ((1, 65), (2, 65), (3, 67), (4, 68))}, 'two of its labels have one name'),
        ({'mapping': ((1, 65), (2, 66))}, 'label 4 has no name'),
        ({'mapping': ((1, 10), (2, 66), (3, 67), (4, 68))}, 'characters that cannot be printed'),
    ],
)
def test_contradictions_of_mat_files(folder, changes, problem):
    write_emnist(folder / 'whole.mat', **changes)
    assert_refused(folder / 'x.mat', (folder / 'whole.mat').read_bytes(), problem, 16 << 20)
