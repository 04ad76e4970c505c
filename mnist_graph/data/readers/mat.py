"""MATLAB's files: EMNIST's `emnist-letters.mat` and its like, `mnist_all.mat` (Roweis) and `mnist-original.mat` (mldata.org).

This needs the extra `mat` (SciPy).
"""

import os
import re
from typing import Any

import numpy as np

from mnist_graph.base import extras
from mnist_graph.base.errors import DataError, UsageError
from mnist_graph.data import mat_structure
from mnist_graph.data.raw_data import Part, RawData, ReadOptions, from_arrays
from mnist_graph.data.readers import named_arrays
from mnist_graph.data.readers.format import Files, Format, folder_name, list_files, one_line

# `mnist_all.mat` holds an array of pictures for each digit.
_DIGIT = re.compile(r'(?P<part>train|test)(?P<digit>\d)')


def _find(folder: str) -> list[Files]:
    return [(os.path.join(folder, name),) for name in list_files(folder) if name.lower().endswith('.mat')]


def _read(folder: str, files: Files, options: ReadOptions) -> RawData:
    (path,) = files
    content = _load(path)
    if isinstance(content.get('dataset'), dict):
        return _read_emnist(folder_name(folder), path, content['dataset'])
    if by_digit := {key: match for key in content if (match := _DIGIT.fullmatch(key))}:
        content = _joined(path, content, by_digit)
    arrays = {key: value for key, value in content.items() if isinstance(value, np.ndarray)}
    if 'label' in arrays and arrays.get('data', arrays['label']).ndim == 2:
        arrays['data'] = arrays['data'].T  # a picture in each column
    return named_arrays.to_raw_data(folder_name(folder), path, arrays)


def _read_emnist(name: str, path: str, dataset: dict[str, Any]) -> RawData:
    train, test = (_part(path, dataset, name) for name in ('train', 'test'))
    raw = from_arrays(name, path, train, test, _class_names(path, dataset.get('mapping')))
    # MATLAB counts pixels down the columns, so that rows and columns are exchanged.
    return raw._replace(train_images=raw.train_images.swapaxes(1, 2), test_images=raw.test_images.swapaxes(1, 2))


def _part(path: str, dataset: dict[str, Any], name: str) -> Part:
    holder = dataset.get(name)
    images, labels = (holder.get(key) for key in ('images', 'labels')) if isinstance(holder, dict) else (None, None)
    if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray)):
        raise DataError(f'{path}: has no pictures and labels in dataset.{name}.')
    where = f'{path}: dataset.{name}'
    return Part(images, labels, f'{where}.images', f'{where}.labels')


def _class_names(path: str, mapping: Any) -> tuple[str, ...]:
    """The characters that labels stand for: rows of a label and the codes of its characters."""
    if mapping is None:
        return ()
    try:
        rows = np.asarray(mapping).astype(np.int64)
        codes = dict(zip(rows[:, 0].tolist(), rows[:, 1].tolist()))
        names = tuple(chr(codes.get(label, ord('?'))) for label in range(min(max(codes) + 1, 256)))
    except (ValueError, TypeError, IndexError, OverflowError):
        raise DataError(f'{path}: its mapping must have rows of a label and character codes.') from None
    if not all(name.isprintable() for name in names):
        raise DataError(f'{path}: its mapping has codes of characters that cannot be printed.')
    return names


def _joined(path: str, content: dict[str, Any], by_digit: dict[str, re.Match]) -> dict[str, np.ndarray]:
    """Pictures and labels of arrays train0 to train9 and test0 to test9, [n, pixels] each."""
    arrays: dict[str, np.ndarray] = {}
    for part in ('train', 'test'):
        keys = sorted(key for key, match in by_digit.items() if match['part'] == part)
        pictures = [np.atleast_2d(content[key]) for key in keys]
        if not keys or len({each.shape[1:] for each in pictures}) > 1:
            raise DataError(f'{path}: has no arrays {part}0, {part}1 and so on with pictures of one size.')
        digits = [int(by_digit[key]['digit']) for key in keys]
        arrays[f'{part}_images'] = np.concatenate(pictures)
        arrays[f'{part}_labels'] = np.repeat(digits, [len(each) for each in pictures])
    order = np.random.default_rng(0).permutation(len(arrays['train_labels']))  # since the first ones are held out
    return arrays | {f'train_{kind}': arrays[f'train_{kind}'][order] for kind in ('images', 'labels')}


def _load(path: str) -> dict[str, Any]:
    """The variables of a file; structures are dictionaries.

    Raises:
      DataError: It is damaged, too large, or of MATLAB 7.3.
      UsageError: SciPy is not installed.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise UsageError(f'{path}: reading it needs SciPy; install it with {extras.install_command("mat")}.') from None
    try:
        mat_structure.check(path)
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}).') from None
    try:
        return loadmat(path, simplify_cells=True)
    except NotImplementedError:
        raise DataError(f'{path}: is of MATLAB 7.3, which is not read; save it with -v7.') from None
    except MemoryError:
        raise DataError(f'{path}: claims an array larger than the memory.') from None
    except Exception as error:  # damaged files make SciPy raise anything
        raise DataError(f'{path}: is damaged or no file of MATLAB ({one_line(error)}).') from None


FORMAT = Format('emnist-letters.mat', _find, _read, ('.mat',))
