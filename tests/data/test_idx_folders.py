"""Folders of IDX files: MNIST's four, and those of EMNIST, QMNIST and torchvision."""

import gzip
import struct

import numpy as np
import pytest

from helpers.data import IDX_NAMES, assert_holds, idx_bytes, tiny_arrays, write_idx_folder, write_table
from mnist_graph.base.errors import DataError
from mnist_graph.data import load
from mnist_graph.data.readers import idx_files, read_file, read_folder

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


@pytest.mark.parametrize('gzipped', [False, True])
@pytest.mark.parametrize('shape', [(8, 8), (5, 7), (6, 6, 3)])
def test_idx_files(tmp_path, gzipped, shape):
    arrays = tiny_arrays(shape=shape)
    raw = read_folder(str(write_idx_folder(tmp_path / 'letters', arrays, gzipped)))
    assert raw.name == 'letters' and raw.class_names == ('0', '1', '2', '3')
    assert_holds(raw, arrays)


def test_plain_files_win_over_gzipped_ones(tmp_path):
    write_idx_folder(tmp_path, seed=1, gzipped=True)
    arrays = tiny_arrays(seed=2)
    assert_holds(read_folder(str(write_idx_folder(tmp_path, arrays))), arrays)


def test_two_data_sets_in_one_folder(tmp_path):
    """As EMNIST's archive has six."""
    write_idx_folder(tmp_path)
    arrays = tiny_arrays(seed=2)
    for name, array in zip(IDX_NAMES[:3], arrays):
        (tmp_path / f'a-{name}').write_bytes(idx_bytes(array))
    assert_holds(read_folder(str(tmp_path)), tiny_arrays())  # the other is not whole
    with pytest.raises(
        DataError, match=f'a-{IDX_NAMES[1]}: the rest of its data set is not beside it; --data_dir must'
    ):
        read_file(str(tmp_path / f'a-{IDX_NAMES[1]}'))
    (tmp_path / f'a-{IDX_NAMES[3]}').write_bytes(idx_bytes(arrays[3]))
    with pytest.raises(DataError, match=f'several data sets, a-{IDX_NAMES[0]}, {IDX_NAMES[0]}; choose one with --data'):
        read_folder(str(tmp_path))
    for name in IDX_NAMES:
        assert_holds(read_file(str(tmp_path / f'a-{name}')), arrays)


def test_a_second_data_set_in_the_folder_is_named(folder, expected):
    write_idx_folder(folder, tiny_arrays())
    write_table(folder / 'train.csv', TRAIN, LABELS)
    dataset = load('auto', str(folder))
    assert dataset.fingerprint == expected
    assert dataset.notices == (
        f'{folder}: holds several data sets; this reads the four IDX files, and not train.csv. '
        f'Choose with --data_dir={folder}/train.csv.',
    )
    picked = load('auto', str(folder / 'train.csv'))
    assert picked.name == 'train.csv' and len(picked.test) == 8 and 'several' not in picked.notice
    write_table(folder / 'mnist_train.csv', TRAIN, LABELS)
    assert len(load('auto', str(folder)).notices) == 1


def test_incomplete_folders_hold_nothing(tmp_path):
    assert read_folder(str(tmp_path / 'gone')) is None
    assert read_folder(str(tmp_path)) is None and not idx_files.paths(str(tmp_path))
    write_idx_folder(tmp_path)
    (tmp_path / IDX_NAMES[2]).unlink()
    assert read_folder(str(tmp_path)) is None and idx_files.paths(str(tmp_path))


