"""Arrays in .npy files: their names, and damaged ones."""

import io

import numpy as np
import pytest

from helpers.data import assert_refused, tiny_arrays
from mnist_graph.data import load

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


def test_mnist_c(folder, expected):
    """Its names and shapes: pictures [n, 28, 28, 1], labels of 64 bits."""
    arrays = {'train_images': TRAIN[..., None], 'train_labels': LABELS.astype(np.int64)}
    arrays |= {'test_images': TEST[..., None], 'test_labels': TEST_LABELS.astype(np.int64)}
    for name, array in arrays.items():
        np.save(folder / f'{name}.npy', array)
    assert load('auto', str(folder)).fingerprint == expected
    assert load('auto', str(folder / 'test_labels.npy')).fingerprint == expected


@pytest.mark.parametrize('name', ['{kind}_{part}', '{part}/{kind}', 'kmnist-{part}-{kind}'])
def test_other_names_of_npy_files(folder, expected, name):
    for part, images, labels in ('train', TRAIN, LABELS), ('test', TEST, TEST_LABELS):
        for kind, array in ('images', images), ('labels', labels):
            path = folder / f'{name.format(part=part, kind=kind)}.npy'
            path.parent.mkdir(exist_ok=True)
            np.save(path, array)
    dataset = load('auto', str(folder))
    assert dataset.fingerprint == expected and dataset.notices == ()


def npy_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'<html>',
        npy_bytes(TRAIN)[:-1],
        npy_bytes(TRAIN)[:100],
        npy_bytes(TRAIN).replace(b'(60, 8, 8)', b'(10**9, 8)'),
        npy_bytes(TRAIN).replace(b'(60, 8, 8), }  ', b'(999999999, 9)}'),
        npy_bytes(np.array([{'a': 1}], object), allow_pickle=True),
        b'\x93NUMPY\x02\x00\xff\xff\xff\x7f{',
    ],
)
def test_bad_npy_files(folder, content):
    np.save(folder / 'train_labels.npy', LABELS)
    assert_refused(folder / 'train_images.npy', content, 'train_images.npy: is damaged or no .npy file')
