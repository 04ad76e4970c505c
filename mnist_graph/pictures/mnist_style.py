"""A digit's ink brought to MNIST's style: its size, the width of its strokes, and its position in the picture.

MNIST's makers scaled each digit's ink so that its box's longest side was 20
pixels, and moved it by whole pixels so that its centre of mass came to the
centre of a 28x28 image (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of
handwritten digits"). Here it is moved by fractions of a pixel, to the mean of
all training images: a weak network may read a digit that is half a pixel off
differently.
"""

import functools

import numpy as np

from mnist_graph.base.conventions import CENTRE_POSITION, IMAGE_SIDE, INK_SIDE
from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.pictures.pixels import as_floats

# Strokes are measured and changed in ink enlarged to so many times MNIST's size, where one step of growing or shrinking
# is a third of a final pixel. With 2, steps are coarse; with 4, there are nearly twice as many pixels to compute.
WIDTH_SCALE = 3
# Pixels of MNIST. The mean stroke width of its training images, by `mean_stroke_width`, is 2.5 in the median and
# between 1.8 and 3.8 in nine of ten: strokes outside a little less than that are brought to its ends.
THINNEST, THICKEST = 2.0, 3.3
# Factor that raises strokes which never reach full coverage, being thinner than a pixel of the picture, to it.
_SHARPENING = np.float32(1.4)

# Coverage, in that of the fullest pixel, from which ink counts for the box of the digit: less than ink's threshold, as
# the digit has been chosen already, and more than a faint background. In enlarged ink, whose edges are sharp: half.
_BOX_COVERAGE, _SHARP_BOX_COVERAGE = 0.3, 0.5
# Enlarging blurs edges, which the later reduction does once more: coverage c becomes 1.5 c - 0.25, so that 1/6 becomes
# nothing, half stays nearly half, and 5/6 becomes full.
_EDGE_SLOPE, _EDGE_OFFSET = 1.5, -0.25
# Ink this many times as large as enlarged ink should be is reduced to twice that size first, which is much faster.
_MUCH_LARGER = 2
# A picture that MNIST's makers may have made.
# Least value of the brightest pixel: the makers' scaling leaves it at 255 or nearly so.
_BRIGHTEST = 0.98
# Pixels from the centre of mass to the picture's centre: half a pixel of rounding, and the grey levels'.
_OFF_CENTRE = 0.55
# Pixels of the ink's longest side; in three of 20,000 pictures it is the first.
_INK_SIDES = (INK_SIDE - 1, INK_SIDE)
# Least divisor, where there may be no ink at all.
_TINY = 1e-6


def normalize_digit(ink: np.ndarray) -> np.ndarray:
    """Returns ink scaled, thickened or thinned, and centred as in MNIST.

    Args:
      ink: [height, width] in [0, 1] or of integers from 0 to 255, bright ink
        on black, of one digit alone.

    Returns:
      float32 [28, 28] in [0, 1]: the ink's longest side is 20 pixels and its
      centre of mass is at index 14.0 of both axes, unless ink would be lost so.

    Raises:
      ImageError: no ink.
    """
    ink = np.asarray(ink)
    if ink.ndim != 2:
        raise ImageError(f'ink of shape {ink.shape}; it should be [height, width].')
    if ink.dtype.kind in 'iu':
        ink = ink / np.float32(255)
    large = adjust_stroke_width(_enlarge(ink.astype(np.float32)))
    top, bottom, left, right = _ink_box(large, _SHARP_BOX_COVERAGE)
    scale = max(bottom - top, right - left) / INK_SIDE
    y, x = centre_of_mass(large)
    starts = _image_start(y, top, bottom, scale), _image_start(x, left, right, scale)
    rows, columns = _averages(large.shape, (IMAGE_SIDE, IMAGE_SIDE), scale, starts)
    image = rows @ large @ columns.T
    return image / max(float(image.max()), _TINY)


