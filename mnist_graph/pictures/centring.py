"""Ink scaled, thickened or thinned, and centred as MNIST's makers did it.

They scaled each digit's ink so that its box's longest side was 20 pixels, and
moved it by whole pixels so that its centre of mass came to the centre of a 28x28
image (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten
digits"). Measured on the training images, the centre of mass is at index 14.0 of
both axes, counting from 0, give or take the half pixel of rounding. Here it is
moved by fractions of a pixel, to 14.0 itself: a weak network may read a digit
otherwise that is half a pixel off.
"""

import functools

import cv2
import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.stroke_width import WIDTH_SCALE, adjust_stroke_width

IMAGE_SIDE = 28
INK_SIDE = 20
CENTRE = 14.5  # from the upper left corner: the middle of the pixel with index 14


def normalize(ink):
    """Returns ink scaled, thickened or thinned, and centred as in MNIST.

    Args:
      ink: [height, width] in [0, 1] or of integers from 0 to 255, bright ink
        on black, of one digit alone.

    Returns:
      float32 [28, 28] in [0, 1]: the ink's longest side is 20 pixels, its
      centre of mass is index 14.0 of both axes (if it fits so).

    Raises:
      ImageError: no ink.
    """
    ink = np.asarray(ink)
    if ink.ndim != 2:
        raise ImageError(f'ink of shape {ink.shape}; it should be [height, width].')
    if ink.dtype.kind in 'iu':
        ink = ink / np.float32(255)
    large = adjust_stroke_width(_enlarge(ink.astype(np.float32)))
    top, bottom, left, right = _box(large, 0.5)
    scale = max(bottom - top, right - left) / INK_SIDE
    y, x = centre_of_mass(large)
    rows, columns = _averages(
        large.shape, (IMAGE_SIDE, IMAGE_SIDE), scale, (_window(y, top, bottom, scale), _window(x, left, right, scale))
    )
    image = rows @ large @ columns.T
    return image / max(float(image.max()), 1e-6)


def _window(centre, start, stop, scale):
    """Where the image begins, along an axis, for its centre to be that of the ink's mass.

    A heavy end may push the other beyond the image; the ink, from start to
    stop, stays whole.
    """
    return max(min(centre - CENTRE * scale, start), stop - IMAGE_SIDE * scale)


@functools.lru_cache(maxsize=256)
def _counted(count):
    """float32 [count]: 0, 1, 2, ..."""
    return np.arange(count, dtype=np.float32)


@functools.lru_cache(maxsize=256)
def _ones(count):
    """float32 [count]: ones, for a matrix product to add by; that is much faster than `sum`."""
    return np.ones(count, np.float32)


def bounding_box(mask):
    """(top, bottom, left, right), half open, of a bool array, or None if it is all False."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (top, top + height, left, left + width) if width else None


def _box(ink, threshold):
    """(top, bottom, left, right), half open, of the ink above a threshold."""
    box = bounding_box(ink >= threshold)
    if box is None:
        raise ImageError('there is no ink in it.')
    return box


def _enlarge(ink):
    """Scales ink to WIDTH_SCALE times MNIST's size, with room around it.

    Returns:
      float32 [height, width] in [0, 1], box's longest side 20 * WIDTH_SCALE.
    """
    top, bottom, left, right = _box(ink, 0.3 * max(float(ink.max()), 1e-6))
    scale = max(bottom - top, right - left) / (INK_SIDE * WIDTH_SCALE)
    if scale > 2:
        # Much larger ink is reduced first; what is left to do is done exactly.
        smaller = [max(1, round(side * 2 / scale)) for side in ink.shape[::-1]]
        return _enlarge(cv2.resize(ink, smaller, interpolation=cv2.INTER_AREA))
    # One pixel around the box comes along, as the edge fades over it.
    ink = ink[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    shape = [round((side + 2) / scale) + 4 * WIDTH_SCALE for side in (bottom - top, right - left)]
    middle = min(top, 1) + (bottom - top) / 2, min(left, 1) + (right - left) / 2
    starts = [at - length * scale / 2 for at, length in zip(middle, shape)]
    rows, columns = (_interpolation if scale < 1 else _averages)(ink.shape, shape, scale, starts)
    large = rows @ ink @ columns.T
    # Enlarging blurs the edges, which the later reduction does once more.
    large = large * (1.5 / max(float(large.max()), 1e-6)) - 0.25
    return np.minimum(np.maximum(large, 0, out=large), 1, out=large)


def _interpolation(shape, new_shape, scale, starts):
    """As `_averages`, for a scale below 1: what interpolates linearly at the middles of these stretches."""
    places = np.float32(starts)[:, None] + np.float32(scale) * (_counted(max(new_shape)) + np.float32(0.5))
    weights = np.abs(places[:, :, None] - (_counted(max(shape)) + np.float32(0.5)))
    np.maximum(np.subtract(1, weights, out=weights), 0, out=weights)
    return weights[0, : new_shape[0], : shape[0]], weights[1, : new_shape[1], : shape[1]]


def _averages(shape, new_shape, scale, starts):
    """float32 [new length, length], for each axis: what averages over stretches of `scale` pixels each.

    The first begins at `starts` of the axis; all around is zero. Both axes are
    computed in one, as that is the time of either.
    """
    edges = np.float32(starts)[:, None] + np.float32(scale) * _counted(max(new_shape) + 1)
    share_before = edges[:, :, None] - _counted(max(shape))  # of each pixel, before each edge
    np.minimum(np.maximum(share_before, 0, out=share_before), 1, out=share_before)
    weights = (share_before[:, 1:] - share_before[:, :-1]) * np.float32(1 / scale)
    return weights[0, : new_shape[0], : shape[0]], weights[1, : new_shape[1], : shape[1]]


def centre_of_mass(image):
    """(y, x), in pixels from the upper left corner, of float32 [height, width]."""
    height, width = image.shape
    rows, columns = image @ _ones(width), _ones(height) @ image
    total = float(rows @ _ones(height))
    return float(rows @ _counted(height)) / total + 0.5, float(columns @ _counted(width)) / total + 0.5


def mnist_digit(picture):
    """Returns a picture that MNIST's makers could have made, or None.

    That is a grey one of 28x28, bright on black or (then inverted) dark on
    white, whose ink fits 20 pixels with its longest side and whose centre of
    mass is the centre, as all of MNIST's images do (of three in 20,000 the
    longest side is 19).

    Args:
      picture: float32 [height, width, channels] in [0, 1].

    Returns:
      float32 [28, 28], or None.
    """
    if picture.shape != (IMAGE_SIDE, IMAGE_SIDE, 1):
        return None
    image = picture[:, :, 0]
    if image[0, 0] > 0.5:
        image = 1 - image
    if image.max() < 0.98 or max(abs(place - CENTRE) for place in centre_of_mass(image)) > 0.55:
        return None
    top, bottom, left, right = bounding_box(image > 0)
    return image if max(bottom - top, right - left) in (19, INK_SIDE) else None
