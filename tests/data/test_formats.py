"""MNIST as people have it: tables, pickles, archives and folders of other layouts, good and hostile."""

import gzip
import os
import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from helpers.data import IDX_NAMES, idx_bytes, tiny_arrays, write_idx_folder, write_table
from mnist_graph.base.errors import DataError, MnistGraphError
from mnist_graph.data import load, unpacking

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()
HEADER = 'label,' + ','.join(f'pixel{i}' for i in range(64))


# Tables.


def test_tables_without_header(folder, expected):
    """The names of the widely copied mnist_train.csv and mnist_test.csv."""
    write_table(folder / 'mnist_train.csv', TRAIN, LABELS)
    write_table(folder / 'mnist_test.csv', TEST, TEST_LABELS)
    assert load('auto', str(folder)).fingerprint == expected


@pytest.mark.parametrize('newline, bom', [('\n', ''), ('\r\n', '\ufeff')])
def test_tables_with_header(folder, expected, newline, bom):
    for name, images, labels in ('fashion-mnist_train', TRAIN, LABELS), ('fashion-mnist_test', TEST, TEST_LABELS):
        path = folder / f'{name}.csv'
        write_table(path, images, labels, HEADER)
        path.write_bytes((bom + path.read_text().replace('\n', newline)).encode())
    assert load('auto', str(folder)).fingerprint == expected


def test_label_column_may_be_anywhere(folder, expected):
    header = HEADER.removeprefix('label,') + ',Label'
    write_table(folder / 'train.csv', TRAIN, LABELS, header, 64)
    write_table(folder / 'test.csv', TEST, TEST_LABELS, header, 64)
    assert load('auto', str(folder)).fingerprint == expected


@pytest.mark.parametrize('with_test', [True, False])
def test_kaggles_tables_have_no_labels_to_test_by(folder, with_test):
    write_table(folder / 'train.csv', TRAIN, LABELS, HEADER)
    if with_test:
        write_table(folder / 'test.csv', TEST, header=HEADER.removeprefix('label,'))
    dataset = load('auto', str(folder), n_validation=0)
    assert (len(dataset.train), len(dataset.test)) == (52, 8)  # of each class of 15 two
    assert np.bincount(dataset.test.labels).tolist() == [2] * 4
    assert 'has no labelled test pictures, so 8 of its 60 pictures, a sixth of each class' in dataset.notice
    again = load('auto', str(folder), n_validation=0)
    assert again.fingerprint == dataset.fingerprint
    both = np.concatenate([dataset.train.images, dataset.test.images])[..., 0]
    assert sorted(map(bytes, both)) == sorted(map(bytes, TRAIN))


def test_optical_digits_of_scikit_learn(folder):
    """8x8 pixels from 0 to 16, the label in the last column."""
    sixteen = TRAIN // 16, TEST // 16
    sixteen[0][0, 0, 0] = 16
    write_table(folder / 'optdigits.tra', sixteen[0], LABELS, label_column=64)
    write_table(folder / 'optdigits.tes', sixteen[1], TEST_LABELS, label_column=64)
    dataset = load('auto', str(folder), n_validation=0)
    assert dataset.input_spec()[:3] == (8, 8, 1) and 'from 0 to 16' in dataset.notice
    np.testing.assert_array_equal(dataset.train.labels, LABELS)
    np.testing.assert_array_equal(dataset.train.images[..., 0], np.round(sixteen[0].astype(float) * 255 / 16))


def test_usps(folder):
    """Pixels from -1 to 1, separated by spaces, the label first."""
    for name, images, labels in ('zip.train', TRAIN, LABELS), ('zip.test', TEST, TEST_LABELS):
        np.savetxt(folder / name, np.insert(images.reshape(-1, 64) / 127.5 - 1, 0, labels, axis=1), '%.4f')
    dataset = load('auto', str(folder), n_validation=0)
    np.testing.assert_array_equal(dataset.train.images[..., 0], TRAIN)
    assert 'from -1 to 1' in dataset.notice


@pytest.mark.parametrize(
    'content, problem',
    [
        ('', 'has no rows'),
        (HEADER + '\n', 'has no rows'),
        ('1,2,3\n4,5\n', 'is no table of numbers'),
        ('<!DOCTYPE html>\n<html>\n', 'is no table of numbers'),
        (HEADER.replace('label', 'name') + '\n' + ','.join(['1'] * 65), 'has no column "label"'),
        ('1,2,3\n' * 12, r'of shape \(10, 2\), not pictures; rows of 2 pixels make no square'),
        ('1,nan,3,4,5\n' * 9, 'pixels that are no finite numbers'),
        ('1,1e30,3,4,5\n' * 9, 'pixels from 3 to 1e'),
        ('0.5,1,3,4,5\n' * 9, 'not a list of whole numbers'),
        ('9' * 300_000, 'not pictures|no finite|no table|whole numbers'),
        ('1,' * 300_000, 'no table'),
    ],
)
def test_bad_tables_are_named(folder, content, problem):
    (folder / 'train.csv').write_text(content)
    with pytest.raises(DataError, match=f'train.csv.*{problem}|{problem}') as caught:
        load('auto', str(folder))
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 500


