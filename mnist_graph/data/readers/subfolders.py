"""A folder in which torchvision keeps its data sets: `MNIST/raw`, `FashionMNIST/raw` and others, with IDX files."""

import os

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import idx_files
from mnist_graph.data.readers.format import Files, Format, folder_name

_NAMES = ('MNIST', 'FashionMNIST', 'KMNIST', 'EMNIST', 'QMNIST')


def _find(folder: str) -> list[Files]:
    """The folders with IDX files below this one, which may be torchvision's root or one of its data sets."""
    candidates = [os.path.join(folder, 'raw'), *(os.path.join(folder, name, 'raw') for name in _NAMES)]
    return [(path,) for path in candidates if idx_files.paths(path)]


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    (raw_folder,) = files
    found = idx_files.FORMAT.find(raw_folder)
    if len(found) != 1:
        raise DataError(
            f'{raw_folder}: holds several data sets; choose one by a file, as in --data_dir={found[0][0]}.'
            if found
            else f'{raw_folder}: holds only some of the four IDX files; add the others.'
        )
    raw = idx_files.FORMAT.read(raw_folder, found[0], options)
    return raw._replace(name=folder_name(os.path.dirname(os.path.abspath(raw_folder))))


FORMAT = Format('MNIST/raw', _find, _read)
