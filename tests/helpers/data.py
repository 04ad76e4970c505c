"""Tiny data sets, in memory and in files."""

import gzip
import pathlib
import struct
import tracemalloc
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from mnist_graph import data
from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking

IDX_NAMES = ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')
NPZ_NAMES = ('x_train', 'y_train', 'x_test', 'y_test')


def tiny_arrays(n_train=60, n_test=25, shape=(8, 8), n_classes=4, seed=1):
    """(train_images, train_labels, test_images, test_labels), uint8, that a network learns within some 50 steps.

    Each class is a random pattern of its own under noise; every class occurs.
    """
    random = np.random.default_rng(seed)
    patterns = random.integers(0, 200, (n_classes, *shape))
    arrays = []
    for n in (n_train, n_test):
        labels = random.permutation(np.arange(n) % n_classes)
        images = patterns[labels] + random.integers(0, 56, (n, *shape))
        arrays += [images.astype(np.uint8), labels.astype(np.uint8)]
    return tuple(arrays)


def tiny_dataset(n_validation=15, **options):
    """`tiny_arrays` as a data.Dataset."""
    train_images, train_labels, test_images, test_labels = tiny_arrays(**options)
    images = [array[..., None] if array.ndim == 3 else array for array in (train_images, test_images)]
    everything = data.Split(images[0], train_labels.astype(np.int32))
    return data.Dataset(
        'tiny',
        everything[n_validation:],
        everything[:n_validation],
        data.Split(images[1], test_labels.astype(np.int32)),
        tuple(map(str, range(options.get('n_classes', 4)))),
        '0123456789abcdef',
    )


def idx_bytes(array):
    """The content of an IDX file, put together by hand."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


def write_idx_folder(folder, arrays=None, gzipped=False, **options):
    """Writes the four IDX files of `arrays`, or of `tiny_arrays(**options)`; returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_NAMES, arrays or tiny_arrays(**options)):
        content = idx_bytes(array)
        (folder / (name + '.gz' * gzipped)).write_bytes(gzip.compress(content, 1) if gzipped else content)
    return folder


def picture(value, shape=(8, 8)):
    """A picture all of whose pixels have one value, as a uint8 array."""
    return np.full(shape, value, np.uint8)


def write_tree(folder, pictures):
    """Writes {'train/LABEL/NAME.png': uint8 array}; returns the folder as a string."""
    for name, array in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return str(folder)


def write_table(path, images, labels=None, header='', label_column=0, delimiter=','):
    """Writes a table with a picture in each row, its label in the column of that number."""
    rows = images.reshape(len(images), -1)
    if labels is not None:
        rows = np.insert(rows, label_column, labels, axis=1)
    np.savetxt(path, rows, '%d', delimiter, header=header, comments='')


def assert_holds(raw, arrays):
    """The arrays of a RawData are these four."""
    for got, expected in zip(raw[1:5], arrays):
        np.testing.assert_array_equal(got, expected)


def assert_refused(path, content, problem, most_memory=4 << 20):
    """Loading fails in one line that names the file, and takes little memory where a packed file may not take much."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with mock.patch.object(unpacking, 'MAX_UNPACKED_BYTES', 64 << 20):
            with pytest.raises(DataError, match=problem) as caught:
                data.load('auto', str(path))
        assert tracemalloc.get_traced_memory()[1] < most_memory
    finally:
        tracemalloc.stop()
    assert path.name in str(caught.value) and '\n' not in str(caught.value) and len(str(caught.value)) < 700


class Evil:
    """Gives itself away if it is ever unpickled: `mnist_graph.base.errors` then has a `was_unpickled`."""

    def __reduce__(self):
        return exec, ('import mnist_graph.base.errors; mnist_graph.base.errors.was_unpickled = True',)
