"""Finding the colour of a picture's paper, even where light or shadow changes it.

Colours and shades are in [0, 1]; a distance between two is the largest difference in a channel, 1 from black to white.
"""

import functools

import numpy as np

from mnist_graph.pictures.smoothing import (
    N_TERMS,
    coarse_grid,
    fraction,
    median,
    squared_lengths,
    surface_basis,
    typical_top,
)

# Rows and columns of samples, at most. With fewer, thin ink falls between them; more take time.
SAMPLE_GRID = 40

# Least distance between ink and paper. Below it lie paper's grain and JPEG's artefacts; a faint pencil is above it.
FAINTEST_INK = 0.05

# Even paper.
# Distance within which colours are the same. Noise exceeds a smaller one, and a faint shadow is within a larger one.
_SAME_COLOUR = 0.04
# Fractions of the picture and of its border that have the paper's colour. With less, a desk beside the sheet would
# pass for paper; with more, a thick pen on even paper would ask for a slow fit of its shades.
_EVEN_AREA, _EVEN_BORDER = 0.4, 0.7

# A picture of two colours.
# Tolerance for each colour, in distances between the two. With more, soft edges count as one of them.
_TOLERANCE_OF_TWO = 0.15
# Least fraction of the picture that is near one of the two colours; the rest are soft edges, many around thin strokes.
_EITHER_OF_TWO = 0.45
# How far beyond the two colours, in distances between them, a mixture may lie (noise, sharpening), and the fraction of
# the picture that must be such a mixture. Less than all allows for specks; a third colour is more than that.
_BEYOND_MIXTURE, _MIXED_OF_TWO = 0.3, 0.98

# Shadows that end in an edge.
# Distance from the paper's colour that is more than a drift of light.
_UNLIKE_PAPER = 0.1
# One part in so many of the width and of the height must be shadow, in one piece at the border: ink is narrower.
_SHADOW_ONE_IN = 3

# The fit of uneven paper. Ridge regression for each sample: slopes, and bends more so, need evidence.
_RIDGE = np.diag(np.array([0, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2], np.float32))
# Residual from which a sample counts little. It begins so large that a bad start recovers, is halved in each round, and
# stays above three medians of the residuals and above _LEAST_SCALE, where it would turn away paper's own grain.
_FIRST_SCALE, _SCALE_STEP, _SCALE_IN_MEDIANS, _LEAST_SCALE = 0.3, 0.5, 3, 0.03
# Rounds of reweighting; each takes as long as the first fit.
_ROUNDS = 3

# Ink on the border. A pixel there is unlike paper by more than so many deviations of the noise, and by more than this
# fraction of the full ink's difference, which soft shadows do not reach.
_NOISE_DEVIATIONS, _BORDER_INK = 3, 0.25
# Fraction of the border that ink may have: a stroke or two that leave the picture. More shows that the paper is wrong.
_INKED_BORDER = 0.1

# The local paper is what is wider than one part in so many of the picture: a pen is narrower, a shadow is wider.
_OPENING_ONE_IN = 4


def find_paper(samples: np.ndarray) -> tuple[np.ndarray, bool]:
    """Finds the colour of the paper.

    `_even_paper` recognises paper without shades. Other paper is a quadratic
    surface for each channel, fitted by iteratively reweighted least squares
    with Geman-McClure weights, whose scale shrinks to that of the residuals.

    Args:
      samples: float32 [rows, columns, c].

    Returns:
      Terms for `smoothing.surface`, float32 [6, c], and whether the paper is even.
    """
    rows, columns, channels = samples.shape
    border = np.concatenate([samples[0], samples[-1], samples[:, 0], samples[:, -1]])
    terms = np.zeros((N_TERMS, channels), np.float32)
    step = 2 if min(rows, columns) >= SAMPLE_GRID else 1
    values = samples[::step, ::step].reshape(-1, channels)
    even = _even_paper(values, border)
    if even is not None and not _is_shaded(samples, even):
        terms[0] = even
        return terms, True
    basis = surface_basis(rows, columns, step)
    weighted, scale = basis, _FIRST_SCALE
    for done in range(_ROUNDS + 1):
        terms = np.linalg.solve(weighted @ basis.T + len(values) * _RIDGE, weighted @ values)
        if done < _ROUNDS:
            square = squared_lengths(values - basis.T @ terms)
            scale = max(_SCALE_STEP * scale, _SCALE_IN_MEDIANS * median(square) ** 0.5, _LEAST_SCALE)
            weighted = basis / np.square(1 + square * np.float32(scale**-2))
    return terms.astype(np.float32), False


