"""predict on tables of pictures: every row in order, in all formats, and tables that cannot be read."""

import csv
import gzip
import io
import json
import os
import pathlib
import tracemalloc

import numpy as np
import pytest

from helpers.data import write_table
from helpers.small_model import N_WRONG_LABELS, digits_model, save_digits
from mnist_graph import data
from mnist_graph.data import table_file


@pytest.fixture
def test_table():
    """Writes test.csv as Kaggle's, of the small model's test pictures over and over; returns their labels as read."""

    def write(n, path='test.csv', **options):
        test = data.load(data_dir=digits_model().data, n_validation=0).test
        rows = np.arange(n) % len(test)
        header = ','.join(f'pixel{i}' for i in range(784))
        write_table(path, test.images[rows, ..., 0], header=header, **options)
        # The first labels of the small data set are wrong, and the model reads all pictures rightly.
        labels = test.labels.copy()
        labels[:N_WRONG_LABELS] = (labels[:N_WRONG_LABELS] - 1) % 3
        return labels[rows].tolist()

    return write


def test_a_submission_to_kaggle_has_every_row_in_order(predict, test_table):
    labels = test_table(2345)  # three pieces
    ended = predict('test.csv', '--format=kaggle')
    assert ended.code == 0
    expected = ''.join(f'{row},{label}\n' for row, label in enumerate(labels, 1))
    assert ended.out == f'ImageId,Label\n{expected}'


def test_tables_in_the_other_formats(predict, test_table):
    labels = test_table(3)
    with open('test.csv', 'rb') as file, gzip.open('b.csv.gz', 'wb') as packed:
        packed.write(file.read())
    ended = predict('test.csv', 'b.csv.gz')
    assert [line.split(' (')[0] for line in ended.out.splitlines()] == [
        f'{path}:{row}: {label}' for path in ('test.csv', 'b.csv.gz') for row, label in enumerate(labels, 1)
    ]
    rows = list(csv.DictReader(io.StringIO(predict('test.csv', '--format=csv').out)))
    assert [row['path'] for row in rows] == ['test.csv:1', 'test.csv:2', 'test.csv:3']
    assert [row['path'] for row in json.loads(predict('test.csv', '--format=json').out)] == [
        'test.csv:1',
        'test.csv:2',
        'test.csv:3',
    ]


@pytest.mark.parametrize('divisor', [255, 1])
def test_labels_in_a_table_are_left_out(predict, divisor):
    test = data.load(data_dir=digits_model().data, n_validation=0).test[N_WRONG_LABELS:12]
    rows = np.insert(test.images.reshape(-1, 784) / divisor, 0, 9, axis=1)
    np.savetxt('t.csv', rows, '%.8g', ',')
    ended = predict('t.csv', '--format=kaggle')
    assert ended.out.split()[1:] == [f'{row},{label}' for row, label in enumerate(test.labels, 1)]


@pytest.mark.parametrize(
    'arguments, code, problem',
    [
        ('gone.csv', 1, 'gone.csv: cannot be read (No such file or directory)'),
        ('empty.csv', 1, 'empty.csv: has no rows'),
        ('small.csv', 1, 'small.csv: has 8 pixels in a row, but the model reads 784 (28x28x1)'),
        ('words.csv', 1, 'words.csv: is no table of numbers'),
        ('test.csv 0.png', 2, 'test.csv: is a table; read tables and pictures with a command each'),
        ('0.png --format=kaggle', 2, '--format=kaggle: is for one table of pictures'),
        ('test.csv test.csv --format=kaggle', 2, '--format=kaggle: is for one table of pictures'),
        ('test.csv --save_view=seen.png', 2, '--save_view=seen.png: is for pictures, not for tables'),
        ('test.csv --digits=one', 2, '--digits=one: is for pictures, not for tables'),
        ('pipe.csv', 1, 'pipe.csv: is a named pipe, a socket or a device'),
    ],
)
def test_bad_tables(predict, test_table, arguments, code, problem):
    test_table(3)
    save_digits(0)
    for name, text in ('empty.csv', ''), ('small.csv', '1,2,3,4,5,6,7,8,9\n'), ('words.csv', 'a,b\nc,d\n'):
        pathlib.Path(name).write_text(text)
    os.mkfifo('pipe.csv')
    ended = predict(*arguments.split())
    assert ended.code == code and problem in ended.err and ended.err.count('\n') == 1 and not ended.out


def test_a_table_that_is_damaged_further_down(predict, test_table):
    test_table(1500)
    with open('test.csv', 'a') as file:
        file.write('1,2,3\n')
    ended = predict('test.csv', '--format=kaggle')
    assert ended.code == 1 and 'test.csv: is no table of numbers behind row 1000 (' in ended.err
    assert len(ended.out.splitlines()) == 1001


def test_a_table_is_read_in_bounded_memory(tmp_path):
    path = str(tmp_path / 't.csv')
    with open(path, 'w') as file:
        file.writelines(','.join(['200'] * 784) + '\n' for _ in range(8000))
    tracemalloc.start()
    n = sum(len(piece) for piece in table_file.stream_pictures(path, 28, 28, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 8000 and peak < 16 << 20  # the whole would take 24 MiB as floats
