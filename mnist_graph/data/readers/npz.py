"""numpy's archives: Keras's `mnist.npz`, others with arrays of the usual names, and KMNIST's four with one array each."""

import math
import os
import warnings
import zipfile

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data import unpacking
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import named_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files, one_line

FILE_NAME = 'mnist.npz'


def _find(folder: str) -> list[Files]:
    """Keras's archive alone where it is, as its cache holds archives of other things; else all archives."""
    names = [name for name in list_files(folder) if name.lower().endswith('.npz')]
    return [(os.path.join(folder, FILE_NAME),)] if FILE_NAME in names else named_arrays.group(folder, names)


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    if len(files) == 1:
        return named_arrays.to_raw_data(folder_name(folder), files[0], load_arrays(files[0]))
    arrays = {}
    for path in files:
        content = load_arrays(path)
        if len(content) != 1:
            raise DataError(f'{path}: holds {len(content)} arrays, but must hold one.')
        arrays[named_arrays.plain_name(os.path.basename(path))] = next(iter(content.values()))
    return named_arrays.to_raw_data(folder_name(folder), folder, arrays)


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
                unpacking.check_size(path, os.path.getsize(path), total, deflated=False)
            with np.load(path, allow_pickle=False) as archive:
                return {key: np.asarray(archive[key]) for key in archive.files}
    except DataError:
        raise
    except MemoryError:
        raise DataError(f'{path}: claims an array larger than the memory.') from None
    except Exception as error:  # zipfile and numpy raise a dozen types on damaged archives
        raise DataError(f'{path}: is damaged or no npz archive ({one_line(error)}).') from None


def _check_member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuses a member that would fill the memory, before any of it is unpacked.

    Raises:
      DataError: It unpacks to too much, or its header announces more than follows.
    """
    packed = min(member.compress_size, os.path.getsize(path))
    deflated = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    unpacking.check_size(f'{path}: {member.filename}', packed, member.file_size, deflated)
    if member.filename.endswith('.npy'):
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
        if math.prod(shape) * dtype.itemsize > member.file_size:
            raise DataError(f'{path}: {member.filename} announces an array of shape {shape}, but is too short for it.')


FORMAT = Format(FILE_NAME, _find, _read, ('.npz',))