def _even_paper(samples: np.ndarray, border: np.ndarray) -> np.ndarray | None:
    """The colour of paper without shades, float32 [c], or None.

    The border's median colour is that of the paper if much of the picture and
    most of the border have it. If the picture is of two colours throughout,
    thick ink may have most of the border: the commoner one is the paper.

    Args:
      samples, border: float32 [n, c].
    """
    first = np.sort(border, axis=0)[len(border) // 2]
    near = _near(samples, first, _SAME_COLOUR)
    area = fraction(near)
    if area == 1 or (area > _EVEN_AREA and fraction(_near(border, first, _SAME_COLOUR)) > _EVEN_BORDER):
        return first
    rest = samples[~near]
    by_distance = np.argsort(squared_lengths(rest - first))
    second = rest[by_distance[3 * len(rest) // 4]]  # beyond most soft edges, and not the farthest speck
    tolerance = _TOLERANCE_OF_TWO * float(np.abs(second - first).max())
    near_first = _near(samples, first, tolerance)
    near_second = _near(samples, second, tolerance)
    # What is neither must lie between, as the soft edges of strokes do: a third
    # colour beyond the second is ink, and the second a shadow.
    axis = (second - first) / squared_lengths((second - first)[None])
    position = (samples - first) @ axis
    between = (position > -_BEYOND_MIXTURE) & (position < 1 + _BEYOND_MIXTURE)
    if fraction(near_first | near_second) < _EITHER_OF_TWO or fraction(between) < _MIXED_OF_TWO:
        return None
    favour = (
        fraction(near_first)
        - fraction(near_second)
        + fraction(_near(border, first, tolerance))
        - fraction(_near(border, second, tolerance))
    )
    return first if favour >= 0 else second


def _is_shaded(samples: np.ndarray, paper: np.ndarray) -> bool:
    """Whether a large area at the border, wider than a pen, is unlike paper.

    Args:
      samples: float32 [rows, columns, c].
      paper: float32 [c].
    """
    rows, columns, channels = samples.shape
    if min(rows, columns) < SAMPLE_GRID:
        return False  # thick ink may be as wide in a picture so small
    unlike = ~_near(samples.reshape(-1, channels), paper, _UNLIKE_PAPER)
    unlike = unlike.reshape(rows, columns)
    for side in (unlike, unlike[::-1], unlike.T, unlike.T[::-1]):
        depth, length = len(side) // _SHADOW_ONE_IN, side.shape[1] // _SHADOW_ONE_IN
        if np.count_nonzero(side[0]) < length:
            continue
        n_before = np.concatenate([[0], np.cumsum(side[:depth].all(axis=0))])
        if (n_before[length:] - n_before[:-length] == length).any():
            return True
    return False


def _near(samples: np.ndarray, colour: np.ndarray, tolerance: float) -> np.ndarray:
    """bool [n]: which samples [n, c] are near a colour [c]."""
    distance = np.abs(samples - colour)
    # One comparison for each channel: reducing over so short an axis is slow.
    return functools.reduce(np.logical_and, (distance < tolerance).T)


def is_border_inked(difference: np.ndarray, noise: float) -> bool:
    """Whether so much of the border is unlike paper that the paper is wrong.

    Args:
      difference: float32 [h, w], shade less paper.
      noise: standard deviation of the noise in it.
    """
    full = typical_top(np.abs(difference[::2, ::2]).ravel())
    unlike = max(FAINTEST_INK, _NOISE_DEVIATIONS * noise, _BORDER_INK * full)
    border = np.concatenate([difference[0], difference[-1], difference[:, 0], difference[:, -1]])
    return fraction(np.abs(border) > unlike) > _INKED_BORDER


def local_paper(shade: np.ndarray) -> np.ndarray:
    """The shade of paper that has shadows or a background of its own.

    That is a morphological opening (for dark ink, a closing) of the picture. It
    removes whatever is narrower than a quarter of the picture and leaves the
    edges of what is wider in place. Ink lies on the heavier side of the local mean.

    Args:
      shade: float32 [h, w].

    Returns:
      float32 [h, w].
    """
    gather_y, spread_y = coarse_grid(shade.shape[0], shade.shape[0])
    gather_x, spread_x = coarse_grid(shade.shape[1], shade.shape[1])
    mean = spread_y @ (gather_y @ shade @ gather_x.T) @ spread_x.T
    is_dark = float(((shade - mean) ** 3).sum()) < 0
    size = max(3, min(shade.shape) // _OPENING_ONE_IN)
    for combine in (np.maximum, np.minimum) if is_dark else (np.minimum, np.maximum):
        shade = _running_extreme(_running_extreme(shade, size, combine).T, size, combine).T
    return np.ascontiguousarray(shade)


def _running_extreme(values: np.ndarray, size: int, combine: np.ufunc) -> np.ndarray:
    """The maximum or minimum of float32 [h, w] over `size` rows around each row.

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
