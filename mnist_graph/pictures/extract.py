"""Pictures to what a network takes: a single digit found without one, and pictures resized as they are."""

import os
from typing import Any

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.base.picture_paths import list_pictures
from mnist_graph.pictures import pieces as pieces_of
from mnist_graph.pictures import plain, planes, proposals, sheet
from mnist_graph.pictures.decode import CLOSEST_SIDE, WORKING_SIDE, read_picture, read_pixels
from mnist_graph.pictures.mnist_style import mnist_digit, normalize_digit
from mnist_graph.pictures.pixels import as_floats

__all__ = ['list_pictures', 'mnist_digit', 'normalize_digit', 'picture_to_digit', 'plain_resize', 'read_picture']

BLANK = (
    'the picture is blank, or its ink too faint or too small; draw the digit '
    'with more contrast, or cut the picture closer to it.'
)
# A part of a broken digit lies within this share of the largest part's longest side of it.
_FARTHEST_PART = 0.4
# The one digit keeps at least this share of the picture's width and height away from the border.
_EDGE = 0.12
# Pixels: a picture is reduced to this longest side, or twice the result's, before it is resized.
_RESIZED_SIDE = 256


def picture_to_digit(source: Any) -> np.ndarray:
    """The one digit in a picture as MNIST would have it: the largest figure, the nearest to the middle.

    Args:
      source: A path, PIL image or array; see `read_picture`.

    Returns:
      float32 [28, 28] in [0, 1], bright ink on black.

    Raises:
      ImageError: The picture cannot be read or is blank.
    """
    pixels = read_pixels(source)
    ready = mnist_digit(pixels)
    if ready is not None:
        return ready
    pixels = proposals.enlarged(pixels)
    drawing = plain.find_drawing(pixels)
    if drawing is not None:
        return normalize_digit(drawing.ink)
    picture = as_floats(pixels)
    figure = _figure(picture)
    if figure is not None and max(figure.shape) < proposals.LEAST_HEIGHT and max(picture.shape) >= WORKING_SIDE:
        figure = _figure(read_picture(source, CLOSEST_SIDE))
    if figure is None:
        where = f'{source}: ' if isinstance(source, (str, os.PathLike)) else ''
        raise ImageError(where + BLANK)
    return normalize_digit(figure)


def _figure(picture: np.ndarray) -> np.ndarray | None:
    """The ink of the figure, float32 [height, width], or None for a blank picture."""
    for view in proposals.views(picture):
        shade, is_dark = planes.shade(view)
        ink = planes.find_ink(shade, is_dark, round(proposals.FIRST_REACH * min(view.shape[:2])))
        if ink is None:
            continue
        for mask in proposals.masks(ink):
            mask = _without_frame(mask)
            pieces = pieces_of.find_pieces(mask)
            keep, *_ = proposals.writing(pieces)
            if not keep.any():
                keep = ~pieces_of.from_outside(pieces, may_span=True)
            if not keep.any():
                continue
            chosen = pieces.mask(_near_main(pieces, keep))
            x, y, wide, high = cv2.boundingRect(chosen)
            inside = np.s_[max(0, y - 1) : y + high + 1, max(0, x - 1) : x + wide + 1]
            return ink.share[inside] * cv2.dilate(chosen, np.ones((3, 3), np.uint8))[inside]
    return None


def _without_frame(mask: np.ndarray) -> np.ndarray:
    """The mask without rules near the border, unless other ink is connected to them, as to strokes of a digit."""
    rules = pieces_of.find_rules(mask)
    y, x = (round(_EDGE * side) for side in mask.shape)
    rules[y : len(mask) - y, x : mask.shape[1] - x] = 0
    return mask if not rules.any() or sheet.hold_more(mask, rules) else pieces_of.without_rules(mask, rules)


def _near_main(pieces: pieces_of.Pieces, keep: np.ndarray) -> np.ndarray:
    """bool [pieces]: the largest that is kept, the nearest to the middle counting more, and what lies near it."""
    height, width = pieces.labels.shape
    off = np.hypot((pieces.top + pieces.bottom) / height - 1, (pieces.left + pieces.right) / width - 1)
    main = int(np.argmax(np.where(keep, pieces.area * (1.5 - np.minimum(1, off)), -1)))
    near = np.zeros(len(keep), bool)
    near[main] = True
    reach = _FARTHEST_PART * max(pieces.height[main], pieces.width[main])
    for _ in range(4):
        gap_y = np.maximum(pieces.top - pieces.bottom[near].max(), pieces.top[near].min() - pieces.bottom)
        gap_x = np.maximum(pieces.left - pieces.right[near].max(), pieces.left[near].min() - pieces.right)
        near |= keep & (np.maximum(gap_y, gap_x) <= reach)
    return near


def plain_resize(source: Any, height: int, width: int, channels: int) -> np.ndarray:
    """A picture resized as it is, for models of other images.

    Args:
      source: A path, PIL image or array; see `read_picture`.
      height, width: Pixels of the result.
      channels: 1 (grey) or 3 (red, green, blue).

    Returns:
      float32 [height, width, channels] in [0, 1].

    Raises:
      ImageError: The picture cannot be read, or no picture has so many channels.
    """
    if channels not in (1, 3):
        raise ImageError(
            f'{source}: a picture has 1 channel or 3, but the model reads {channels}; only arrays can be given to it.'
        )
    picture = read_picture(source, longest_side=max(_RESIZED_SIDE, 2 * height, 2 * width))
    if channels == 1:
        picture = planes.lightness(picture)[:, :, None]
    is_smaller = height < picture.shape[0] or width < picture.shape[1]
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    resized = resized.reshape(height, width, -1)
    return np.repeat(resized, channels // resized.shape[2], axis=2)
