"""Arrays in .npy files, MATLAB's files, Hugging Face's tables and gzipped tables, good and hostile."""

import gzip
import io
import json
import struct
import tracemalloc
import zlib
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from helpers.data import idx_bytes, tiny_arrays, write_table
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.data import load, unpacking

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


def assert_refused(path, content, problem, most_memory=4 << 20):
    """Loading fails in one line that names the file, and takes little memory where a packed file may not take much."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with mock.patch.object(unpacking, 'MAX_UNPACKED_BYTES', 64 << 20):
            with pytest.raises(DataError, match=problem) as caught:
                load('auto', str(path))
        assert tracemalloc.get_traced_memory()[1] < most_memory
    finally:
        tracemalloc.stop()
    assert path.name in str(caught.value) and '\n' not in str(caught.value) and len(str(caught.value)) < 700


# Gzipped tables.


def test_gzipped_tables(folder, expected):
    for name, images, labels in ('train', TRAIN, LABELS), ('test', TEST, TEST_LABELS):
        write_table(folder / 'table', images, labels)
        (folder / f'mnist_{name}.csv.gz').write_bytes(gzip.compress((folder / 'table').read_bytes()))
    assert load('auto', str(folder)).fingerprint == expected
    (folder / 'mnist_train.csv').write_text('1,2,3\n')  # the plain one wins
    with pytest.raises(DataError, match='mnist_train.csv: holds an array of shape'):
        load('auto', str(folder))


def test_gzipped_usps_of_two_members(folder, expected):
    for name, images, labels in ('train', TRAIN, LABELS), ('test', TEST, TEST_LABELS):
        np.savetxt(folder / 'table', np.insert(images.reshape(-1, 64) / 127.5 - 1, 0, labels, axis=1), '%.4f')
        lines = (folder / 'table').read_bytes().splitlines(keepends=True)
        content = gzip.compress(b''.join(lines[:20])) + gzip.compress(b''.join(lines[20:]))
        (folder / f'zip.{name}.gz').write_bytes(content)
    assert load('auto', str(folder)).fingerprint == expected


def test_a_table_of_any_name_can_be_named(folder):
    write_table(folder / 'my digits.csv', TRAIN, LABELS)
    dataset = load('auto', str(folder / 'my digits.csv'), n_validation=0)
    assert dataset.name == 'my digits.csv' and (len(dataset.train), len(dataset.test)) == (52, 8)


@pytest.mark.parametrize(
    'content, problem',
    [
        (gzip.compress(b'0,' * 50_000_000), 'unpacks to 100,000,000 bytes'),
        (gzip.compress(b'0' * 10_000_000) * 2, 'that is not a data set|characters or more'),
        (gzip.compress(b'1,2,3,4,5\n' * 999)[:-20], 'truncated|damaged|not a data set|no table'),
        (b'\x1f\x8bno gzip file', 'damaged|not a data set|cannot be read'),
        (b'0' * (1 << 22), 'a line has 4,194,304 characters or more'),
    ],
    ids=['commas', 'no line end', 'cut short', 'not gzipped', 'one long line'],
)
def test_bad_gzipped_tables(folder, content, problem):
    assert_refused(folder / 'train.csv.gz', content, problem, 64 << 20)


# .npy.


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


# MATLAB.


def write_emnist(path, mapping=((1, 65, 97), (2, 66, 98), (3, 67, 99), (4, 68, 100)), **changes):
    """emnist-letters.mat: a structure with rows of pixels counted down the columns, and labels from 1."""

    def part(images, labels):
        rows = images.transpose(0, 2, 1).reshape(len(images), -1)
        return {'images': rows, 'labels': labels[:, None] + np.uint8(1), 'writers': labels[:, None]}

    dataset = {'train': part(TRAIN, LABELS), 'test': part(TEST, TEST_LABELS), 'mapping': np.array(mapping, np.uint8)}
    scipy_io().savemat(path, {'dataset': dataset | changes}, do_compression=True)


def scipy_io():
    return pytest.importorskip('scipy.io')


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


# Hugging Face.


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, 'PNG')
    return buffer.getvalue()


def parquet_bytes(images, labels, names=None, columns=('image', 'label')):
    """A table as Hugging Face writes it: a structure of a picture file's content and name, and a label."""
    pyarrow, parquet = pytest.importorskip('pyarrow'), pytest.importorskip('pyarrow.parquet')
    cells = [{'bytes': image if isinstance(image, bytes) else png(image), 'path': None} for image in images]
    table = pyarrow.table({columns[0]: cells, columns[1]: pyarrow.array(labels, pyarrow.int64())})
    if names:
        described = {'image': {'_type': 'Image'}, 'label': {'names': names, '_type': 'ClassLabel'}}
        table = table.replace_schema_metadata({'huggingface': json.dumps({'info': {'features': described}})})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def write_hugging_face(folder, names=None):
    folder.mkdir(exist_ok=True)
    for index, rows in enumerate((slice(0, 40), slice(40, 60))):
        path = folder / f'train-0000{index}-of-00002.parquet'
        path.write_bytes(parquet_bytes(TRAIN[rows], LABELS[rows], names))
    (folder / 'test-00000-of-00001.parquet').write_bytes(parquet_bytes(TEST, TEST_LABELS, names))