@pytest.mark.parametrize(
    'arrays, problem',
    [
        ((TRAIN, LABELS[1:], TEST, TEST_LABELS), '60 pictures, but .*train-labels.* has 59 labels'),
        ((TRAIN, LABELS, TEST, TEST_LABELS[1:]), '25 pictures, but .*t10k-labels.* has 24 labels'),
        ((LABELS, LABELS, TEST, TEST_LABELS), r'train-images.* of shape \(60,\), not pictures'),
        ((TRAIN[:, 0], LABELS, TEST, TEST_LABELS), r'of shape \(60, 8\), not pictures'),
        ((TRAIN, TRAIN, TEST, TEST_LABELS), 'train-labels.* not a list of labels'),
        ((TRAIN[:0], LABELS[:0], TEST, TEST_LABELS), 'not pictures'),
        ((TRAIN, LABELS, TEST[:, 1:], TEST_LABELS), r't10k-images.*pictures of shape \(7, 8\), but .* \(8, 8\)'),
        (
            (TRAIN, LABELS, TEST, TEST_LABELS + 1),
            't10k-labels.*label 4 is out of range: the training labels are 0 to 3',
        ),
        (
            (TRAIN, LABELS * 60, TEST, TEST_LABELS),
            't10k-labels.*label 1 is out of range: it does not occur among the 4 different labels',
        ),
        ((TRAIN, LABELS * 0 + 9, TEST, TEST_LABELS * 0), 'train-labels.*every picture has the label 9'),
        ((TRAIN, LABELS * 0, TEST, TEST_LABELS * 0), 'train-labels.*every picture has the label 0; there must be at'),
    ],
)
def test_contradictions_are_named(tmp_path, arrays, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read_folder(str(write_idx_folder(tmp_path, arrays)))
    assert '\n' not in str(caught.value)


def test_two_labels_far_apart_are_two_classes(tmp_path):
    labels = [np.where(each < 2, 3, 8).astype(np.uint8) for each in (LABELS, TEST_LABELS)]
    dataset = load('auto', str(write_idx_folder(tmp_path, (TRAIN, labels[0], TEST, labels[1]))), n_validation=0)
    assert dataset.class_names == ('3', '8') and dataset.input_spec().n_classes == 2
    np.testing.assert_array_equal(dataset.train.labels, labels[0] == 8)
    assert 'the 2 classes are named 3, 8' in dataset.notice


def test_emnist_pictures_are_turned_upright(tmp_path):
    arrays = tiny_arrays(shape=(4, 6))
    for name, array in zip(IDX_NAMES, arrays):
        name = 'emnist-letters-' + name.replace('t10k', 'test')
        (tmp_path / name).write_bytes(idx_bytes(array))
    raw = read_folder(str(tmp_path))
    np.testing.assert_array_equal(raw.train_images, arrays[0].transpose(0, 2, 1))
    np.testing.assert_array_equal(raw.test_images, arrays[2].transpose(0, 2, 1))


def test_emnist_labels_for_pictures(tmp_path):
    folder = write_idx_folder(tmp_path)
    for path in folder.iterdir():
        what = path.name.replace('train', 'emnist-train').replace('t10k', 'emnist-t10k')
        path.rename(folder / what)
    (folder / 'emnist-train-images-idx3-ubyte').write_bytes((folder / 'emnist-train-labels-idx1-ubyte').read_bytes())
    with pytest.raises(DataError, match='emnist-train-images.*holds an array of shape'):
        read_folder(str(folder))


def write_emnist(folder, mapping):
    for name, array in zip(IDX_NAMES, tiny_arrays()):
        array = array + 1 if array.ndim == 1 else array  # no letter has the label 0
        (folder / f'emnist-letters-{name.replace("t10k", "test")}').write_bytes(idx_bytes(array))
    (folder / 'emnist-letters-mapping.txt').write_text(mapping)


def test_emnists_classes_have_the_names_of_its_mapping(folder):
    write_emnist(folder, '1 65 97\n2 66 98\n3 67 99\n4 68 100\n')
    dataset = load('auto', str(folder), n_validation=0)
    assert dataset.class_names == ('A', 'B', 'C', 'D')
    np.testing.assert_array_equal(dataset.train.labels, LABELS)


@pytest.mark.parametrize(
    'mapping', ['1\n', 'a b\n', '1 99999999999\n', '1 65\n2 65\n', '1 10\n', '1 \u00e9\n', '1 -1\n']
)
def test_bad_mappings_are_named(folder, mapping):
    write_emnist(folder, mapping)
    with pytest.raises(DataError, match='emnist-letters-mapping.txt: '):
        load('auto', str(folder))


def test_qmnist(folder, expected):
    """Labels are 32-bit integers in eight columns, the class first."""
    for name, array in zip(IDX_NAMES, tiny_arrays()):
        name = 'qmnist-' + name.replace('t10k', 'test')
        if array.ndim == 3:
            (folder / f'{name}.gz').write_bytes(gzip.compress(idx_bytes(array)))
            continue
        columns = np.stack([array, *[array * 0 + 7] * 7], axis=1).astype('>i4')
        content = bytes([0, 0, 12, 2]) + struct.pack('>2I', *columns.shape) + columns.tobytes()
        (folder / f'{name.replace("idx1-ubyte", "idx2-int")}.gz').write_bytes(gzip.compress(content))
    assert load('auto', str(folder)).fingerprint == expected


def test_torchvisions_folders(folder, expected):
    write_idx_folder(folder / 'MNIST/raw', tiny_arrays(), gzipped=True)
    for where in folder, folder / 'MNIST':
        dataset = load('auto', str(where))
        assert dataset.fingerprint == expected and dataset.name == 'MNIST'
    write_idx_folder(folder / 'FashionMNIST/raw')
    with pytest.raises(
        DataError, match='several data sets, MNIST/raw, FashionMNIST/raw; choose one with --data_dir=.*MNIST/raw'
    ):
        load('auto', str(folder))
    (folder / 'MNIST/raw' / f'{IDX_NAMES[0]}.gz').unlink()
    with pytest.raises(DataError, match='raw: holds only some of the four IDX files'):
        load('auto', str(folder / 'MNIST'))
