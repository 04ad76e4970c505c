"""Files with a picture in each row: pixels as numbers, and perhaps its label in one column.

They may be gzipped. With a header, the column "label" holds the labels; without, the first. UCI's `optdigits.tra` and
`optdigits.tes`, the 8x8 digits of scikit-learn, have them in the last, and `zip.train` and `zip.test` (USPS) are
separated by spaces.
"""

import gzip
import os
import warnings
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import DataError
from mnist_graph.data import pixel_range, unpacking

_LABEL_COLUMNS = ('label', 'labels', 'class', 'target', 'y')
# What tables also have between their columns, where no commas are.
_OTHER_DELIMITERS = {';': 'semicolons', '\t': 'tabs', '|': 'bars'}
# Characters. A colour picture of 256x256 pixels takes 786,000.
_LONGEST_LINE = 1 << 22


class Rows(NamedTuple):
    """Some rows of a table.

    Attributes:
      pixels: float32 [n, columns].
      labels: float32 [n], or None if the table has none.
    """

    pixels: np.ndarray
    labels: np.ndarray | None


def read(path: str, n_pixels: int | None = None) -> Rows:
    """All rows of a table.

    Args:
      path: The file.
      n_pixels: A table of exactly so many columns has no labels.

    Raises:
      DataError: It cannot be read, is no table of numbers, or has no rows.
    """
    (rows,) = stream(path, n_pixels, None)
    return rows


def stream(path: str, n_pixels: int | None = None, n_rows: int | None = 1000) -> Iterator[Rows]:
    """The rows of a table in order, up to `n_rows` at a time (None: all at once), so that memory does not grow.

    Args, Raises: See `read`.
    """
    delimiter = None if os.path.basename(path).startswith('zip.') else ','
    lines = _lines(path)
    first = next(lines, '')
    if delimiter and delimiter not in first:
        for other, name in _OTHER_DELIMITERS.items():
            if other in first.strip():
                raise DataError(f'{path}: has {name} between its columns; put commas there.')
    header = [word.strip().strip('"').lower() for word in first.split(delimiter)]
    has_header = not all(map(_is_number, header))
    rest = lines if has_header else _with_first(first, lines)
    n_before = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # numpy's, about no rows, which ends the loop
                values = np.loadtxt(rest, np.float32, delimiter=delimiter, ndmin=2, max_rows=n_rows)
        except ValueError as error:
            where = f' behind row {n_before}' if n_before else ''
            reason = ' '.join(str(error).partition(';')[0].split())[:200]  # behind it numpy advises on its arguments
            raise DataError(f'{path}: is no table of numbers{where} ({reason.rstrip(".")}).') from None
        if values.size == 0:
            break
        column = _label_column(path, header if has_header else [], values.shape[1], n_pixels)
        n_before += len(values)
        yield (
            Rows(values, None) if column is None else Rows(np.delete(values, column, axis=1), values[:, column].copy())
        )
        if n_rows is None:
            break
    if not n_before:
        raise DataError(f'{path}: has no rows.')


def stream_pictures(path: str, height: int, width: int, channels: int) -> Iterator[np.ndarray]:
    """The pictures of a table in order, some at a time; labels are left out.

    What black and white are is decided by the first of these pieces.

    Yields:
      float32 [n, height, width, channels] in [0, 1].

    Raises:
      DataError: As `read`, or the pictures have another size, or pixels are out of the first piece's range.
    """
    n_pixels = height * width * channels
    low = top = 0.0
    n_before = 0
    for rows in stream(path, n_pixels):
        if rows.pixels.shape[1] != n_pixels:
            raise DataError(
                f'{path}: has {rows.pixels.shape[1]} pixels in a row, but the model reads {n_pixels} '
                f'({height}x{width}x{channels}).'
            )
        least, largest = float(rows.pixels.min()), float(rows.pixels.max())
        if not n_before:
            low, top = pixel_range.limits(least, largest, True, path)
        if not (low <= least and largest <= top):
            raise DataError(
                f'{path}: has pixels from {least:g} to {largest:g} behind row {n_before}, but from {low:g} to {top:g} '
                f'before.'
            )
        n_before += len(rows.pixels)
        scaled = (rows.pixels - np.float32(low)) / np.float32(top - low)
        yield scaled.reshape(-1, height, width, channels)


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _lines(path: str) -> Iterator[str]:
    """The lines of a text file, which may be gzipped.

    Raises:
      DataError: It cannot be read, is damaged, would fill the memory, or has a line without an end.
    """
    if files.is_special(path):
        raise DataError(f'{path}: is a named pipe, a socket or a device; save the table as a file and name that.')
    try:
        packed = os.path.getsize(path)
        with open(path, 'rb') as file:
            gzipped = unpacking.is_gzipped(file.read(2))
            if gzipped:
                file.seek(max(packed - 4, 0))
                unpacking.check_size(path, packed, int.from_bytes(file.read(4), 'little'))
        n_read = 0
        opened = (
            gzip.open(path, 'rt', encoding='utf-8-sig', errors='replace')
            if gzipped
            else open(path, encoding='utf-8-sig', errors='replace')
        )
        with opened as text:
            while line := text.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise DataError(
                        f'{path}: is no table of numbers (a line has {_LONGEST_LINE:,} characters or more).'
                    )
                n_read += len(line)
                if gzipped:  # of several gzip members, only the last one's size was known
                    unpacking.check_size(path, packed, n_read)
                yield line
    except EOFError:
        raise DataError(f'{path}: is truncated: the gzip stream ends early; delete it and fetch it again.') from None
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror or error}).') from None
    except zlib.error as error:
        raise DataError(f'{path}: is damaged ({error}); delete it and fetch it again.') from None


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
