"""Keras's `mnist.npz`, with arrays x_train, y_train, x_test and y_test."""

import math
import os
import warnings
import zipfile

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking
from mnist_graph.data.raw_data import Part, RawData, ReadOptions, from_arrays
from mnist_graph.data.readers.format import Format, folder_name

FILE_NAME = 'mnist.npz'
_KEYS = ('x_train', 'y_train', 'x_test', 'y_test')


def _looks_like(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, FILE_NAME))


def _read(folder: str, options: ReadOptions) -> RawData:
    path = os.path.join(folder, FILE_NAME)
    arrays = load_arrays(path)
    for key in _KEYS:
        if key not in arrays:
            raise DataError(f'{path}: has no array {key}; it must hold {", ".join(_KEYS)}.')
    train, test = (Part(arrays[x], arrays[y], f'{path}: {x}', f'{path}: {y}') for x, y in (_KEYS[:2], _KEYS[2:]))
    return from_arrays(folder_name(folder), path, train, test)


def load_arrays(path: str) -> dict[str, np.ndarray]:
    """All arrays of an npz archive. Pickled objects are refused, never loaded.

    Raises:
      DataError: The archive is damaged, too large, or holds other things than arrays.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # numpy's, about flaws that it reads over or that are refused below
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    _check_member(path, archive, member)
                total = sum(member.file_size for member in archive.infolist())
                unpacking.check_size(path, os.path.getsize(path), total)
            with np.load(path, allow_pickle=False) as archive:
                return {key: np.asarray(archive[key]) for key in archive.files}
    except DataError:
        raise
    except MemoryError:
        raise DataError(f'{path}: claims an array larger than the memory.') from None
    except Exception as error:  # zipfile and numpy raise a dozen types on damaged archives
        raise DataError(f'{path}: is damaged or no npz archive ({_one_line(error)}).') from None


def _check_member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses a member that would fill the memory, before any of it is unpacked.

    Raises:
      DataError: It packs too well to be data, or its header announces more than follows.
    """
    packed = min(member.compress_size, os.path.getsize(path))
    unpacking.check_size(f'{path}: {member.filename}', packed, member.file_size)
    if member.filename.endswith('.npy'):
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise DataError(f'{path}: {member.filename} announces an array of shape {shape}, but is too short for it.')


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__


FORMAT = Format(FILE_NAME, _looks_like, _read)
