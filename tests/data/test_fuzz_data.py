"""Readers of data sets against damaged files: each is read, or refused in one line."""

import functools
import gzip
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from helpers.data import idx_bytes, tiny_arrays
from helpers.fuzzing import fuzz, mutated, read_or_refused
from mnist_graph.data import readers
from mnist_graph.data.idx import read_idx

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays(n_train=12, n_test=6)
IDX = idx_bytes(TRAIN)


def npz_bytes(save=np.savez_compressed):
    buffer = io.BytesIO()
    save(buffer, x_train=TRAIN, y_train=LABELS, x_test=TEST, y_test=TEST_LABELS)
    return buffer.getvalue()


NPZ_NAMES = ('x_train', 'y_train', 'x_test', 'y_test')
NPZ = npz_bytes(), npz_bytes(np.savez)
GZIPPED = gzip.compress(IDX, 1, mtime=0)


def read_idx_or_refused(path, content):
    return read_or_refused(lambda: read_idx(str(path)), str(path), content)


@fuzz
def test_idx(place, random):
    return read_idx_or_refused(place / 'images-idx3-ubyte', mutated(random, IDX))


@fuzz
def test_gzipped_idx_with_a_sound_gzip(place, random):
    return read_idx_or_refused(place / 'inside-idx3-ubyte.gz', gzip.compress(mutated(random, IDX), 1))


@fuzz
def test_gzip(place, random):
    n = random.choice((0, 10))  # half of the time only gzip's own header, which may hold any time stamp
    content = mutated(random, GZIPPED[:n]) + GZIPPED[n:] if n else mutated(random, GZIPPED)
    return read_idx_or_refused(place / 'outside-idx3-ubyte.gz', content)


@fuzz
def test_idx_headers(place, random):
    dimensions = [
        random.choice((random.randrange(5), random.randrange(2**32), 2**32 - 1, 0)) for _ in range(random.randint(1, 4))
    ]
    content = struct.pack(f'>4B{len(dimensions)}I', 0, 0, 8, len(dimensions), *dimensions) + random.randbytes(
        random.randrange(32)
    )
    return read_idx_or_refused(place / 'header-idx3-ubyte', random.choice((content, gzip.compress(content, 1))))


@fuzz
def test_npz(place, random):
    content = mutated(random, random.choice(NPZ))
    (place / 'npz').mkdir(exist_ok=True)
    path = str(place / 'npz' / 'mnist.npz')
    return read_or_refused(lambda: readers.read_folder(str(place / 'npz')), path, content)


def npz_with_mutated_member(random):
    """A sound archive around one mutated array file."""
    buffer, victim = io.BytesIO(), random.randrange(4)
    with zipfile.ZipFile(buffer, 'w', random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for index, (name, array) in enumerate(zip(NPZ_NAMES, (TRAIN, LABELS, TEST, TEST_LABELS))):
            member = io.BytesIO()
            np.save(member, array)
            header, values = member.getvalue()[:128], member.getvalue()[128:]
            archive.writestr(f'{name}.npy', (mutated(random, header) if index == victim else header) + values)
    return buffer.getvalue()


@fuzz
def test_npz_members(place, random):
    content = npz_with_mutated_member(random)
    (place / 'member').mkdir(exist_ok=True)
    path = str(place / 'member' / 'mnist.npz')
    return read_or_refused(lambda: readers.read_folder(str(place / 'member')), path, content)


def in_folder_of_its_own(place, name, content, **others):
    """Whether the data set in a folder with the file `name`, and with `others` by their stems, is read or refused."""
    folder = place / name.split('.')[0]
    folder.mkdir(exist_ok=True)
    for stem, whole in others.items():
        (folder / f'{stem}{os.path.splitext(name)[1]}').write_bytes(whole)
    return read_or_refused(lambda: readers.read_folder(str(folder)), str(folder / name), content)


def table_bytes(images, labels, header=''):
    buffer = io.BytesIO()
    rows = np.insert(images.reshape(len(images), -1), 0, labels, axis=1)
    np.savetxt(buffer, rows, '%d', ',', header=header, comments='')
    return buffer.getvalue()


TABLES = table_bytes(TRAIN, LABELS), table_bytes(TRAIN, LABELS, 'label,' + ','.join(f'pixel{i}' for i in range(64)))
TEST_TABLE = table_bytes(TEST, TEST_LABELS)


@fuzz
def test_tables(place, random):
    return in_folder_of_its_own(place, 'train.csv', mutated(random, random.choice(TABLES)), test=TEST_TABLE)


@fuzz
def test_gzipped_tables(place, random):
    original = gzip.compress(TABLES[0], 1, mtime=0)
    n = random.choice((0, 10))  # half of the time only gzip's own header, which may hold any time stamp
    content = mutated(random, original[:n]) + original[n:] if n else mutated(random, original)
    (place / 'a_train').mkdir(exist_ok=True)
    (place / 'a_train/a_test.csv').write_bytes(TEST_TABLE)
    return in_folder_of_its_own(place, 'a_train.csv.gz', content)


PICKLES = [pickle.dumps(((TRAIN / 256, LABELS), (TEST / 256, TEST_LABELS)), protocol) for protocol in range(6)]


@fuzz
def test_pickles(place, random):
    return in_folder_of_its_own(place, 'mnist.pkl', mutated(random, random.choice(PICKLES)))


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


NPY = {'train_labels': npy_bytes(LABELS), 'test_images': npy_bytes(TEST), 'test_labels': npy_bytes(TEST_LABELS)}


@fuzz
def test_npy(place, random):
    return in_folder_of_its_own(place, 'train_images.npy', mutated(random, npy_bytes(TRAIN)), **NPY)


@functools.cache
def mat_bytes(compressed):
    savemat = pytest.importorskip('scipy.io').savemat
    train, test = (
        {'images': images.reshape(len(images), -1), 'labels': labels[:, None]}
        for images, labels in ((TRAIN, LABELS), (TEST, TEST_LABELS))
    )
    buffer = io.BytesIO()
    savemat(buffer, {'dataset': {'train': train, 'test': test}}, do_compression=compressed)
    return buffer.getvalue()


@fuzz
def test_mat(place, random):
    return in_folder_of_its_own(place, 'emnist.mat', mutated(random, mat_bytes(random.random() < 0.5)))


@functools.cache
def parquet_bytes(part):
    pyarrow, parquet = pytest.importorskip('pyarrow'), pytest.importorskip('pyarrow.parquet')
    images, labels = (TRAIN, LABELS) if part == 'train' else (TEST, TEST_LABELS)
    cells = []
    for image in images:
        picture = io.BytesIO()
        Image.fromarray(image).save(picture, 'PNG')
        cells.append({'bytes': picture.getvalue(), 'path': None})
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({'image': cells, 'label': labels.astype(np.int64)}), buffer)
    return buffer.getvalue()


@fuzz
def test_parquet(place, random):
    damaged = mutated(random, parquet_bytes('train'))
    return in_folder_of_its_own(place, 'train-00000-of-00001.parquet', damaged, test=parquet_bytes('test'))
