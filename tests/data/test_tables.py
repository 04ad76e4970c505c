"""Tables (.csv and the like), gzipped or not: where labels and pixels are, which numbers pixels may be, and bad tables."""

import gzip

import numpy as np
import pytest

from helpers.data import assert_refused, tiny_arrays, write_table
from mnist_graph.base.errors import DataError
from mnist_graph.data import load

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()
HEADER = 'label,' + ','.join(f'pixel{i}' for i in range(64))


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
        ('1,2,3\n4,5\n', r'is no table of numbers \(the number of columns changed from 3 to 2 at row 2\).$'),
        ('label;a;b\n1;2;3\n', 'has semicolons between its columns; put commas there.$'),
        ('1\t2\t3\n', 'has tabs between its columns; put commas there.$'),
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
    with pytest.raises(DataError, match=problem) as caught:
        load('auto', str(folder))
    message = str(caught.value)
    assert message.startswith(str(folder)) and '\n' not in message and len(message) < 500


def test_tables_of_two_data_sets(folder):
    for name in 'mnist_train.csv', 'fashion-mnist_train.csv':
        write_table(folder / name, TRAIN, LABELS)
    with pytest.raises(DataError, match='several data sets, fashion-mnist_train.csv, mnist_train.csv; choose one with'):
        load('auto', str(folder))


def test_a_table_of_any_name_can_be_named(folder):
    write_table(folder / 'my digits.csv', TRAIN, LABELS)
    dataset = load('auto', str(folder / 'my digits.csv'), n_validation=0)
    assert dataset.name == 'my digits.csv' and (len(dataset.train), len(dataset.test)) == (52, 8)


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


@pytest.mark.parametrize(
    'content, problem',
    [
        (gzip.compress(b'0,' * 50_000_000), 'unpacks to 100,000,000 bytes'),
        (gzip.compress(b'0' * 10_000_000) * 2, 'that is not a data set|characters or more'),
        (gzip.compress(b'1,2,3,4,5\n' * 999)[:-20], 'truncated|damaged|not a data set|no table'),
        (b'\x1f\x8b', 'damaged or truncated'),
        (b'\x1f\x8bno gzip file', 'damaged|not a data set|cannot be read'),
        (b'0' * (1 << 22), 'a line has 4,194,304 characters or more'),
    ],
    ids=['commas', 'no line end', 'cut short', 'two bytes', 'not gzipped', 'one long line'],
)
def test_bad_gzipped_tables(folder, content, problem):
    assert_refused(folder / 'train.csv.gz', content, problem, 64 << 20)
