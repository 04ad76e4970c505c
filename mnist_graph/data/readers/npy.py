"""Arrays in a file each: MNIST-C's `train_images.npy`, `train_labels.npy`, `test_images.npy` and `test_labels.npy`.

Other usual names do as well, such as `x_train.npy`, and so do folders: `train/images.npy`, `train/labels.npy`, and two
more in `test/`.
"""

import os

import numpy as np

from mnist_graph.base import memory
from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import named_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files, list_folders, one_line


def _find(folder: str) -> list[Files]:
    names = _arrays_in(folder)
    for part in list_folders(folder):
        if named_arrays.is_part(part):
            names += [os.path.join(part, name) for name in _arrays_in(os.path.join(folder, part))]
    return [paths for paths in named_arrays.group(folder, names) if _is_data_set(folder, paths)]


def _arrays_in(folder: str) -> list[str]:
    return [name for name in list_files(folder) if name.endswith('.npy')]


def _is_data_set(folder: str, paths: Files) -> bool:
    found = {named_arrays.plain_name(os.path.relpath(path, folder)) for path in paths}
    return {'train_images', 'train_labels'} <= found


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    arrays = {named_arrays.plain_name(os.path.relpath(path, folder)): load_array(path) for path in files}
    return named_arrays.to_raw_data(folder_name(folder), folder, arrays)


def load_array(path: str) -> np.ndarray:
    """The array in a .npy file, of any dtype and shape. Pickled objects are refused, never loaded.

    One that is large for this machine's memory (see `memory.is_large`) is mapped: read-only, and read when it is used.

    Raises:
      DataError: It cannot be read, or does not hold what its header announces.
    """
    try:
        with open(path, 'rb') as file:
            _check_header(path, file.read(12))
        # Mapped first, since that compares the file's size with what its header announces before memory is taken.
        mapped = np.load(path, mmap_mode='r', allow_pickle=False)
        return np.asarray(mapped) if memory.is_large(mapped.nbytes) else np.array(mapped)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f'{path}: claims an array larger than the memory.') from None
    except Exception as error:  # damaged headers raise a dozen types
        raise DataError(f'{path}: is damaged or no .npy file of numbers ({one_line(error)}).') from None


def _check_header(path: str, start: bytes) -> None:
    """Refuses a file that ends within its header, for which numpy would take whatever memory it claims to need.

    Args:
      path: The file.
      start: Its first 12 bytes: 6 of magic, 2 of the version, and the header's length in 2 or, from version 2 on, 4 bytes.
    """
    length = int.from_bytes(start[8:12] if start[6:7] > b'\1' else start[8:10], 'little')
    if length > os.path.getsize(path):
        raise DataError(f'{path}: is damaged or no .npy file of numbers (a header of {length:,} bytes).')


FORMAT = Format('train_images.npy and three more', _find, _read)
