"""Smooth surfaces, coarse grids, noise and robust statistics: the arithmetic behind finding paper and ink."""

import functools

import numpy as np

# A quadratic surface has the terms 1, y, x, y^2, x^2 and yx.
N_TERMS = 6

# Cells of a coarse grid along an axis, at most. With fewer, a soft shadow is averaged away; with many more, a cell
# fits under one stroke and takes the ink for a shadow.
_GRID_CELLS = 12
# In cells: how far from its centre a cell averages. 0.5 is the cell alone, which leaves steps between cells.
_GRID_REACH = 1.5

# Pixels: a picture with a shorter side is not smoothed, as its strokes are a pixel or two wide and would fade.
_SMOOTHED_SIDE = 56
# About so many rows are looked at to measure noise; more tell nothing new and take time.
_NOISE_ROWS = 24
# Standard deviation of noise, as a fraction of the contrast, that does no harm. With less tolerance, clean photos are
# blurred; with more, specks of noise reach the threshold of ink.
_HARMLESS_NOISE = 0.03
# The median absolute value of a normal variable, in standard deviations.
_NORMAL_MEDIAN = 0.6745
# What the weights (1 2 1) / 4 in both directions leave of the noise's deviation: 0.375 (6/16) of what is independent
# from pixel to pixel, and 0.73 of what has been smoothed once before.
_NOISE_LEFT = (0.375, 0.73)

# The typical top of a vector is exceeded by one value in so many, and by so many values at least: fewer could all be
# noise, and more would reach down from a small digit's ink to its soft edges.
_TOP_ONE_IN, _TOP_AT_LEAST = 1000, 9


def fraction(mask: np.ndarray) -> float:
    """The fraction of a bool array that is True; `mask.mean()` takes ten times as long."""
    return np.count_nonzero(mask) / mask.size


def squared_lengths(vectors: np.ndarray) -> np.ndarray:
    """float32 [n]: the squared lengths of float32 [n, c]."""
    first, *others = (part * part for part in vectors.T)
    return sum(others, first)


def typical_top(values: np.ndarray) -> float:
    """The value that 0.1% of a vector, and at least nine values, reach."""
    count = min(values.size, max(_TOP_AT_LEAST, values.size // _TOP_ONE_IN))
    # Most values are near zero and many are equal, which is slow to partition: leave the lower half of the range out.
    large = values[values > 0.5 * float(values.max())]
    if large.size >= count:
        values = large
    return float(np.partition(values, -count)[-count])


def median(values: np.ndarray) -> float:
    """The upper median of a vector, much faster than `np.median`."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def surface(terms: np.ndarray, height: int, width: int) -> np.ndarray:
    """Evaluates 1, y, x, y^2, x^2, yx over [-1, 1]^2.

    Args:
      terms: float32 [6, c], or [1, c] for a constant.

    Returns:
      float32 [height, width, c], or [1, 1, c] for a constant.
    """
    if len(terms) == 1:
        return terms[None]
    constant, y, x, y_y, x_x, y_x = terms
    zero = np.zeros_like(constant)
    by_powers = np.stack([constant, x, x_x, y, y_x, zero, y_y, zero, zero]).reshape(3, 3, -1)
    surfaces = _powers(height).T @ by_powers.transpose(2, 0, 1) @ _powers(width)
    return surfaces.transpose(1, 2, 0)


@functools.lru_cache(maxsize=64)
def _powers(count: int) -> np.ndarray:
    """float32 [3, count]: 1, t and t^2 of t from -1 to 1."""
    return np.linspace(-1, 1, count, dtype=np.float32) ** np.arange(3, dtype=np.float32)[:, None]


@functools.lru_cache(maxsize=16)
def surface_basis(rows: int, columns: int, step: int) -> np.ndarray:
    """float32 [6, samples]: the terms of `surface` at every step-th sample of a grid."""
    y, x = _powers(rows)[1, ::step, None], _powers(columns)[1, None, ::step]
    ones = np.ones_like(y * x)
    return np.stack([ones, y * ones, x * ones, y * y * ones, x * x * ones, y * x]).reshape(N_TERMS, -1)


@functools.lru_cache(maxsize=32)
def coarse_grid(fine: int, full: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrices to and from a coarse grid, along one axis.

    Args:
      fine: Length of the axis that is averaged.
      full: Length of the axis to interpolate to.

    Returns:
      float32 [cells, fine], which averages over each cell and its neighbours,
      and float32 [full, cells], which interpolates between the cells' centres.
    """
    cells = min(_GRID_CELLS, fine)
    centre = (np.arange(cells) + 0.5) / cells
    position = (np.arange(fine) + 0.5) / fine
    gather = (np.abs(centre[:, None] - position) * cells <= _GRID_REACH).astype(float)
    position = (np.arange(full) + 0.5) / full
    spread = np.maximum(0, 1 - cells * np.abs(position.clip(centre[0], centre[-1])[:, None] - centre))
    gather = gather / gather.sum(axis=1, keepdims=True)
    return gather.astype(np.float32), spread.astype(np.float32)


def denoise(shade: np.ndarray) -> tuple[np.ndarray, float]:
    """Averages 3x3 neighbourhoods, twice at most, where there is much noise.

    Neighbours on bare paper differ by noise alone: by sqrt(2) of its standard deviation.

    Args:
      shade: float32 [height, width].

    Returns:
      float32 [height, width], and the standard deviation of the noise left in it.
    """
    if min(shade.shape) < _SMOOTHED_SIDE:
        return shade, 0.0
    rows = shade[:: max(1, shade.shape[0] // _NOISE_ROWS)]
    noise = median(np.abs(rows[:, 1:] - rows[:, :-1]).ravel()) / _NORMAL_MEDIAN / 2**0.5
    contrast = float(shade.max() - shade.min())
    for left in _NOISE_LEFT:
        if noise < _HARMLESS_NOISE * contrast:
            break
        padded = np.pad(shade, 1, mode='edge')
        rows = padded[:-2] + padded[2:]
        rows += 2 * padded[1:-1]
        shade = rows[:, :-2] + rows[:, 2:]
        shade += 2 * rows[:, 1:-1]
        shade /= 16
        noise *= left
    return shade, noise
