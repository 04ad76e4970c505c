"""Files that claim or unpack to far more than they hold.

Each must be refused within 50 times its size of memory (or 2 MB, for files
smaller than what reading takes anyway). What may be unpacked is bounded in
bytes; the bound is lowered here, so that the bombs can be small.
"""

import gzip
import io
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from helpers.data import NPZ_NAMES
from mnist_graph.base.errors import MnistGraphError
from mnist_graph.data import readers, unpacking
from mnist_graph.data.idx import read_idx
from mnist_graph.pictures import extract
from mnist_graph.training import description


def zip_bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in NPZ_NAMES:
            member = io.BytesIO()
            np.save(member, np.zeros((40_000, 28, 28), np.uint8))
            archive.writestr(f'{name}.npy', member.getvalue())
    return buffer.getvalue()


def png_of_size(width, height):
    """A grey PNG that says it has this size, and has not."""

    def chunk(name, body):
        return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))

    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
        + chunk(b'IDAT', zlib.compress(b''))
        + chunk(b'IEND', b'')
    )


HOSTILE = {
    'gzip bomb of labels': ('x-idx1-ubyte.gz', lambda: gzip.compress(bytes(10**8))),
    'idx claiming much': ('x-idx3-ubyte', lambda: struct.pack('>4B3I', 0, 0, 8, 3, 60_000, 280, 280) + bytes(100)),
    'gzip claiming much': ('x-idx3-ubyte.gz', lambda: gzip.compress(struct.pack('>4B3I', 0, 0, 8, 3, 2**20, 99, 99))),
    'zip bomb': ('mnist.npz', zip_bomb),
    'json of brackets': ('hparams.json', lambda: b'[' * 500_000),
    'json of one number': ('hparams.json', lambda: b'9' * 999_999),
    'huge json': ('hparams.json', lambda: b'{"a": "' + b'x' * 30_000_000),
    'png claiming the limit': ('x.png', lambda: png_of_size(60_000, 60_000)),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_files_cost_little_memory(tmp_path, name, monkeypatch):
    monkeypatch.setattr(unpacking, 'MAX_UNPACKED_BYTES', 20_000_000)
    file_name, make = HOSTILE[name]
    path = str(tmp_path / file_name)
    with open(path, 'wb') as file:
        file.write(make())
    read = {
        'mnist.npz': lambda: readers.read_folder(str(tmp_path)),
        'hparams.json': lambda: description.read(str(tmp_path)),
        'x.png': lambda: extract.read_picture(path),
    }.get(file_name, lambda: read_idx(path))
    tracemalloc.start()
    try:
        with pytest.raises(MnistGraphError):
            read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < max(50 * os.path.getsize(path), 2 << 20)
