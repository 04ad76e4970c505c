"""A folder in which torchvision keeps its data sets: `MNIST/raw`, `FashionMNIST/raw` and others, with IDX files."""

import os

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import RawData, ReadOptions
from mnist_graph.data.readers import idx_files
from mnist_graph.data.readers.format import Format

_NAMES = ('MNIST', 'FashionMNIST', 'KMNIST', 'EMNIST', 'QMNIST')


def _found(folder: str) -> list[str]:
    """The folders with data below this one, which may be torchvision's root or one of its data sets."""
    candidates = [os.path.join(folder, 'raw'), *(os.path.join(folder, name, 'raw') for name in _NAMES)]
    return [path for path in candidates if idx_files.paths(path)]


def _read(folder: str, options: ReadOptions) -> RawData:
    found = _found(folder)
    if len(found) > 1:
        raise DataError(f'{folder}: holds several data sets; choose one with --data_dir={found[0]} or another of them.')
    if not idx_files.FORMAT.looks_like(found[0]):
        raise DataError(f'{found[0]}: holds only some of the four IDX files; add the others.')
    raw = idx_files.FORMAT.read(found[0], options)
    return raw._replace(name=os.path.basename(os.path.dirname(os.path.abspath(found[0]))))


FORMAT = Format('MNIST/raw', lambda folder: bool(_found(folder)), _read)
