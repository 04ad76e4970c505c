"""Pickled data sets, and hostile ones: nothing in them is ever run."""

import gzip
import os
import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest

from helpers.data import Evil, tiny_arrays, write_idx_folder
from mnist_graph.base.errors import DataError, MnistGraphError
from mnist_graph.data import load, unpacking

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


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
    'code': lambda: pickle.dumps((Evil(), Evil())),
    'code in a pair': lambda: pickle.dumps(((TRAIN, Evil()), (TEST, TEST_LABELS))),
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
