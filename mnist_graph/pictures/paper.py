"""Finding the colour of a picture's paper, even where light or shadow changes it."""

import functools

import numpy as np

# Least distance between ink and paper; black to white is 1.
FAINTEST_INK = 0.05

# Ridge regression for each sample: slopes, and bends more so, need evidence.
_RIDGE = np.diag(np.float32([0, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2]))


def find_paper(samples):
    """Finds the colour of the paper.

    Paper without shades is told by `_even_paper`. Other paper is a quadratic
    surface for each channel, fitted by iteratively reweighted least squares
    with Geman-McClure weights, whose scale shrinks to that of the residuals.

    Args:
      samples: float32 [rows, columns, c].

    Returns:
      (terms for `surface`, float32 [6, c]; whether the paper is even).
    """
    rows, columns, channels = samples.shape
    border = np.concatenate([samples[0], samples[-1], samples[:, 0], samples[:, -1]])
    terms = np.zeros((6, channels), np.float32)
    step = 2 if min(rows, columns) >= 40 else 1
    values = samples[::step, ::step].reshape(-1, channels)
    even = _even_paper(values, border)
    if even is not None and not _shaded(samples, even):
        terms[0] = even
        return terms, True
    basis = _basis(rows, columns, step)
    weighted, scale = basis, 0.3
    for last in (False, False, False, True):
        terms = np.linalg.solve(weighted @ basis.T + len(values) * _RIDGE, weighted @ values)
        if not last:
            square = squared_lengths(values - basis.T @ terms)
            scale = max(0.5 * scale, 3 * median(square) ** 0.5, 0.03)
            weighted = basis / np.square(1 + square * np.float32(scale**-2))
    return terms.astype(np.float32), False