def test_tables_of_two_data_sets(folder):
    for name in 'mnist_train.csv', 'fashion-mnist_train.csv':
        write_table(folder / name, TRAIN, LABELS)
    with pytest.raises(DataError, match='several data sets, fashion-mnist_train.csv, mnist_train.csv; choose one with'):
        load('auto', str(folder))


# Pickles.


def of_deeplearning_net(protocol=2):
    """mnist.pkl.gz: training, validation and test pictures of k / 256, flat, as Python 2 pickled them."""
    pairs = [
        ((images.reshape(-1, 64) / 256).astype(np.float32), labels.astype(np.int64))
        for images, labels in ((TRAIN[:50], LABELS[:50]), (TRAIN[50:], LABELS[50:]), (TEST, TEST_LABELS))
    ]
    return pickle.dumps(tuple(pairs), protocol)


@pytest.mark.parametrize('protocol', range(6))
def test_pickle_of_deeplearning_net(folder, protocol):
    brightest = TRAIN.max() == 255 or TEST.max() == 255
    (folder / 'mnist.pkl.gz').write_bytes(gzip.compress(of_deeplearning_net(protocol)))
    dataset = load('auto', str(folder), n_validation=10)
    np.testing.assert_array_equal(dataset.validation.labels, LABELS[:10])
    assert (len(dataset.train), len(dataset.test)) == (50, 25) and brightest == ('0.996' in dataset.notice)


def test_pixels_divided_by_256_are_restored_exactly(folder):
    """So that mnist.pkl.gz is recognised as MNIST itself."""
    images = TRAIN.copy()
    images[0, 0, 0] = 255
    content = [((each.reshape(-1, 64) / 256).astype(np.float32), labels) for each, labels in (
        (images[:50], LABELS[:50]), (images[50:], LABELS[50:]), (TEST, TEST_LABELS))]  # fmt: skip
    (folder / 'mnist.pkl.gz').write_bytes(gzip.compress(pickle.dumps(content, 2)))
    idx = write_idx_folder(folder / 'idx', (images, LABELS, TEST, TEST_LABELS))
    assert load('auto', str(folder)).fingerprint == load('auto', str(idx)).fingerprint


def test_pickled_dictionary(folder, expected):
    content = {
        'train_img': TRAIN.reshape(-1, 64),
        'train_label': LABELS.tolist(),
        'test_img': np.asfortranarray(TEST.reshape(-1, 64)),
        'test_label': TEST_LABELS.astype('>i4'),
        'note': 'something else',
    }
    (folder / 'mnist.pkl').write_bytes(pickle.dumps(content))
    assert load('auto', str(folder)).fingerprint == expected


class _Evil:
    def __reduce__(self):
        return exec, ('import mnist_graph.base.errors; mnist_graph.base.errors.was_unpickled = True',)


class _Allocating:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def nested_lists():
    value = [0] * 10
    for _ in range(12):
        value = [value] * 10
    return value


HOSTILE_PICKLES = {
    'a command': lambda: pickle.dumps(_Allocating(os.system, 'touch was_run')),
    'a command of protocol 0': lambda: b"cos\nsystem\n(S'touch was_run'\ntR.",
    'a command among arrays': lambda: pickle.dumps(
        {'x_train': TRAIN, 'y_train': _Allocating(os.system, 'touch was_run')}
    ),
    'code': lambda: pickle.dumps((_Evil(), _Evil())),
    'code in a pair': lambda: pickle.dumps(((TRAIN, _Evil()), (TEST, TEST_LABELS))),
    'bytes of a claimed size': lambda: pickle.dumps(_Allocating(bytes, 10**11)),
    'array of a claimed size': lambda: pickle.dumps(_Allocating(np.ndarray, (10**10,))),
    'array shorter than its shape': lambda: pickle.dumps((TRAIN, LABELS)).replace(b'K<K\x08', b'K<K\x7f'),
    'memo of a claimed size': lambda: b'\x80\x02Nr\xff\xff\xff\x7f.',
    'text of a claimed size': lambda: b'\x80\x04X\xff\xff\xff\x7fa.',
    'bytearray of a claimed size': lambda: b'\x80\x05\x96' + struct.pack('<Q', 10**11) + b'.',
    'frame of a claimed size': lambda: b'\x80\x04\x95' + struct.pack('<Q', 10**11) + b'N.',
    'lists in lists': lambda: pickle.dumps({'x_train': nested_lists(), 'y_train': nested_lists()}),
    'extension': lambda: b'\x80\x02\x82\x01.',
    'persistent': lambda: b'\x80\x02NQ.',
    'nothing': lambda: b'',
    'a page': lambda: b'<html>',
    'a number': lambda: pickle.dumps(7),
    'a dictionary of itself': lambda: b'\x80\x02}q\x00U\x01aq\x01h\x00s.',
}