def _image_start(centre: float, start: int, stop: int, scale: float) -> float:
    """Where the image begins, along an axis of the ink, for the centre of mass to come to its position in the image.

    A heavy end may push the other beyond the image; the ink, from start to
    stop, stays whole.
    """
    return max(min(centre - CENTRE_POSITION * scale, start), stop - IMAGE_SIDE * scale)


@functools.lru_cache(maxsize=256)
def _counted(count: int) -> np.ndarray:
    """float32 [count]: 0, 1, 2, ..."""
    return np.arange(count, dtype=np.float32)


@functools.lru_cache(maxsize=256)
def _ones(count: int) -> np.ndarray:
    """float32 [count]: ones, for a matrix product to add by; that is much faster than `sum`."""
    return np.ones(count, np.float32)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """(top, bottom, left, right), half open, of a bool array, or None if it is all False."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (top, top + height, left, left + width) if width else None


def _ink_box(ink: np.ndarray, threshold: float) -> tuple[int, int, int, int]:
    """(top, bottom, left, right), half open, of the ink above a threshold."""
    box = bounding_box(ink >= threshold)
    if box is None:
        raise ImageError('there is no ink in it.')
    return box


def _enlarge(ink: np.ndarray) -> np.ndarray:
    """Scales ink to WIDTH_SCALE times MNIST's size, with room around it.

    Returns:
      float32 [height, width] in [0, 1], box's longest side 20 * WIDTH_SCALE.
    """
    top, bottom, left, right = _ink_box(ink, _BOX_COVERAGE * max(float(ink.max()), _TINY))
    scale = max(bottom - top, right - left) / (INK_SIDE * WIDTH_SCALE)
    if scale > _MUCH_LARGER:
        smaller = [max(1, round(side * _MUCH_LARGER / scale)) for side in ink.shape[::-1]]
        return _enlarge(cv2.resize(ink, smaller, interpolation=cv2.INTER_AREA))
    # One pixel around the box comes along, as the edge fades over it.
    ink = ink[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    height, width = (round((side + 2) / scale) + 4 * WIDTH_SCALE for side in (bottom - top, right - left))
    middle = min(top, 1) + (bottom - top) / 2, min(left, 1) + (right - left) / 2
    starts = middle[0] - height * scale / 2, middle[1] - width * scale / 2
    rows, columns = (_interpolation if scale < 1 else _averages)(ink.shape, (height, width), scale, starts)
    large = rows @ ink @ columns.T
    large = large * (_EDGE_SLOPE / max(float(large.max()), _TINY)) + _EDGE_OFFSET
    return np.clip(large, 0, 1, out=large)


def _interpolation(
    shape: tuple[int, ...], new_shape: tuple[int, int], scale: float, starts: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices for linear interpolation along each axis, for scales below 1; arguments and result as of `_averages`."""
    positions = np.array(starts, np.float32)[:, None] + np.float32(scale) * (_counted(max(new_shape)) + np.float32(0.5))
    weights = np.abs(positions[:, :, None] - (_counted(max(shape)) + np.float32(0.5)))
    np.maximum(np.subtract(1, weights, out=weights), 0, out=weights)
    return weights[0, : new_shape[0], : shape[0]], weights[1, : new_shape[1], : shape[1]]


