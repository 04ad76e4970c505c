"""Archives of arrays (.npz), of Keras and of others: names, shapes and labels, and what is damaged or malicious."""

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from helpers.data import NPZ_NAMES, Evil, assert_holds, tiny_arrays
from mnist_graph.base.errors import DataError
from mnist_graph.data import load, unpacking
from mnist_graph.data.readers import read_folder

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


def write_npz(folder, arrays, **extra):
    np.savez_compressed(folder / 'mnist.npz', **dict(zip(NPZ_NAMES, arrays)), **extra)
    return str(folder)


@pytest.mark.parametrize('label_type', [np.uint8, np.int64])
def test_npz(tmp_path, label_type):
    arrays = TRAIN, LABELS.astype(label_type), TEST, TEST_LABELS.astype(label_type)
    raw = read_folder(write_npz(tmp_path, arrays, more=np.zeros(3)))
    assert_holds(raw, arrays)
    assert raw.class_names == ('0', '1', '2', '3')


@pytest.mark.parametrize(
    'arrays, problem',
    [
        ((TRAIN, LABELS, TEST), 'has no array y_test'),
        ((TRAIN * 1j, LABELS, TEST, TEST_LABELS), 'x_train: is complex128 .* not pictures of numbers'),
        ((TRAIN * 1e6, LABELS, TEST, TEST_LABELS), 'mnist.npz: pixels from .*must be in 0 to 255'),
        ((TRAIN * np.nan, LABELS, TEST, TEST_LABELS), 'mnist.npz: holds pixels that are no finite numbers'),
        ((TRAIN, LABELS, TEST[0], TEST_LABELS), r'x_test: holds an array of shape \(8, 8\), not pictures'),
        ((TRAIN, LABELS + 0.5, TEST, TEST_LABELS), 'y_train: is float64'),
        ((TRAIN, LABELS[1:], TEST, TEST_LABELS), 'x_train has 60 pictures, but .*y_train has 59 labels'),
        ((np.array(5), LABELS), r'x_train: holds an array of shape \(\), not a list'),
        ((TRAIN, np.array(5)), r'y_train: holds an array of shape \(\), not a list'),
        ((TRAIN, LABELS - np.int64(1), TEST, TEST_LABELS), 'y_train: label -1 is out of range'),
        ((TRAIN, LABELS, TEST, TEST_LABELS - np.int64(1)), 'y_test: label -1 is out of range'),
        ((TRAIN, LABELS, TEST[:, :3], TEST_LABELS), 'x_test: pictures of shape'),
    ],
)
def test_npz_contradictions_are_named(tmp_path, arrays, problem):
    with pytest.raises(DataError, match=problem):
        read_folder(write_npz(tmp_path, arrays))


def test_npz_never_unpickles(tmp_path):
    import mnist_graph.base.errors

    labels = np.array([Evil()] * len(LABELS), object)
    folder = write_npz(tmp_path, (TRAIN, labels, TEST, TEST_LABELS))
    with pytest.raises(DataError, match='mnist.npz'):
        read_folder(folder)
    with zipfile.ZipFile(tmp_path / 'mnist.npz', 'w') as archive:
        for name in NPZ_NAMES:
            archive.writestr(f'{name}.npy', pickle.dumps(Evil()))
    with pytest.raises(DataError, match='mnist.npz'):
        read_folder(folder)
    assert not hasattr(mnist_graph.base.errors, 'was_unpickled')


