"""Hugging Face's tables (.parquet), and formats whose extra is not installed."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from helpers.data import assert_refused, tiny_arrays
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.data import load

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


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
