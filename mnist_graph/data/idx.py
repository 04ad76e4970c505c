"""The IDX file format of the MNIST database, gzipped or plain.

A file is: two zero bytes, a byte for the type (8: unsigned byte, 12: 32-bit integer), a byte for
the number of dimensions, each dimension's size as a big-endian 32-bit number,
then the values with the last dimension varying fastest. (Y. LeCun, C. Cortes,
C. Burges, "The MNIST database of handwritten digits".)
"""

import math
import mmap
import os
import struct
import sys
from typing import BinaryIO, cast

import numpy as np

from mnist_graph.base import memory
from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking

UNSIGNED_BYTE = 8
_INT_32 = 12  # the type of QMNIST's labels
_DTYPES: dict[int, np.dtype] = {UNSIGNED_BYTE: np.dtype(np.uint8), _INT_32: np.dtype('>i4')}
_MAX_DIMENSIONS = 4


def read_idx(path: str) -> np.ndarray:
    """The array of unsigned bytes or 32-bit integers in an IDX file.

    A file that is not gzipped and is large for this machine's memory (see `memory.is_large`)
    is mapped: its bytes are read when they are used, and nothing is copied. It must not
    change meanwhile: if it becomes shorter, the system ends the process (SIGBUS).

    Args:
      path: A file, gzipped or not (its first bytes tell, not its name).

    Returns:
      uint8 or big-endian int32 array of the shape that the file's header gives; read-only.

    Raises:
      DataError: The file is unreadable, truncated, over-long, or no IDX file of
        these types.
    """
    try:
        with open(path, 'rb') as file:
            is_mapped = memory.is_large(os.fstat(file.fileno()).st_size)
            raw = _mapped(file) if is_mapped else file.read()  # gzipped ones, too, which are then unpacked into memory
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}).') from None
    if not raw:
        raise DataError(f'{path}: is empty (0 bytes); delete it and fetch it again.')
    gzipped = unpacking.is_gzipped(raw)
    longest = 4 + 4 * _MAX_DIMENSIONS
    header = unpacking.gunzip(path, raw, longest) if gzipped else raw[:longest]
    shape, offset = _shape(path, header)
    dtype = _DTYPES[header[2]]
    n_bytes = offset + math.prod(shape) * dtype.itemsize
    if gzipped:
        unpacking.check_size(path, len(raw), n_bytes)
        raw = unpacking.gunzip(path, raw, n_bytes + 1)
    if len(raw) < n_bytes:
        raise DataError(f'{path}: is truncated: {len(raw):,} bytes of the {n_bytes:,} that its header announces.')
    if len(raw) > n_bytes:
        raise DataError(f'{path}: has more bytes than the {n_bytes:,} that its header announces.')
    return np.frombuffer(raw, dtype, offset=offset).reshape(shape)


def _mapped(file: BinaryIO) -> bytes:
    """The content of a file, mapped: not bytes, but whatever is done with bytes here can be done with it."""
    return cast(bytes, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _shape(path: str, header: bytes) -> tuple[tuple[int, ...], int]:
    """The array's shape and the offset of its first value."""
    if len(header) < 4 or header[:2] != b'\0\0':
        start = 'an HTML page' if header.lstrip()[:1] == b'<' else f'{header[:4].hex(" ")}'
        raise DataError(f'{path}: is not an IDX file: it starts with {start}, not with 00 00 08.')
    kind, n_dimensions = header[2], header[3]
    if kind not in _DTYPES or not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        raise DataError(
            f'{path}: wrong magic number {int.from_bytes(header[:4], "big")}: '
            'only bytes and 32-bit integers in 1 to 4 dimensions can be read (2049 for labels, 2051 for images).'
        )
    offset = 4 + 4 * n_dimensions
    if len(header) < offset:
        raise DataError(f'{path}: is truncated inside its header.')
    shape = struct.unpack(f'>{n_dimensions}I', header[4:offset])
    if 4 * math.prod(max(side, 1) for side in shape) > sys.maxsize:  # numpy refuses such a shape even if a side is 0
        raise DataError(f'{path}: announces an impossible shape, {" x ".join(map(str, shape))}.')
    return shape, offset


def to_bytes(values: np.ndarray) -> bytes:
    """The content of the plain IDX file that holds a uint8 array."""
    values = np.ascontiguousarray(values, np.uint8)
    header = bytes([0, 0, UNSIGNED_BYTE, values.ndim]) + struct.pack(f'>{values.ndim}I', *values.shape)
    return header + values.tobytes()
