"""Whether a file of MATLAB is what it claims to be, looked at before SciPy reads it.

SciPy believes what a damaged file says of itself: it takes 13 GB for a file of
1 kB, or crashes. The format is described in MathWorks, "MAT-File Format", level 5.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterator

from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking

# Bytes of a file's header, whose last two tell the order of bytes; and of an element's tag, which also are what
# elements are padded to.
_HEADER_BYTES, _TAG_BYTES = 128, 8
# The version that a file of MATLAB 7.3 has, in either order of bytes; it is an HDF5 file.
_HDF5_VERSION = (b'\0\2', b'\2\0')
# Kinds of elements: an array, which consists of elements, and a packed element.
_ARRAY, _PACKED = 14, 15
# Classes of arrays: of others, of structures, of characters, of numbers.
_CELLS, _STRUCTURES, _CHARACTERS, _NUMBERS = 1, 2, 4, range(6, 16)
_COMPLEX = 0x800
# EMNIST's structures lie three deep.
_MOST_DEPTH = 16
_CHUNK_BYTES = 1 << 20


def check(path: str) -> None:
    """Looks at every element of a file.

    Raises:
      DataError: An element is longer than what holds it, or an array has other parts than its kind must have, or it
        unpacks to too much.
      OSError: The file cannot be read.
    """
    with open(path, 'rb') as file:
        header, size = file.read(_HEADER_BYTES), os.path.getsize(path)
        order = '<' if header[126:128] == b'IM' else '>'
        if 0 in header[:4]:
            raise _damaged(path, 'it has no text at its beginning, as files of MATLAB 5 and later do')
        if header[124:126] in _HDF5_VERSION:
            return  # of MATLAB 7.3, which SciPy refuses
        total = 0
        while len(tag := file.read(_TAG_BYTES)) == _TAG_BYTES:
            kind, n_bytes = struct.unpack(order + 'II', tag)
            content = file.read(n_bytes) if n_bytes <= size else b''
            if len(content) < n_bytes:
                raise _damaged(path, 'an element is longer than the file')
            if kind == _PACKED:
                content = _unpacked(path, content, total)
                total += len(content)
            else:
                content = tag + content
            for inner_kind, inner in _elements(path, content, order):
                if inner_kind == _ARRAY:
                    _check_array(path, inner, order, 0)


def _damaged(path: str, why: str) -> DataError:
    return DataError(f'{path}: is damaged or no file of MATLAB ({why}).')


def _unpacked(path: str, packed: bytes, total: int) -> bytes:
    """A packed element; `total` bytes were unpacked before it."""
    unpacker, pieces = zlib.decompressobj(), []
    while packed:
        try:
            pieces.append(unpacker.decompress(packed, _CHUNK_BYTES))
        except zlib.error as error:
            raise _damaged(path, str(error)) from None
        total += len(pieces[-1])
        packed = unpacker.unconsumed_tail
        unpacking.check_size(path, os.path.getsize(path), total)
    return b''.join(pieces)


def _elements(path: str, content: bytes | memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The kind and the content of each element."""
    content, position = memoryview(content), 0
    while position < len(content):
        if len(content) - position < _TAG_BYTES:
            raise _damaged(path, 'an element is cut off')
        kind, n_bytes = struct.unpack_from(order + 'II', content, position)
        start = position + _TAG_BYTES
        if kind >> 16:  # up to four bytes are within the tag
            kind, n_bytes, start = kind & 0xFFFF, kind >> 16, position + _TAG_BYTES // 2
        if n_bytes > len(content) - start or start % _TAG_BYTES and n_bytes > _TAG_BYTES // 2:
            raise _damaged(path, 'an element is longer than what holds it')
        yield kind, content[start : start + n_bytes]
        position = start + n_bytes + -(start + n_bytes) % _TAG_BYTES


def _check_array(path: str, content: memoryview, order: str, depth: int) -> None:
    """Checks that an array has the parts that its class and shape demand."""
    if not content:
        return  # as an empty field of a structure is kept
    if depth > _MOST_DEPTH:
        raise _damaged(path, 'arrays lie in arrays too deep')
    parts = list(_elements(path, content, order))
    if len(parts) < 3 or len(parts[0][1]) != 8 or not 0 < len(parts[1][1]) <= 4 * 32 or len(parts[1][1]) % 4:
        raise _damaged(path, 'an array has no class or shape')
    (flags,) = struct.unpack_from(order + 'I', parts[0][1])
    shape = struct.unpack(f'{order}{len(parts[1][1]) // 4}i', parts[1][1])
    n, array_class, parts = math.prod(shape), flags & 0xFF, parts[3:]
    if min(shape) < 0 or n > len(content):
        raise _damaged(path, f'an array of {len(content):,} bytes claims the shape {"x".join(map(str, shape))}')
    if array_class == _STRUCTURES and len(parts) >= 2 and len(parts[0][1]) == 4:
        (length,) = struct.unpack(order + 'i', parts[0][1])
        n_expected = 2 + n * (len(parts[1][1]) // length) if length > 0 else -1
        inner = parts[2:]
    elif array_class == _CELLS:
        n_expected, inner = n, parts
    elif array_class == _CHARACTERS or array_class in _NUMBERS:
        n_expected, inner = 1 + bool(flags & _COMPLEX), []
    else:
        raise _damaged(path, 'it holds an array of another kind than numbers, characters, cells and structures')
    if len(parts) != n_expected or any(kind != _ARRAY for kind, _ in inner):
        raise _damaged(path, 'an array has other parts than it must have')
    for _, part in inner:
        _check_array(path, part, order, depth + 1)