@pytest.mark.parametrize('gzipped', [False, True])
@pytest.mark.parametrize('name', HOSTILE_PICKLES)
def test_hostile_pickles_are_refused_and_cost_little_memory(folder, monkeypatch, name, gzipped):
    import mnist_graph.base.errors

    content = HOSTILE_PICKLES[name]()
    path = folder / ('mnist.pkl.gz' if gzipped else 'mnist.pkl')
    path.write_bytes(gzip.compress(content) if gzipped else content)
    monkeypatch.chdir(folder)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=path.name) as caught:
            load('auto', str(folder))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert '\n' not in str(caught.value)
    assert not hasattr(mnist_graph.base.errors, 'was_unpickled') and os.listdir() == [path.name]


def test_a_gzip_bomb_in_place_of_a_pickle(folder, monkeypatch):
    monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', 10**7)
    (folder / 'mnist.pkl.gz').write_bytes(gzip.compress(bytes(10**8)))
    tracemalloc.start()
    with pytest.raises(DataError, match='unpacks to 100,000,000 bytes, more than the 10,000,000'):
        load('auto', str(folder))
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_every_opcode_cut_short(folder):
    content = pickletools.optimize(of_deeplearning_net())
    path = folder / 'mnist.pkl'
    for end in (*range(0, 200), *range(200, len(content), 997)):
        path.write_bytes(content[:end])
        with pytest.raises(MnistGraphError):
            load('auto', str(folder))


# Archives with other names.


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


# Other IDX files.


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


# Folders of pictures with other names.


def write_pictures(folder, parts):
    """{folder of a part: how many pictures of each of two classes}, all pictures different."""
    value = 0
    for part, n in parts.items():
        for label in 'ab':
            (folder / part / label).mkdir(parents=True)
            for index in range(n):
                value += 1
                Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / part / label / f'{index}.png')
    return str(folder)


def values(split):
    return split.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize('names', [('training', 'testing'), ('Train', 'Test'), ('trainingSet', 'testSet')])
def test_other_names_of_train_and_test(folder, names):
    dataset = load('auto', write_pictures(folder, {names[0]: 3, names[1]: 2}), n_validation=0)
    assert (sorted(values(dataset.train)), sorted(values(dataset.test))) == ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10])


def test_validation_folder_comes_first(folder):
    dataset = load('auto', write_pictures(folder, {'train': 3, 'val': 2, 'test': 1}), n_validation=4)
    assert sorted(values(dataset.validation)) == [7, 8, 9, 10] and sorted(values(dataset.test)) == [11, 12]
    assert '--n_validation=4 holds out just these' in dataset.notice


def test_validation_folder_in_place_of_a_test_folder(folder):
    dataset = load('auto', write_pictures(folder, {'train': 3, 'val': 2}), n_validation=0)
    assert sorted(values(dataset.test)) == [7, 8, 9, 10] and 'has no test folder' in dataset.notice


def test_class_folders_without_a_split(folder):
    dataset = load('auto', write_pictures(folder, {'.': 13}), n_validation=0)
    assert dataset.class_names == ('a', 'b') and (len(dataset.train), len(dataset.test)) == (22, 4)
    assert sorted(values(dataset.train) + values(dataset.test)) == list(range(1, 27))
    assert '4 of its 26 pictures, a sixth of each class at random, were set aside' in dataset.notice
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]


def test_too_few_pictures_to_split(folder):
    with pytest.raises(DataError, match='none of its pictures can be read, or there are too few'):
        load('auto', write_pictures(folder, {'.': 2}))


def test_a_second_data_set_in_the_folder_is_named(folder, expected):
    write_idx_folder(folder, tiny_arrays())
    write_table(folder / 'train.csv', TRAIN, LABELS)
    dataset = load('auto', str(folder))
    assert dataset.fingerprint == expected
    assert dataset.notices == (
        f'{folder}: holds the four IDX files, which were read, and also train.csv and test.csv, which were not. '
        f'Choose with --data_dir={folder}/train.csv.',
    )
    picked = load('auto', str(folder / 'train.csv'))
    assert picked.name == 'train.csv' and len(picked.test) == 8 and 'were not' not in picked.notice
    write_table(folder / 'mnist_train.csv', TRAIN, LABELS)
    assert len(load('auto', str(folder)).notices) == 1
