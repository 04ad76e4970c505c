"""Telling ink from paper: a picture to the share of ink in each pixel.

A pixel is taken for a mixture (1 - a) paper + a ink, as in image matting. The
paper's colour may drift over the picture (uneven light, gradients), so it is a
smooth surface, fitted robustly so that ink does not pull it; the ink's colour
is that of the pixels farthest from the paper. Nothing assumes which is darker,
nor that the two differ in brightness rather than in colour.

Colours are looked at on a grid of samples only, which yields the one axis in
colour space along which ink and paper differ; all pixels are then measured
along this axis.
"""

import functools

import numpy as np

from mnist_graph.errors import ImageError

# Least distance between ink and paper; black to white is 1.
FAINTEST_INK = 0.05
# Share of ink from which a pixel counts as ink; 0.5 would be the edge of a
# sharp stroke, less keeps strokes that fade or are thinner than a pixel.
INK_THRESHOLD = 0.4
# Rows and columns of samples, at most.
SAMPLE_GRID = 40

# ITU-R BT.601 luma, and blue and red less luma, scaled to [-0.5, 0.5] and then
# by a weight of 0.5. A pen is chosen to be lighter or darker than the paper, so
# lightness counts in full, and colour less: enough for ink as light as its
# paper, too little for a coloured background to pass for ink.
LUMA_AND_CHROMA = np.float32([
    [0.299, -0.1687 * 0.5, 0.5 * 0.5],
    [0.587, -0.3313 * 0.5, -0.4187 * 0.5],
    [0.114, 0.5 * 0.5, -0.0813 * 0.5]])


def extract_ink(picture):
    """Returns the share of ink in each pixel of a picture.

    Args:
      picture: float32 [height, width, 1 or 3] in [0, 1].

    Returns:
      float32 [height, width] in [0, 1], 0 on paper, 1 on full ink.

    Raises:
      ImageError: the page is blank.
    """
    whole, picture = picture, picture[_inside_frame(picture)]
    y, x = (np.linspace(0, side - 1, min(side, SAMPLE_GRID)).round().astype(int)
            for side in picture.shape[:2])
    samples = picture[y[:, None], x]
    colour = picture.shape[2] == 3
    if colour:
        samples = samples @ LUMA_AND_CHROMA
    terms, even = _find_paper(samples)
    if colour:
        axis = _ink_axis(samples - _surface(terms, *samples.shape[:2]))
        shade = picture @ (LUMA_AND_CHROMA @ axis)
        terms = terms @ axis[:, None]
    else:
        shade = picture[:, :, 0]
    shade, noise = _denoise(shade)
    paper = _surface(terms[:1] if even else terms, *shade.shape)[:, :, 0]
    if not even and _border_inked(shade - paper, noise):
        if colour:
            shade = picture @ LUMA_AND_CHROMA[:, 0]
        paper = _local_paper(shade)
    share = _unmix(shade - paper, paper, noise)
    if not even:
        share = _level(share)
    share = _drop_weaker_ink(np.clip(share, 0, 1, out=share))
    if share.shape == whole.shape[:2]:
        return share
    ink = np.zeros(whole.shape[:2], np.float32)
    ink[_inside_frame(whole)] = share
    return ink


def _drop_weaker_ink(share):
    """Takes away a second ink that is much weaker than the digit's.

    It shows as many pixels of one middling share, where the soft edges of
    strokes have all shares alike. The full ink must make up a figure of its
    own; else what is full is only where strokes cross, or are pressed harder.

    Args:
      share: float32 [h, w] in [0, 1].
    """
    step = 2 if min(share.shape) >= 96 else 1
    some = share[::step, ::step]
    full = some > 0.8
    middling = some[(some > 0.25) & (some < 0.75)]
    if not 0.5 * full.sum() < middling.size < 5 * full.sum():
        return share
    counts = np.bincount(((middling - 0.25) * 40).astype(np.intp), minlength=20)
    fours = counts[:-3] + counts[1:-2] + counts[2:-1] + counts[3:]
    spike = int(fours.argmax())
    if fours[spike] < 0.6 * middling.size:
        return share
    sizes = [max(np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1))
             for mask in (full, some > 0.25)]
    if sizes[0] < 0.3 * sizes[1]:
        return share
    top = 0.25 + 0.025 * (spike + 4)
    return np.maximum(0, (share - top) / (1 - top))