@pytest.mark.parametrize('below', ['.', 'data', 'mnist'])
def test_hugging_face(folder, expected, below):
    write_hugging_face(folder / below, ['0', '1', '2', '3'])
    dataset = load('auto', str(folder))
    assert dataset.fingerprint == expected and dataset.notices == ()
    (folder / below / 'train-00001-of-00002.parquet').unlink()
    with pytest.raises(DataError, match='train-00000-of-00002.parquet: only 1 of the 2 files of this part are here'):
        load('auto', str(folder))


def test_names_of_classes_of_hugging_face(folder):
    """Those of Fashion-MNIST's description."""
    write_hugging_face(folder, ['T - shirt / top', 'Trouser', 'Pullover', 'Dress', 'Coat'])
    assert load('auto', str(folder)).class_names == ('T - shirt / top', 'Trouser', 'Pullover', 'Dress')
    write_hugging_face(folder, ['same', 'same', 'a', 'b'])
    assert load('auto', str(folder)).class_names == ('0', '1', '2', '3')


@pytest.mark.parametrize(
    'make, problem',
    [
        (lambda: b'', 'is damaged or no parquet file'),
        (lambda: b'PAR1' + bytes(30) + b'PAR1', 'is damaged or no parquet file'),
        (lambda: parquet_bytes(TRAIN, LABELS)[:-1], 'is damaged or no parquet file'),
        (lambda: parquet_bytes(TRAIN, LABELS, columns=('text', 'label')), 'must have columns image and label'),
        (lambda: parquet_bytes([b'<html>', *TRAIN[1:]], LABELS), 'holds other things than pictures'),
        (lambda: parquet_bytes([TRAIN[0, :, :7], *TRAIN[1:]], LABELS), 'pictures of several sizes'),
        (
            lambda: parquet_bytes([np.zeros((9999, 9999), np.uint8), *TRAIN[1:]], LABELS),
            'a picture of 9999x9999 pixels',
        ),
        (lambda: parquet_bytes(TRAIN, [None] * 60), 'not a list of whole numbers'),
        (lambda: parquet_bytes([png(np.zeros((256, 256), np.uint8))] * 10_000, [0, 1] * 5000), 'unpacks to .* bytes'),
    ],
)
def test_bad_parquet_files(folder, make, problem):
    assert_refused(folder / 'train.parquet', make(), problem, 256 << 20)


@pytest.mark.parametrize(
    'module, name, extra', [('scipy.io', 'x.mat', 'mat'), ('pyarrow.parquet', 'train.parquet', 'parquet')]
)
def test_without_the_extra(folder, monkeypatch, module, name, extra):
    monkeypatch.setitem(__import__('sys').modules, module, None)
    (folder / name).write_bytes(b'')
    with pytest.raises(UsageError, match=rf'{name}: reading it needs .*; install it with pip install .*{extra}\]'):
        load('auto', str(folder))


def test_a_file_of_another_kind_is_refused(folder):
    assert_refused(folder / 'digits.zip', b'PK', r'is no data set; --data_dir must be a folder, or a file .*\.csv\.gz')
    assert_refused(folder / 'train-images-idx3-ubyte', idx_bytes(TRAIN), 'the rest of its data set is not beside it')
