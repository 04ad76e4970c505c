"""Readers of data sets against damaged files: each is read, or refused in one line."""

import gzip
import io
import struct
import zipfile

import numpy as np

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