def _averages(
    shape: tuple[int, ...], new_shape: tuple[int, int], scale: float, starts: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices for averaging along each axis, over stretches of `scale` pixels each.

    The first stretch begins at `starts` of the axis; all around is zero. Both
    axes are computed in one, as that is the time of either.

    Returns:
      float32 [new height, height] and float32 [new width, width].
    """
    edges = np.array(starts, np.float32)[:, None] + np.float32(scale) * _counted(max(new_shape) + 1)
    part_before = edges[:, :, None] - _counted(max(shape))  # of each pixel, before each edge
    np.clip(part_before, 0, 1, out=part_before)
    weights = (part_before[:, 1:] - part_before[:, :-1]) * np.float32(1 / scale)
    return weights[0, : new_shape[0], : shape[0]], weights[1, : new_shape[1], : shape[1]]


def centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    """(y, x) of float32 [height, width], as positions: pixels from the upper left corner."""
    height, width = image.shape
    rows, columns = image @ _ones(width), _ones(height) @ image
    total = float(rows @ _ones(height))
    return float(rows @ _counted(height)) / total + 0.5, float(columns @ _counted(width)) / total + 0.5


def mnist_digit(picture: np.ndarray) -> np.ndarray | None:
    """Returns a picture that MNIST's makers could have made, or None.

    That is a grey one of 28x28, bright on black or (then inverted) dark on
    white, whose ink fits 20 pixels with its longest side and whose centre of
    mass is the centre, as in all of MNIST's pictures.

    Args:
      picture: [height, width, channels], float32 in [0, 1] or uint8.

    Returns:
      float32 [28, 28], or None.
    """
    if picture.shape != (IMAGE_SIDE, IMAGE_SIDE, 1):
        return None
    image = as_floats(picture[:, :, 0])
    if image[0, 0] > 0.5:
        image = 1 - image
    box = bounding_box(image > 0)
    if box is None or image.max() < _BRIGHTEST:
        return None
    if max(abs(position - CENTRE_POSITION) for position in centre_of_mass(image)) > _OFF_CENTRE:
        return None
    top, bottom, left, right = box
    return image if max(bottom - top, right - left) in _INK_SIDES else None


def mean_stroke_width(ink: np.ndarray) -> float:
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
    return 4 * float(ink.sum()) / max(float(slope.sum()), _TINY)


def adjust_stroke_width(ink: np.ndarray) -> np.ndarray:
    """Thickens thin strokes, thins thick ones, and leaves others alone.

    Args:
      ink: float32 [height, width] in [0, 1], WIDTH_SCALE times MNIST's size, on a margin of zeros.

    Returns:
      float32 of the same shape.
    """
    width = mean_stroke_width(ink) / WIDTH_SCALE
    if width < THINNEST:
        return _grow_or_shrink(np.minimum(ink * _SHARPENING, 1), WIDTH_SCALE * (THINNEST - width) / 2, np.maximum)
    if width > THICKEST:
        thinner = _grow_or_shrink(ink, WIDTH_SCALE * (width - THICKEST) / 2, np.minimum)
        # A blot without a stroke as wide as the mean would be gone.
        return thinner if thinner.max() >= _SHARP_BOX_COVERAGE else ink
    return ink


def _grow_or_shrink(ink: np.ndarray, radius: float, combine: np.ufunc) -> np.ndarray:
    """Grows (np.maximum) or shrinks (np.minimum) ink by steps of one pixel in a nearly round shape.

    Square and diamond steps in turn make octagons; a last part of a step is a
    mixture of its before and after.
    """
    step = 0
    while radius > 0:
        moved = _extreme_of_neighbours(ink, combine, with_diagonals=step % 2 == 1)
        part = min(1.0, radius)
        ink = moved if part == 1 else (1 - part) * ink + part * moved
        radius -= 1
        step += 1
    return ink


def _extreme_of_neighbours(ink: np.ndarray, combine: np.ufunc, with_diagonals: bool) -> np.ndarray:
    """The maximum or minimum of each pixel and its 4 or 8 neighbours; `ink` is zero at the borders."""
    width, row_by_row = ink.shape[1], ink.ravel()
    vertical = row_by_row.copy()
    combine(vertical[width:], row_by_row[:-width], out=vertical[width:])
    combine(vertical[:-width], row_by_row[width:], out=vertical[:-width])
    source = vertical if with_diagonals else row_by_row
    result = vertical.copy()
    combine(result[1:], source[:-1], out=result[1:])
    combine(result[:-1], source[1:], out=result[:-1])
    return result.reshape(ink.shape)
