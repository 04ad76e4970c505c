"""Bringing the pen's stroke to the width that MNIST's pens have.

Works on ink enlarged to WIDTH_SCALE times MNIST's 20 pixels, where a step of
growing or shrinking is a fraction of a pixel of the final image.
"""

import numpy as np

# Enlarged pixels for each of MNIST's pixels.
WIDTH_SCALE = 3

# Pixels of MNIST. The mean stroke width of its training images is 2.5 in the
# median and between 1.8 and 3.8 in nine of ten, by `mean_stroke_width`.
THINNEST, THICKEST = 2.0, 3.3


def mean_stroke_width(ink):
    """Returns twice the area over the perimeter, in pixels.

    The perimeter is the total variation, which does not change with blur as
    long as edges do not run into each other.

    Args:
      ink: float32 [height, width] in [0, 1], zero at the borders.
    """
    # As one row after another, which the zeros at their ends allow, and which is faster.
    width, row_by_row = ink.shape[1], ink.ravel()
    down = row_by_row[width:] - row_by_row[:-width]
    right = row_by_row[1:] - row_by_row[:-1]
    down = down[1:] + down[:-1]
    right = right[width:] + right[:-width]
    # Each is twice the slope at a corner of four pixels; `np.hypot` is slow.
    slope = np.sqrt(down * down + right * right)
    return 4 * float(ink.sum()) / max(float(slope.sum()), 1e-6)


def adjust_stroke_width(ink):
    """Thickens a thin stroke, thins a thick one, and leaves others alone.

    Args:
      ink: float32 [height, width] in [0, 1], on a margin of zeros.

    Returns:
      float32 of the same shape.
    """
    width = mean_stroke_width(ink) / WIDTH_SCALE
    if width < THINNEST:
        return _grow(_sharpen(ink), WIDTH_SCALE * (THINNEST - width) / 2)
    if width > THICKEST:
        thinner = _shrink(ink, WIDTH_SCALE * (width - THICKEST) / 2)
        # A blot with no stroke as wide as its mean would be gone.
        return thinner if thinner.max() >= 0.5 else ink
    return ink


def _sharpen(ink):
    """Raises strokes that never reach full ink to it."""
    return np.minimum(ink * np.float32(1.4), 1)


def _neighbours(ink, combine, diagonal):
    """`combine` (maximum or minimum) of each pixel and its 4 or 8 neighbours; `ink` is zero at the borders."""
    width, row_by_row = ink.shape[1], ink.ravel()
    upright = row_by_row.copy()
    combine(upright[width:], row_by_row[:-width], out=upright[width:])
    combine(upright[:-width], row_by_row[width:], out=upright[:-width])
    source = upright if diagonal else row_by_row
    result = upright.copy()
    combine(result[1:], source[:-1], out=result[1:])
    combine(result[:-1], source[1:], out=result[:-1])
    return result.reshape(ink.shape)


def _change(ink, radius, combine):
    """Grows or shrinks by steps of one pixel in a nearly round shape.

    Square and diamond steps in turn make octagons; a last part of a step is a
    mixture of its before and after.
    """
    step = 0
    while radius > 0:
        moved = _neighbours(ink, combine, diagonal=step % 2 == 1)
        share = min(1.0, radius)
        ink = moved if share == 1 else (1 - share) * ink + share * moved
        radius -= 1
        step += 1
    return ink


def _grow(ink, radius):
    return _change(ink, radius, np.maximum)


def _shrink(ink, radius):
    return _change(ink, radius, np.minimum)
