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

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.paper import (
    FAINTEST_INK,
    border_inked,
    find_paper,
    grid,
    local_paper,
    median,
    squared_lengths,
    surface,
    typical_top,
)

BLANK = (
    'the picture is blank, or its ink too faint or too small; draw the digit '
    'with more contrast, or cut the picture closer to it.'
)

# Share of ink from which a pixel counts as ink; 0.5 would be the edge of a
# sharp stroke, less keeps strokes that fade or are thinner than a pixel.
INK_THRESHOLD = 0.4
# Rows and columns of samples, at most.
SAMPLE_GRID = 40

# ITU-R BT.601 luma, and blue and red less luma, scaled to [-0.5, 0.5] and then
# by a weight of 0.5. A pen is chosen to be lighter or darker than the paper, so
# lightness counts in full, and colour less: enough for ink as light as its
# paper, too little for a coloured background to pass for ink.
LUMA_AND_CHROMA = np.float32(
    [[0.299, -0.1687 * 0.5, 0.5 * 0.5], [0.587, -0.3313 * 0.5, -0.4187 * 0.5], [0.114, 0.5 * 0.5, -0.0813 * 0.5]]
)


def extract_ink(picture):
    """Returns the share of ink in each pixel of a picture.

    Args:
      picture: float32 [height, width, 1 or 3] in [0, 1].

    Returns:
      float32 [height, width] in [0, 1], 0 on paper, 1 on full ink.

    Raises:
      ImageError: the page is blank.
    """
    whole, inside = picture.shape[:2], _inside_frame(picture)
    picture = picture[inside]
    samples = picture
    if max(picture.shape) > SAMPLE_GRID:
        samples = picture[_sample_places(picture.shape[0])[:, None], _sample_places(picture.shape[1])]
    colour = picture.shape[2] == 3
    if colour:
        samples = samples @ LUMA_AND_CHROMA
    terms, even = find_paper(samples)
    if colour:
        axis = _ink_axis(samples - surface(terms, *samples.shape[:2]))
        shade = picture @ (LUMA_AND_CHROMA @ axis)
        terms = terms @ axis[:, None]
    else:
        shade = picture[:, :, 0]
    shade, noise = _denoise(shade)
    paper = surface(terms[:1] if even else terms, *shade.shape)[:, :, 0]
    difference = shade - paper
    if not even and border_inked(difference, noise):
        if colour:
            # The axis was found with the wrong paper; lightness is a safe one.
            shade, noise = _denoise(picture @ LUMA_AND_CHROMA[:, 0])
        paper = local_paper(shade)
        difference = shade - paper
    share = _unmix(difference, paper, noise)
    if not even:
        share = _level(share)
    np.minimum(np.maximum(share, 0, out=share), 1, out=share)
    share = _drop_weaker_ink(share)
    if share.shape == whole:
        return share
    ink = np.zeros(whole, np.float32)
    ink[inside] = share
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
    full, inked = some > 0.8, some > 0.25
    n_full, n_middling = np.count_nonzero(full), np.count_nonzero(inked) - np.count_nonzero(some >= 0.75)
    if not 0.5 * n_full < n_middling < 5 * n_full:
        return share
    middling = some[inked & (some < 0.75)]
    counts = np.bincount(((middling - 0.25) * 40).astype(np.intp), minlength=20)
    fours = counts[:-3] + counts[1:-2] + counts[2:-1] + counts[3:]
    spike = int(fours.argmax())
    if fours[spike] < 0.6 * n_middling:
        return share
    sizes = [max(np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1)) for mask in (full, inked)]
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
        deepest = min(8, count // 25) if count >= 50 else 0
        start = _frame_width(lines, deepest)
        stop = _frame_width(lines[::-1], deepest)
        slices.append(slice(start, count - stop))
    return tuple(slices)


def _frame_width(lines, deepest):
    """How many of the first of float32 [lines, length, c] are a frame."""
    if not deepest:
        return 0
    outer, depth = lines[0, 0], 2 * deepest + 2
    # Some way in, most of every line is unlike the frame; a box drawn on paper
    # has paper on both its sides.
    if not _mostly_unlike(lines[depth - 1, ::4], outer) or np.abs(lines[0] - outer).max() > 0.15:
        return 0
    unlike = np.array([_mostly_unlike(line, outer) for line in lines[:depth, ::4]])
    width = int(unlike.argmax())
    return width + 1 if 0 < width <= deepest and unlike[width:].all() else 0


def _mostly_unlike(line, colour):
    """Whether most pixels of float32 [length, c] are unlike a colour [c]."""
    return 2 * np.count_nonzero((np.abs(line - colour) > 0.2).any(axis=1)) > len(line)


@functools.lru_cache(maxsize=64)
def _sample_places(side):
    """int64 [samples]: the rows (or columns) of `side` that are looked at first."""
    return np.linspace(0, side - 1, min(side, SAMPLE_GRID)).round().astype(int)


def _denoise(shade):
    """Averages 3x3 neighbourhoods, twice at most, where noise asks for it.

    Neighbours on bare paper differ by noise alone: sqrt(2) of its deviation,
    and the median absolute value of a normal variable is 0.6745 deviations.

    Returns:
      (float32 [height, width], standard deviation of the noise left in it).
    """
    if min(shade.shape) < 56:
        return shade, 0.0
    rows = shade[:: max(1, shade.shape[0] // 24)]
    noise = median(np.abs(rows[:, 1:] - rows[:, :-1]).ravel()) / 0.6745 / 2**0.5
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


def _ink_axis(difference):
    """The unit vector, float32 [c], on which most of the contrast lies.

    Args:
      difference: float32 [rows, columns, c], samples less paper.
    """
    difference = difference.reshape(-1, difference.shape[2])
    square = squared_lengths(difference)
    seeds = difference[square > 0.36 * typical_top(square)]
    return np.linalg.eigh(seeds.T @ seeds)[1][:, -1]


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
    peak = typical_top(size)
    if peak < max(FAINTEST_INK, 4 * noise):
        raise ImageError(BLANK)
    chosen = size > 0.6 * peak
    seeds = some.ravel()[chosen]
    # What lies to the lighter side of the paper's shade is ink, or what lies
    # to its darker side is, but not both: the heavier side.
    sign = 1 if float((seeds * seeds) @ seeds) > 0 else -1
    signed = sign * seeds
    inked = signed > 0.6 * float(signed.max())
    if paper.size == 1:
        return difference / (seeds[inked].sum() / np.float32(np.count_nonzero(inked)))  # faster than `mean`
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
    gather_y, spread_y = grid(some.shape[0], height)
    gather_x, spread_x = grid(some.shape[1], width)
    amount = gather_y @ paper @ gather_x.T
    total = gather_y @ (paper * np.maximum(some, -0.25)) @ gather_x.T
    drift = total / np.maximum(amount, 0.01)
    drift = spread_y @ drift @ spread_x.T
    share = share - drift
    return np.divide(share, np.maximum(1 - drift, 0.5), out=share)
