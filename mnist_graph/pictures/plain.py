"""The one drawing on even paper: told and found quickly, as there are no sheets, lines or rows to look for."""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2
from mnist_graph.pictures import pieces as pieces_of
from mnist_graph.pictures import planes
from mnist_graph.pictures.pixels import as_floats

# Pixels: the picture is reduced to this side, and the drawing's longest side is at least the second then, twice MNIST's.
_SIDE, _LEAST = 128, 40
# Of the picture's shorter side: wider than a stroke.
_REACH = 0.4
# Of the drawing's longest side: what is smaller is a speck.
_SPECK = 0.12
# Black to white is 1, and of the ink's contrast: what may differ from the border's shade and be even paper. Pixels: how
# far around the ink a soft edge reaches. Of the picture: the pixels that may differ all the same.
_EVEN, _EVEN_OF_INK, _SOFT, _FEW = 0.045, 0.25, 6, 0.004
# The second of three colours may vary this much along the border (black to white is 1). A closely cut drawing may reach
# this share of the border, and this share of one side.
_EVEN_COLOUR, _REACHED, _CONTACT = 0.18, 0.25, 0.5
# There may be a rule if the mean width of the strokes is below this share of the longest side.
_THIN = 0.075
# Of its convex hull: the ink of a blot, or a sheet of paper. Of its height: the width of a stroke, which may fill its hull.
_BLOT, _STROKE = 0.8, 0.5


class Drawing(NamedTuple):
    """The one drawing in a picture.

    Attributes:
      ink: float32 [height, width] in [0, 1]: the drawing and a pixel around it, at the reduced size at which it was found.
      box: (left, top, right, bottom) of the drawing, half open, in pixels of the picture that was given.
      area: About how many pixels of the picture are ink.
    """

    ink: np.ndarray
    box: tuple[int, int, int, int]
    area: int


def find_drawing(picture: np.ndarray) -> Drawing | None:
    """The drawing, if there is exactly one, in one piece and large, and all else is as even as the picture's border.

    Args:
      picture: [height, width, 1 or 3], float32 in [0, 1] or uint8.
    """
    scale = min(1.0, _SIDE / max(picture.shape[:2]))
    small = as_floats(picture)
    if scale < 1:
        small = np.atleast_3d(planes.reduced(small, scale))
    if min(small.shape[:2]) < _LEAST:
        return None
    if small.shape[2] == 3 and np.ptp(planes.border_of(small[:, :, 1])) > _EVEN_COLOUR:
        return None
    shade = small[:, :, 0] if small.shape[2] == 1 else planes.shade(small)[0]
    border = planes.border_of(shade)
    paper = planes.median(border)
    if np.count_nonzero(np.abs(border - paper) > _EVEN) > _REACHED * border.size:
        return None
    residual = shade - paper
    is_dark = float(np.vdot(residual * residual, residual)) < 0
    ink = planes.find_ink(shade, is_dark, round(_REACH * min(shade.shape)))
    if ink is None:
        return None
    mask = ink.mask
    found = _one_piece(mask)
    if found is None:
        return None
    own, (left, top, wide, high), is_thin = found
    unlike = (np.abs(residual, out=residual) > min(_EVEN, _EVEN_OF_INK * ink.contrast)).view(np.uint8)
    stray = unlike > cv2.dilate(mask, np.ones((2 * _SOFT + 1, 2 * _SOFT + 1), np.uint8))
    if np.count_nonzero(stray) > _FEW * mask.size or planes.border_of(stray).any():
        return None
    if is_thin and pieces_of.find_rules(mask).any():
        return None
    inside = np.s_[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
    drawn = ink.share[inside] * cv2.dilate(own[inside], np.ones((3, 3), np.uint8))
    box = (round(left / scale), round(top / scale), round((left + wide) / scale), round((top + high) / scale))
    return Drawing(drawn, box, round(np.count_nonzero(own) / scale**2))


def _one_piece(mask: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int], bool] | None:
    """The one large piece of a uint8 mask, if there is exactly one, and it neither lies along the border nor spans it.

    Returns:
      (uint8 of the mask's shape, 1 on the piece; its box (left, top, width, height); whether its strokes are so thin that
      there may be a rule among them); or None.
    """
    outlines = pieces_of.find_outlines(mask)
    *others, (longest, main) = sorted((max(box[2:]), number) for number, box in outlines.boxes.items())
    if longest < _LEAST or others and others[-1][0] >= max(3, _SPECK * longest):
        return None
    box = _, _, wide, high = outlines.boxes[main]
    along = max(np.count_nonzero(side) / side.size for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    if along > _CONTACT or high == mask.shape[0] or wide == mask.shape[1]:
        return None
    own = outlines.mask(main)
    area = np.count_nonzero(own)
    if wide > _STROKE * high and area > _BLOT * cv2.contourArea(cv2.convexHull(outlines.contours[main])):
        return None
    around = sum(cv2.arcLength(contour, True) for contour in outlines.contours)
    return own, box, bool(2 * area < _THIN * longest * around)
