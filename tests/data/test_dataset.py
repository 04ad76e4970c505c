"""Data sets in memory: splits, scaling, fingerprints, and what MNIST itself must be."""

import os
import tracemalloc

import numpy as np
import pytest

from helpers.data import tiny_arrays, write_idx_folder
from mnist_graph import data
from mnist_graph.base import memory
from mnist_graph.base.errors import UsageError
from mnist_graph.base.inputs import InputSpec, one_hot, to_input
from mnist_graph.data import Split, load
from mnist_graph.data.dataset import fingerprint, pixel_statistics
from mnist_graph.data.raw_data import RawData
from mnist_graph.hparams import HParams
from mnist_graph.training.batches import BatchOrder
from mnist_graph.training.feeding import Feeder

ARRAYS = tiny_arrays()


@pytest.mark.parametrize('kind', ['idx', 'npy', 'emnist'])
def test_a_large_data_set_is_never_copied(tmp_path, monkeypatch, kind):
    """Reading, splitting and feeding it take no more memory than its labels and some batches."""
    monkeypatch.setattr(memory, 'total_bytes', lambda: 0)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20_000, 28, 28), np.uint8)
    arrays = (
        images,
        random.integers(0, 10, 20_000).astype(np.uint8),
        images[:100],
        np.arange(100, dtype=np.uint8) % 10,
    )
    if kind != 'npy':
        write_idx_folder(tmp_path / 'here', arrays)
    if kind == 'emnist':  # whose pictures are stored column by column
        for path in (tmp_path / 'here').iterdir():
            path.rename(path.with_name(f'emnist-mnist-{path.name}'.replace('t10k', 'test')))
        images = images.swapaxes(1, 2)
    if kind == 'npy':
        (tmp_path / 'here').mkdir()
        for name, array in zip(('train_images', 'train_labels', 'test_images', 'test_labels'), arrays):
            np.save(tmp_path / 'here' / name, array)
    tracemalloc.start()
    dataset = load('auto', str(tmp_path / 'here'), n_validation=50)
    fed, labels = Feeder(HParams(batch_size=100), dataset.train).next_steps(0, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes / 4
    rows = BatchOrder(19_950, 100, 0).rows(0, 5)
    np.testing.assert_array_equal(fed, images[50:][rows].reshape(500, 784))
    np.testing.assert_array_equal(labels, arrays[1][50:][rows])


def test_split_is_the_first_training_pictures(tmp_path):
    dataset = load('auto', str(write_idx_folder(tmp_path / 'shapes', ARRAYS)), n_validation=15)
    assert (dataset.name, dataset.class_names, dataset.notice) == ('shapes', ('0', '1', '2', '3'), '')
    np.testing.assert_array_equal(dataset.validation.images[..., 0], ARRAYS[0][:15])
    np.testing.assert_array_equal(dataset.validation.labels, ARRAYS[1][:15])
    np.testing.assert_array_equal(dataset.train.images[..., 0], ARRAYS[0][15:])
    np.testing.assert_array_equal(dataset.train.labels, ARRAYS[1][15:])
    np.testing.assert_array_equal(dataset.test.images[..., 0], ARRAYS[2])
    np.testing.assert_array_equal(dataset.test.labels, ARRAYS[3])
    assert dataset.train.images.dtype == np.uint8 and dataset.train.labels.dtype == np.int32
    assert dataset.input_spec() == InputSpec(8, 8, 1, 4, 0.0, 1.0)
    assert dataset.input_spec().n_features == 64


@pytest.mark.parametrize('n_train, held_out', [(60, 6), (9, 0), (50_000, 5000), (60_000, 5000)])
def test_a_tenth_of_the_training_pictures_is_held_out_but_not_more_than_5000(tmp_path, n_train, held_out):
    dataset = load('auto', str(write_idx_folder(tmp_path, n_train=n_train, shape=(2, 2))))
    assert (len(dataset.validation), len(dataset.train)) == (held_out, n_train - held_out)


def test_a_negative_number_of_validation_pictures_is_refused(tmp_path):
    with pytest.raises(UsageError, match='n_validation=-1: must be 0 or more'):
        load('auto', str(write_idx_folder(tmp_path, ARRAYS)), n_validation=-1)


@pytest.mark.parametrize('n_validation', [60, 61, 5000])
def test_validation_must_leave_something_to_train_on(tmp_path, n_validation):
    folder = str(write_idx_folder(tmp_path))
    with pytest.raises(
        UsageError, match=f'n_validation={n_validation}: leaves no training image of the 60 in {folder}'
    ):
        load('auto', folder, n_validation=n_validation)
    assert len(load('auto', folder, n_validation=59).train) == 1


def test_pictures_that_fill_28x28_are_not_taken_for_digits(tmp_path):
    """Fashion-MNIST has the files, the shape and the labels of MNIST, and pictures that reach the edge."""
    arrays = tiny_arrays(shape=(28, 28))
    assert not load('auto', str(write_idx_folder(tmp_path / 'garments', arrays)), n_validation=15).reads_digits
    for images in arrays[0], arrays[2]:
        inside = images[:, 1:-1, 1:-1].copy()
        images[:] = 0
        images[:, 1:-1, 1:-1] = inside
    arrays[0][15 : 15 + 45 // 5, 14, -1] = 200  # a fifth of the training pictures, as digits now and then do
    arrays[0][:, 0] = 9  # noise
    assert load('auto', str(write_idx_folder(tmp_path / 'digits', arrays)), n_validation=15).reads_digits


def test_colour_pictures_keep_their_shape(tmp_path):
    dataset = load('auto', str(write_idx_folder(tmp_path, shape=(6, 5, 3))), n_validation=0)
    assert dataset.train.images.shape == (60, 6, 5, 3) and len(dataset.validation) == 0
    assert dataset.input_spec() == InputSpec(6, 5, 3, 4) and dataset.input_spec().n_features == 90


def test_standardize_uses_the_training_pictures_alone(tmp_path):
    dataset = load('auto', str(write_idx_folder(tmp_path, ARRAYS)), n_validation=15)
    pixels = ARRAYS[0][15:] / 255
    spec = dataset.input_spec(standardize=True)
    assert spec.pixel_mean == pytest.approx(pixels.mean(), rel=1e-12)
    assert spec.pixel_std == pytest.approx(pixels.std(), rel=1e-12)


def test_pixel_statistics_by_hand():
    mean, std = pixel_statistics(np.uint8([[0, 0], [255, 51]]))
    assert mean == pytest.approx(0.3) and std == pytest.approx(np.sqrt((0.09 + 0.09 + 0.49 + 0.01) / 4))
    assert pixel_statistics(np.zeros((3, 4), np.uint8)) == (0.0, 1.0)  # nothing is divided by 0
    many = np.random.default_rng(0).integers(0, 256, (2500, 3, 3), dtype=np.uint8)
    assert pixel_statistics(many) == pytest.approx(((many / 255).mean(), (many / 255).std()))


def test_to_input_scales_to_0_to_1():
    images = np.arange(256, dtype=np.uint8).reshape(2, 8, 8, 2)
    X = to_input(images)
    assert X.shape == (2, 128) and X.dtype == np.float32
    np.testing.assert_allclose(X.ravel(), np.arange(256) / 255, rtol=1e-6)
    assert X[0, 0] == 0.0 and X[1, -1] == 1.0


def test_one_hot():
    Y = one_hot(np.int32([2, 0]), 3)
    assert Y.dtype == np.float32
    np.testing.assert_array_equal(Y, [[0, 0, 1], [1, 0, 0]])


def test_split_rows():
    split = Split(np.arange(5)[:, None], np.arange(5) * 10)
    assert len(split) == 5 and len(split[1:3]) == 2
    np.testing.assert_array_equal(split[np.array([4, 0])].labels, [40, 0])


def test_fingerprint_ignores_packing_and_notices_everything_else(tmp_path):
    def fingerprint(arrays, name, **how):
        return load('auto', str(write_idx_folder(tmp_path / name, arrays, **how)), n_validation=5).fingerprint

    original = fingerprint(ARRAYS, 'a')
    assert fingerprint(ARRAYS, 'b', gzipped=True) == original and len(original) == 16
    np.savez(tmp_path / 'mnist.npz', **dict(zip(('x_train', 'y_train', 'x_test', 'y_test'), ARRAYS)))
    assert load('auto', str(tmp_path), n_validation=9).fingerprint == original
    seen = {original}
    for index in range(4):
        changed = [array.copy() for array in ARRAYS]
        changed[index].flat[3] = (changed[index].flat[3] + 1) % 4
        swapped = [array.copy() for array in ARRAYS]
        first, other = (0, 1) if index in (0, 2) else (0, int(np.argmax(ARRAYS[index] != ARRAYS[index][0])))
        swapped[index][[first, other]] = swapped[index][[other, first]]
        seen |= {fingerprint(changed, f'changed{index}'), fingerprint(swapped, f'swapped{index}')}
    assert len(seen) == 9


def test_fingerprint_tells_labels_beyond_a_byte_apart():
    names = tuple(map(str, range(300)))
    images = np.zeros((2, 2, 2), np.uint8)
    prints = {
        fingerprint(RawData('x', images, np.array([1, label]), images, np.array([0, 1]), names, ''))
        for label in (2, 258)
    }
    assert len(prints) == 2


def test_fingerprint_notices_class_names_that_are_no_numbers():
    images, labels = np.zeros((2, 2, 2), np.uint8), np.array([0, 1])

    def of(*names):
        return fingerprint(RawData('x', images, labels, images, labels, names, ''))

    assert len({of('cat', 'dog'), of('dog', 'cat'), of('cat', 'hog'), of('ca', 'tdog'), of('0', '1')}) == 5
    assert of('3', '8') != of('0', '1')


@pytest.mark.skipif(not os.environ.get('MNIST_DATA_DIR'), reason='needs MNIST_DATA_DIR')
def test_mnist_itself():
    mnist = load('mnist', os.environ['MNIST_DATA_DIR'])
    assert mnist.name == 'mnist' and mnist.fingerprint == data.MNIST_FINGERPRINT and mnist.notice == ''
    assert mnist.reads_digits
    assert [len(split) for split in (mnist.train, mnist.validation, mnist.test)] == [55_000, 5_000, 10_000]
    assert np.bincount(mnist.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.validation.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    everything = load('mnist', os.environ['MNIST_DATA_DIR'], n_validation=0).input_spec(standardize=True)
    assert everything.pixel_mean == pytest.approx(0.1307, abs=5e-5)
    assert everything.pixel_std == pytest.approx(0.3081, abs=5e-5)
