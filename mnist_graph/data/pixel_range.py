"""Bringing pixels of any range to bytes from 0 to 255, so that training sees the contrast it is tuned for."""

import numpy as np

from mnist_graph.base.errors import DataError

# A data set whose brightest pixel is below this has another range than 0 to
# 255, such as 0 and 1 (binarised), 0 to 16 (8x8 digits) or 0 to 63.
_DARKEST_WHITE = 128
_LARGEST_16_BIT = 65_535
# White in `mnist.pkl.gz` of deeplearning.net, whose pixels are bytes divided by 256.
_PICKLED_WHITE = 255 / 256


def to_bytes(train: np.ndarray, test: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Pictures with pixels from 0 to 255, and a notice if they had another range.

    Args:
      train, test: Pictures of any real numbers; both are scaled alike.
      where: For messages.

    Returns:
      train, test: uint8 of the same shapes; the arrays themselves if they have the usual range.
      notice: One line, or ''.

    Raises:
      DataError: There are values that are no pixels: infinite, negative or too large.
    """
    low, high = float(np.min([train.min(), test.min()])), float(np.max([train.max(), test.max()]))  # NaN if one is
    low, top = limits(low, high, train.dtype.kind == 'f' or test.dtype.kind == 'f', where)
    if (low, top) == (0, 255):
        return _rounded(train), _rounded(test), ''
    notice = f'{where}: its pixels go from {low:g} to {top:g}; they were scaled to 0 to 255.'
    return _scaled(train, low, top), _scaled(test, low, top), notice


def limits(low: float, high: float, is_float: bool, where: str) -> tuple[float, float]:
    """The values of black and of white for pixels between `low` and `high`.

    Args:
      low, high: The least and the largest pixel.
      is_float: Whether pixels may be fractions.
      where: For messages.

    Raises:
      DataError: There are values that are no pixels: infinite, negative or too large.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f'{where}: holds pixels that are no finite numbers.')
    if is_float and -1 <= low < 0 and 0 < high <= 1:
        return -1.0, 1.0
    if low < 0 or high > _LARGEST_16_BIT:
        raise DataError(f'{where}: pixels from {low:g} to {high:g}; they must be in 0 to 255, 0 to 1 or -1 to 1.')
    return 0.0, _top(high, is_float)


def _top(high: float, is_float: bool) -> float:
    """The value that is white, for a largest value `high` of at least 0."""
    if high > 255:
        return _LARGEST_16_BIT
    if high >= _DARKEST_WHITE or high == 0:
        return 255
    if is_float and high == _PICKLED_WHITE:
        return _PICKLED_WHITE
    return 1.0 if is_float and high <= 1 else high


def _rounded(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else _scaled(images, 0, 255)


def _scaled(images: np.ndarray, low: float, top: float) -> np.ndarray:
    if images.dtype == np.uint8:  # a table of 256 values is faster and takes less memory
        table = np.round((np.arange(256) - low) * (255 / (top - low)))
        return np.minimum(table, 255).astype(np.uint8)[images]
    scaled = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), 1000):  # so that floats of the whole are never in memory
        few = images[start : start + 1000].astype(np.float64)
        scaled[start : start + 1000] = np.round((few - low) * (255 / (top - low)))
    return scaled
