"""Tables with a picture in each row: Kaggle's `train.csv` and `test.csv`, `mnist_train.csv` and others like it.

With a header, the column "label" holds the labels; without, the first. UCI's `optdigits.tra` and `optdigits.tes`, the
8x8 digits of scikit-learn, have them in the last, and `zip.train` and `zip.test` (USPS) are separated by spaces.
"""

import os
import re
import warnings
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import DataError
from mnist_graph.data.raw_data import Part, RawData, ReadOptions, from_arrays
from mnist_graph.data.readers import splitting
from mnist_graph.data.readers.format import Format, folder_name, list_files

_CSV = re.compile(r'(?P<prefix>.*[-_])?(?P<part>train|test)(ing)?\.csv', re.IGNORECASE)
_PLAIN = {'optdigits.tra': 'train', 'optdigits.tes': 'test', 'zip.train': 'train', 'zip.test': 'test'}
_LABEL_COLUMNS = ('label', 'labels', 'class', 'target', 'y')
_MAX_HEADER_BYTES = 1 << 20


class _Table(NamedTuple):
    """A table in memory: pixels float32 [n, columns], and labels float32 [n] or None."""

    pixels: np.ndarray
    labels: np.ndarray | None


def _looks_like(folder: str) -> bool:
    return 'train' in _tables(folder)


def _tables(folder: str) -> dict[str, str]:
    """{'train' or 'test': path} of the tables in a folder.

    Raises:
      DataError: There are several data sets.
    """
    found: dict[str, str] = {}
    for name in list_files(folder):
        match = _CSV.fullmatch(name)
        part = match['part'].lower() if match else _PLAIN.get(name)
        if part is None:
            continue
        if part in found:
            raise DataError(
                f'{folder}: holds {os.path.basename(found[part])} and {name}; give each data set a folder of its own.'
            )
        found[part] = os.path.join(folder, name)
    return found


def _read(folder: str, options: ReadOptions) -> RawData:
    paths = _tables(folder)
    train_path = paths['train']
    pixels, labels = _read_table(train_path)
    if labels is None:
        raise DataError(f'{train_path}: has no column "label".')
    train = Part(pixels, labels, train_path, train_path)
    notices: tuple[str, ...] = ()
    test = _test_part(paths['test'], pixels.shape[1]) if 'test' in paths else None
    if test is None:
        train, test, notice = splitting.split(train, train_path)
        notices = (notice,)
    raw = from_arrays(folder_name(folder), folder, train, test)
    if os.path.basename(train_path).startswith('emnist'):  # whose pictures are transposed, as in its IDX files
        raw = raw._replace(train_images=raw.train_images.swapaxes(1, 2), test_images=raw.test_images.swapaxes(1, 2))
    return raw._replace(notices=notices + raw.notices)


def _test_part(path: str, n_pixels: int) -> Part | None:
    """The test pictures, or None where they have no labels, as those of a competition."""
    pixels, labels = _read_table(path, n_pixels)
    return None if labels is None else Part(pixels, labels, path, path)


def _read_table(path: str, n_pixels: int | None = None) -> _Table:
    """Reads a table; one with exactly `n_pixels` columns has no labels."""
    delimiter = None if os.path.basename(path).startswith('zip.') else ','
    try:
        with open(path, 'rb') as file:
            first_line = file.readline(_MAX_HEADER_BYTES).decode('utf-8-sig', 'replace')
        header = [word.strip().strip('"').lower() for word in first_line.split(delimiter)]
        has_header = not all(map(_is_number, header))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # numpy's, about an empty table, which is refused below
            values = np.loadtxt(
                path, np.float32, delimiter=delimiter, skiprows=int(has_header), ndmin=2, encoding='utf-8-sig'
            )
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}).') from None
    except ValueError as error:
        raise DataError(f'{path}: is no table of numbers ({" ".join(str(error).split())[:200]}).') from None
    if values.size == 0:
        raise DataError(f'{path}: has no rows.')
    column = _label_column(path, header if has_header else [], values.shape[1], n_pixels)
    if column is None:
        return _Table(values, None)
    return _Table(np.delete(values, column, axis=1), values[:, column])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return not word
    return True


def _label_column(path: str, header: list[str], n_columns: int, n_pixels: int | None) -> int | None:
    if n_columns == n_pixels:
        return None
    for name in _LABEL_COLUMNS:
        if name in header:
            return header.index(name)
    if header:
        return None
    return n_columns - 1 if os.path.basename(path).startswith('optdigits') else 0


FORMAT = Format('train.csv and test.csv', _looks_like, _read)