def test_damaged_npz(tmp_path):
    path = tmp_path / 'mnist.npz'
    write_npz(tmp_path, (TRAIN, LABELS, TEST, TEST_LABELS))
    whole = path.read_bytes()
    for content in (b'', b'<html>', whole[:100], whole[:-30], whole[:300] + bytes(200) + whole[500:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match='mnist.npz: is damaged or no npz archive'):
            read_folder(str(tmp_path))


def test_npz_of_blank_pictures_is_read_up_to_a_number_of_bytes(tmp_path, monkeypatch):
    blank = np.zeros((9000, 28, 28), np.uint8)
    folder = write_npz(tmp_path, (blank, np.arange(9000) % 4, blank[: len(TEST)], TEST_LABELS))
    assert len(read_folder(folder).train_images) == 9000
    monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', 7_000_000)
    with pytest.raises(DataError, match='x_train.npy: unpacks to 7,056,128 bytes, more than the 7,000,000'):
        read_folder(folder)


@pytest.mark.parametrize('n', [10**9, 10**13])
def test_huge_claims_in_npy_headers_cost_no_memory(tmp_path, n):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': '|u1', 'fortran_order': False, 'shape': (n, 8, 8)})
    with zipfile.ZipFile(tmp_path / 'mnist.npz', 'w') as archive:
        for name in NPZ_NAMES:
            archive.writestr(f'{name}.npy', header.getvalue())
    tracemalloc.start()
    with pytest.raises(DataError, match='mnist.npz: x_train.npy announces an array of shape'):
        read_folder(str(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_rows_of_a_square_number_of_pixels_are_pictures(tmp_path):
    flat = TRAIN.reshape(60, 64), LABELS, TEST.reshape(25, 64), TEST_LABELS
    assert_holds(read_folder(write_npz(tmp_path, flat)), (TRAIN, LABELS, TEST, TEST_LABELS))
    with pytest.raises(
        DataError, match=r'x_train: holds an array of shape \(60, 63\).* reshape it to \(pictures, height'
    ):
        read_folder(write_npz(tmp_path, (flat[0][:, 1:], LABELS, flat[2][:, 1:], TEST_LABELS)))


@pytest.mark.parametrize(
    'change',
    [
        lambda labels: labels[:, None],
        lambda labels: labels.astype(float),
        lambda labels: np.eye(4)[labels],
        lambda labels: np.eye(4, dtype=bool)[labels],
    ],
)
def test_labels_in_other_forms(tmp_path, change):
    raw = read_folder(write_npz(tmp_path, (TRAIN / 255, change(LABELS), TEST / 255, change(TEST_LABELS))))
    assert_holds(raw, (TRAIN, LABELS, TEST, TEST_LABELS))


def test_labels_that_are_no_classes(tmp_path):
    labels = np.arange(60) * 7
    many = np.arange(1500), np.zeros((1500, 2, 2), np.uint8)
    with pytest.raises(DataError, match='has 1,500 different labels, more than the 1,000'):
        read_folder(write_npz(tmp_path, (many[1], many[0], many[1], many[0])))
    assert len(read_folder(write_npz(tmp_path, (TRAIN, labels, TEST, labels[:25]))).class_names) == 60


@pytest.mark.parametrize(
    'names',
    [
        ('x_train', 'y_train', 'x_test', 'y_test'),
        ('train_images', 'train_labels', 'test_images', 'test_labels'),
        ('X_train', 'Y_train', 'X_test', 'Y_test'),
        ('trainX', 'trainY', 'testX', 'testY'),
        ('training_images', 'training_labels', 'testing_images', 'testing_labels'),
        ('train_data', 'train_targets', 'test_data', 'test_targets'),
    ],
)
def test_usual_names_of_arrays(folder, expected, names):
    np.savez(folder / 'anything.npz', **dict(zip(names, (TRAIN, LABELS, TEST, TEST_LABELS))))
    assert load('auto', str(folder)).fingerprint == expected


def test_validation_pictures_of_an_archive(folder):
    """MedMNIST's names and shapes."""
    arrays = {'train_images': TRAIN[20:], 'train_labels': LABELS[20:, None], 'val_images': TRAIN[:20]}
    arrays |= {'val_labels': LABELS[:20, None], 'test_images': TEST, 'test_labels': TEST_LABELS[:, None]}
    np.savez(folder / 'pathmnist.npz', **arrays)
    dataset = load('auto', str(folder), n_validation=20)
    np.testing.assert_array_equal(dataset.validation.images[..., 0], TRAIN[:20])
    assert '--n_validation=20 holds out just these' in dataset.notice


def test_arrays_without_a_split(folder):
    """scikit-learn's names."""
    np.savez(folder / 'digits.npz', data=TRAIN.reshape(-1, 64) / 16.0, images=TRAIN / 16.0, target=LABELS)
    dataset = load('auto', str(folder), n_validation=0)
    assert (len(dataset.train), len(dataset.test)) == (52, 8) and 'set aside for testing' in dataset.notice


def test_kmnists_four_archives(folder, expected):
    for name, array in zip(('train-imgs', 'train-labels', 'test-imgs', 'test-labels'), tiny_arrays()):
        np.savez_compressed(folder / f'kmnist-{name}.npz', array)
    assert load('auto', str(folder)).fingerprint == expected
    np.savez(folder / 'k49-train-imgs.npz', TRAIN)
    np.savez(folder / 'k49-train-labels.npz', LABELS, LABELS)
    with pytest.raises(DataError, match='several data sets, k49-train-imgs.npz, kmnist-test-imgs.npz'):
        load('auto', str(folder))
    assert load('auto', str(folder / 'kmnist-train-labels.npz')).fingerprint == expected
    with pytest.raises(DataError, match='k49-train-labels.npz: holds 2 arrays, but must hold one'):
        load('auto', str(folder / 'k49-train-imgs.npz'))