def _even_paper(samples, border):
    """Returns the colour of paper without shades, float32 [c], or None.

    The border's median colour is that of the paper if much of the picture and
    most of the border have it. If the picture is of two colours throughout,
    thick ink may have most of the border: the commoner one is the paper.

    Args:
      samples, border: float32 [n, c].
    """
    first = np.sort(border, axis=0)[len(border) // 2]
    near = _near(samples, first, 0.04)
    share = _share(near)
    if share == 1 or (share > 0.4 and _share(_near(border, first, 0.04)) > 0.7):
        return first
    rest = samples[~near]
    distant = np.argsort(squared_lengths(rest - first))
    second = rest[distant[3 * len(rest) // 4]]
    tolerance = 0.15 * float(np.abs(second - first).max())
    one = _near(samples, first, tolerance)
    other = _near(samples, second, tolerance)
    # What is neither must lie between, as the soft edges of strokes do: a third
    # colour beyond the second is ink, and the second a shadow.
    axis = (second - first) / squared_lengths((second - first)[None])
    place = (samples - first) @ axis
    between = (place > -0.3) & (place < 1.3)
    if _share(one | other) < 0.45 or _share(between) < 0.98:
        return None
    favour = (
        _share(one) - _share(other) + _share(_near(border, first, tolerance)) - _share(_near(border, second, tolerance))
    )
    return first if favour >= 0 else second


def _shaded(samples, paper):
    """Whether a large area at the border, wider than a pen, is unlike paper.

    Args:
      samples: float32 [rows, columns, c].
      paper: float32 [c].
    """
    rows, columns, channels = samples.shape
    if min(rows, columns) < 40:
        return False  # thick ink may be as wide in a picture so small
    unlike = ~_near(samples.reshape(-1, channels), paper, 0.1)
    unlike = unlike.reshape(rows, columns)
    for side in (unlike, unlike[::-1], unlike.T, unlike.T[::-1]):
        deep, size = len(side) // 3, side.shape[1] // 3
        if np.count_nonzero(side[0]) < size:
            continue
        whole = np.concatenate([[0], np.cumsum(side[:deep].all(axis=0))])
        if (whole[size:] - whole[:-size] == size).any():
            return True
    return False


def _near(samples, colour, tolerance):
    """bool [n]: which samples [n, c] are near a colour [c]."""
    distance = np.abs(samples - colour)
    # One comparison for each channel: reducing over so short an axis is slow.
    return functools.reduce(np.logical_and, (distance < tolerance).T)


def _share(mask):
    """The part of a bool array that is True; `mask.mean()` takes ten times as long."""
    return np.count_nonzero(mask) / mask.size


def squared_lengths(vectors):
    """float32 [n]: the squared lengths of float32 [n, c]."""
    return sum(part * part for part in vectors.T)


def surface(terms, height, width):
    """Evaluates 1, y, x, y^2, x^2, yx over [-1, 1]^2.

    Args:
      terms: float32 [6, c], or [1, c] for a constant.

    Returns:
      float32 [height, width, c], or [1, 1, c] for a constant.
    """
    if len(terms) == 1:
        return terms[None]
    one, y, x, y_y, x_x, y_x = terms
    zero = np.zeros_like(one)
    by_powers = np.stack([one, x, x_x, y, y_x, zero, y_y, zero, zero]).reshape(3, 3, -1)
    surfaces = _powers(height).T @ by_powers.transpose(2, 0, 1) @ _powers(width)
    return surfaces.transpose(1, 2, 0)


@functools.lru_cache(maxsize=64)
def _powers(count):
    """float32 [3, count]: 1, t and t^2 of t from -1 to 1."""
    return np.linspace(-1, 1, count, dtype=np.float32) ** np.arange(3, dtype=np.float32)[:, None]


@functools.lru_cache(maxsize=16)
def _basis(rows, columns, step):
    """float32 [6, samples]: the terms of `surface` at every step-th sample."""
    y, x = _powers(rows)[1, ::step, None], _powers(columns)[1, None, ::step]
    one = np.ones_like(y * x)
    return np.stack([one, y * one, x * one, y * y * one, x * x * one, y * x]).reshape(6, -1)


def border_inked(difference, noise):
    """Whether so much of the border is unlike paper that the paper is wrong.

    Args:
      difference: float32 [h, w], shade less paper.
      noise: standard deviation of the noise in it.
    """
    full = typical_top(np.abs(difference[::2, ::2]).ravel())
    unlike = max(FAINTEST_INK, 3 * noise, 0.25 * full)
    border = np.concatenate([difference[0], difference[-1], difference[:, 0], difference[:, -1]])
    return _share(np.abs(border) > unlike) > 0.1


def local_paper(shade):
    """The shade of paper with shadows or a background of its own.

    That is a morphological opening (dark ink: closing) of the picture, which
    takes away whatever is narrower than a quarter of it and leaves the edges of
    what is wider in place. Ink is what lies on the heavier side of the local
    mean.

    Args:
      shade: float32 [h, w].

    Returns:
      float32 [h, w].
    """
    gather_y, spread_y = grid(*[shade.shape[0]] * 2)
    gather_x, spread_x = grid(*[shade.shape[1]] * 2)
    mean = spread_y @ (gather_y @ shade @ gather_x.T) @ spread_x.T
    dark = float(((shade - mean) ** 3).sum()) < 0
    size = max(3, min(shade.shape) // 4)
    order = (np.maximum, np.minimum) if dark else (np.minimum, np.maximum)
    for combine in order:
        shade = _running(_running(shade, size, combine).T, size, combine).T
    return np.ascontiguousarray(shade)


def _running(values, size, combine):
    """The extreme of float32 [h, w] over `size` rows around each row.

    The window doubles in each step, so the steps are few.
    """
    before = (size - 1) // 2
    result = np.pad(values, ((before, size - 1 - before), (0, 0)), mode='edge')
    window = 1
    while window < size:
        step = min(window, size - window)
        result = combine(result[step:], result[:-step])
        window += step
    return result


@functools.lru_cache(maxsize=32)
def grid(fine, full):
    """Matrices to and from the coarse grid of `_level`, along one axis.

    Returns:
      float32 [cells, fine], which averages over each cell and its neighbours,
      and float32 [full, cells], which interpolates between the cells' centres.
    """
    cells = min(12, fine)
    centre = (np.arange(cells) + 0.5) / cells
    place = (np.arange(fine) + 0.5) / fine
    gather = np.abs(centre[:, None] - place) * cells <= 1.5
    place = (np.arange(full) + 0.5) / full
    spread = np.maximum(0, 1 - cells * np.abs(place.clip(centre[0], centre[-1])[:, None] - centre))
    gather = gather / gather.sum(axis=1, keepdims=True)
    return gather.astype(np.float32), spread.astype(np.float32)


def typical_top(values):
    """The value that 0.1% of a vector, and at least nine values, exceed."""
    count = min(values.size, max(9, values.size // 1000))
    # Most values are next to zero, and many of them equal, which is slow to partition.
    large = values[values > 0.5 * float(values.max())]
    if large.size >= count:
        values = large
    return float(np.partition(values, -count)[-count])


def median(values):
    """The upper median of a vector, much faster than `np.median`."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])