def _inside_frame(picture):
    """Slices (rows, columns) of a picture less a thin line along its edges.

    Screenshots and scans have such lines: an even colour from corner to corner,
    unlike that of the rows or columns just inside.
    """
    slices = []
    for lines in (picture, picture.swapaxes(0, 1)):
        count = len(lines)
        deepest = min(8, count // 25)
        start = _frame_width(lines, deepest)
        stop = _frame_width(lines[::-1], deepest)
        slices.append(slice(start, count - stop))
    return tuple(slices)


def _frame_width(lines, deepest):
    """How many of the first of float32 [lines, length, c] are a frame."""
    outer = lines[0, 0]
    if not deepest or np.abs(lines[0] - outer).max() > 0.15:
        return 0
    # Some way in, most of every line is unlike the frame; a box drawn on paper
    # has paper on both its sides.
    middle = lines[:2 * deepest + 2, ::4]
    unlike = (np.abs(middle - outer).max(axis=2) > 0.2).mean(axis=1) > 0.5
    width = int(unlike.argmax())
    return width + 1 if 0 < width <= deepest and unlike[width:].all() else 0


def _denoise(shade):
    """Averages 3x3 neighbourhoods, twice at most, where noise asks for it.

    Neighbours on bare paper differ by noise alone: sqrt(2) of its deviation,
    and the median absolute value of a normal variable is 0.6745 deviations.

    Returns:
      (float32 [height, width], standard deviation of the noise left in it).
    """
    if min(shade.shape) < 56:
        return shade, 0.0
    rows = shade[::max(1, shade.shape[0] // 48)]
    noise = (_median(np.abs(rows[:, 1:] - rows[:, :-1]).ravel())
             / 0.6745 / 2 ** 0.5)
    contrast = float(shade.max() - shade.min())
    for factor in (0.375, 0.73):
        if noise < 0.03 * contrast:
            break
        padded = np.pad(shade, 1, mode='edge')
        rows = padded[:-2] + padded[2:]
        rows += 2 * padded[1:-1]
        shade = rows[:, :-2] + rows[:, 2:]
        shade += 2 * rows[:, 1:-1]
        shade /= 16
        # The weights (1 2 1) / 4 in both directions leave 0.375 of the
        # deviation; once more, on what is then alike in neighbours, 0.73.
        noise *= factor
    return shade, noise


def _median(values):
    """The upper median of a vector, much faster than `np.median`."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _find_paper(samples):
    """Finds the colour of the paper.

    Paper without shades is told by `_even_paper`. Other paper is a quadratic
    surface for each channel, fitted by iteratively reweighted least squares
    with Geman-McClure weights, whose scale shrinks to that of the residuals.

    Args:
      samples: float32 [rows, columns, c].

    Returns:
      (terms for `_surface`, float32 [6, c]; whether the paper is even).
    """
    rows, columns, channels = samples.shape
    border = np.concatenate([samples[0], samples[-1],
                             samples[:, 0], samples[:, -1]])
    terms = np.zeros((6, channels), np.float32)
    step = 2 if min(rows, columns) >= 40 else 1
    values = samples[::step, ::step].reshape(-1, channels)
    even = _even_paper(values, border)
    if even is not None and not _shaded(samples, even):
        terms[0] = even
        return terms, True
    basis = _basis(rows, columns, step)
    weights = np.ones(len(values), np.float32)
    ridge = np.diag(np.float32([0, 1, 1, 10, 10, 10])) * len(values) * 1e-3
    scale = 0.5
    for _ in range(5):
        weighted = (basis * weights[:, None]).T
        terms = np.linalg.solve(weighted @ basis + ridge, weighted @ values)
        residual = values - basis @ terms
        square = _square(residual)
        scale = max(0.5 * scale, 3 * _median(square) ** 0.5, 0.03)
        weights = 1 / (1 + square / scale ** 2) ** 2
    return terms.astype(np.float32), False


@functools.lru_cache(maxsize=16)
def _basis(rows, columns, step):
    """float32 [samples, 6]: the terms of `_surface` at every step-th sample."""
    y = np.linspace(-1, 1, rows, dtype=np.float32)[::step, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, ::step]
    one = np.ones_like(y * x)
    return np.stack([one, y * one, x * one, y * y * one, x * x * one, y * x],
                    axis=-1).reshape(-1, 6)


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
    share = near.mean()
    if share == 1 or (share > 0.4 and _near(border, first, 0.04).mean() > 0.7):
        return first
    rest = samples[~near]
    distant = np.argsort(_square(rest - first))
    second = rest[distant[3 * len(rest) // 4]]
    tolerance = 0.15 * float(np.abs(second - first).max())
    one = _near(samples, first, tolerance)
    other = _near(samples, second, tolerance)
    # What is neither must lie between, as the soft edges of strokes do: a third
    # colour beyond the second is ink, and the second a shadow.
    axis = (second - first) / _square((second - first)[None])
    place = (samples - first) @ axis
    between = (place > -0.3) & (place < 1.3)
    if (one | other).mean() < 0.45 or between.mean() < 0.98:
        return None
    favour = (one.mean() - other.mean() + _near(border, first, tolerance).mean()
              - _near(border, second, tolerance).mean())
    return first if favour >= 0 else second


def _shaded(samples, paper):
    """Whether a large area at the border, wider than a pen, is unlike paper.

    Args:
      samples: float32 [rows, columns, c].
      paper: float32 [c].
    """
    rows, columns, channels = samples.shape
    unlike = ~_near(samples.reshape(-1, channels), paper, 0.1)
    unlike = unlike.reshape(rows, columns)
    if min(rows, columns) < 40:
        return False  # thick ink may be as wide in a picture so small
    deep, wide = rows // 3, columns // 3
    for strip, size in ((unlike[:deep], wide), (unlike[-deep:], wide),
                        (unlike[:, :wide].T, deep), (unlike[:, -wide:].T, deep)):
        whole = np.concatenate([[0], np.cumsum(strip.all(axis=0))])
        if (whole[size:] - whole[:-size] == size).any():
            return True
    return False


def _square(vectors):
    """float32 [n]: the squared lengths of float32 [n, c]."""
    return sum(part * part for part in vectors.T)


def _near(samples, colour, tolerance):
    """bool [n]: which samples [n, c] are near a colour [c]."""
    distance = np.abs(samples - colour)
    # One comparison for each channel: reducing over so short an axis is slow.
    return functools.reduce(np.logical_and, (distance < tolerance).T)


def _surface(terms, height, width):
    """Evaluates 1, y, x, y^2, x^2, yx over [-1, 1]^2.

    Args:
      terms: float32 [6, c], or [1, c] for a constant.

    Returns:
      float32 [height, width, c], or [1, 1, c] for a constant.
    """
    if len(terms) == 1:
        return terms[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[:, None]
    surface = y * x * terms[5]
    surface += terms[0] + terms[1] * y + terms[3] * y * y
    surface += terms[2] * x + terms[4] * x * x
    return surface


def _border_inked(difference, noise):
    """Whether so much of the border is unlike paper that the paper is wrong.

    Args:
      difference: float32 [h, w], shade less paper.
      noise: standard deviation of the noise in it.
    """
    full = _typical_top(np.abs(difference[::2, ::2]).ravel())
    unlike = max(FAINTEST_INK, 3 * noise, 0.25 * full)
    border = np.concatenate([difference[0], difference[-1],
                             difference[:, 0], difference[:, -1]])
    return float((np.abs(border) > unlike).mean()) > 0.1


def _local_paper(shade):
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
    gather_y, spread_y = _grid(*[shade.shape[0]] * 2)
    gather_x, spread_x = _grid(*[shade.shape[1]] * 2)
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


def _ink_axis(difference):
    """The unit vector, float32 [c], on which most of the contrast lies.

    Args:
      difference: float32 [rows, columns, c], samples less paper.
    """
    difference = difference.reshape(-1, difference.shape[2])
    square = _square(difference)
    seeds = difference[square > 0.36 * _typical_top(square)]
    return np.linalg.eigh(seeds.T @ seeds)[1][:, -1]


def _typical_top(values):
    """The value that 0.1% of a vector, and at least nine values, exceed."""
    count = min(values.size, max(9, values.size // 1000))
    return float(np.partition(values, -count)[-count])


def _unmix(difference, paper, noise):
    """The share of ink in each pixel, unclipped.

    Args:
      difference: float32 [h, w], shade less paper.
      paper: float32 [h, w] or [1, 1].
      noise: standard deviation of the noise in `difference`.

    Raises:
      ImageError: nothing differs enough from the paper.
    """
    step = 2 if min(difference.shape) >= 112 else 1
    some = difference[::step, ::step]
    size = np.abs(some).ravel()
    peak = _typical_top(size)
    if peak < max(FAINTEST_INK, 4 * noise):
        raise ImageError('the picture is blank: no ink to be seen')
    chosen = size > 0.6 * peak
    seeds = some.ravel()[chosen]
    # What lies to the lighter side of the paper's shade is ink, or what lies
    # to its darker side is, but not both: the heavier side.
    sign = 1 if float((seeds ** 3).sum()) > 0 else -1
    inked = sign * seeds > 0.6 * float((sign * seeds).max())
    if paper.size == 1:
        return difference / seeds[inked].mean()
    ink = float((seeds + paper[::step, ::step].ravel()[chosen])[inked].mean())
    full = ink - paper
    # Where paper comes near the ink's shade, the quotient is held down.
    share = difference * full
    full *= full
    full += (0.15 * peak) ** 2
    return np.divide(share, full, out=share)


def _level(share):
    """Takes the paper's remaining unevenness off the share of ink.

    The mean share around each pixel, over what is surely paper, becomes zero.
    """
    height, width = share.shape
    step = 2 if min(height, width) >= 96 else 1
    some = share[::step, ::step]
    paper = (some < 0.25).astype(np.float32)
    gather_y, spread_y = _grid(some.shape[0], height)
    gather_x, spread_x = _grid(some.shape[1], width)
    amount = gather_y @ paper @ gather_x.T
    total = gather_y @ (paper * np.maximum(some, -0.25)) @ gather_x.T
    drift = total / np.maximum(amount, 0.01)
    drift = spread_y @ drift @ spread_x.T
    share = share - drift
    return np.divide(share, np.maximum(1 - drift, 0.5), out=share)


@functools.lru_cache(maxsize=32)
def _grid(fine, full):
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
    spread = np.maximum(
        0, 1 - cells * np.abs(place.clip(centre[0], centre[-1])[:, None]
                              - centre))
    gather = gather / gather.sum(axis=1, keepdims=True)
    return gather.astype(np.float32), spread.astype(np.float32)
