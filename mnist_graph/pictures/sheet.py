"""Which part of a picture is the page: without the line around a screenshot, and without the desk around a sheet."""

from typing import NamedTuple

import numpy as np

from mnist_graph.pictures.components import find_components
from mnist_graph.pictures.smoothing import fraction

# The line along a picture's edges.
# It is one part in so many of the side at most, and so many pixels; what is wider is a desk or a stroke.
_FRAME_ONE_IN, _FRAME_WIDEST = 25, 8
# Pixels: a shorter side has no frame, as a line of two pixels there is as wide as a stroke.
_FRAMED_SIDE = 50
# Greatest difference of colour along the line, as JPEG's artefacts make it; and least difference of what is unlike it.
_FRAME_EVEN, _FRAME_UNLIKE = 0.15, 0.2

# The sheet. All are fractions but the first.
# Pixels: a picture with a shorter side shows no desk beside a sheet; a thick digit in it could pass for one.
_LEAST_SIDE = 40
# Least part of the picture that sheet and all other ink cover; less is writing.
_LEAST_INK = 0.1
# Least part of its own box that the sheet covers, and of the picture's shorter side that its own is: less is a stroke
# that winds or a thick pen. A sheet turned by 45 degrees covers half its box, less what is written on it.
_LEAST_SOLID, _LEAST_SHEET = 0.5, 0.3
# Least part of the sheet's shorter side that the writing on it has; less are specks.
_LEAST_WRITING = 0.12
# Least part of the sheet's box that the upright rectangle inside covers. In a thick 0, whose corners are bare, it
# covers less; in a sheet turned by 8 degrees, more.
_LEAST_RECTANGLE = 0.62
# Most of a side of that rectangle that may be bare: JPEG's artefacts, and no corner of the desk.
_BARE_SIDE = 0.01
# One part in so many of the sheet's shorter side is left out all around, as the sheet's edge is soft.
_MARGIN_ONE_IN = 40
# Most that writing may cover of the rectangle and of its edge: more is a hole in a figure, such as that of a thick 0.
_MOST_WRITING, _MOST_WRITING_AT_EDGE = 0.4, 0.03


class Rectangle(NamedTuple):
    """An upright part of a picture."""

    rows: slice
    columns: slice


def inside_frame(picture: np.ndarray) -> Rectangle:
    """The part of float32 [height, width, c] without a thin line along its edges.

    Screenshots and scans have such lines: an even colour from corner to corner,
    unlike that of the rows or columns just inside.
    """
    return Rectangle(_inside_lines(picture), _inside_lines(picture.swapaxes(0, 1)))


def _inside_lines(lines: np.ndarray) -> slice:
    """The lines of float32 [lines, length, c] that are no frame."""
    count = len(lines)
    widest = min(_FRAME_WIDEST, count // _FRAME_ONE_IN) if count >= _FRAMED_SIDE else 0
    return slice(_frame_width(lines, widest), count - _frame_width(lines[::-1], widest))


def _frame_width(lines: np.ndarray, widest: int) -> int:
    """How many of the first of float32 [lines, length, c] are a frame."""
    if not widest:
        return 0
    outer, depth = lines[0, 0], 2 * widest + 2
    # Some way in, most of every line is unlike the frame; a box drawn on paper has paper on both its sides.
    if not _is_mostly_unlike(lines[depth - 1, ::4], outer) or np.abs(lines[0] - outer).max() > _FRAME_EVEN:
        return 0
    unlike = np.array([_is_mostly_unlike(line, outer) for line in lines[:depth, ::4]])
    width = int(unlike.argmax())
    return width + 1 if 0 < width <= widest and unlike[width:].all() else 0


def _is_mostly_unlike(line: np.ndarray, colour: np.ndarray) -> bool:
    """Whether most pixels of float32 [length, c] are unlike a colour [c]."""
    return fraction((np.abs(line - colour) > _FRAME_UNLIKE).any(axis=1)) > 0.5


def find_sheet(mask: np.ndarray) -> Rectangle | None:
    """Finds a sheet of paper that was taken for ink.

    That happens to a note on a desk, or a canvas in a screenshot: the desk has
    most of the picture's border, so that it is taken for the paper. The sheet
    is a solid area with a hole of some size, which is the writing, and holds a
    large upright rectangle whose border is sheet all around.

    Args:
      mask: bool [height, width], the ink.

    Returns:
      That rectangle, or None.
    """
    if min(mask.shape) < _LEAST_SIDE or np.count_nonzero(mask) < _LEAST_INK * mask.size:
        return None
    parts = find_components(mask)
    largest = int(parts.area.argmax())
    height, width = int(parts.height[largest]), int(parts.width[largest])
    is_solid = parts.area[largest] >= _LEAST_SOLID * height * width
    if not is_solid or min(height, width) < _LEAST_SHEET * min(mask.shape):
        return None
    top, left = int(parts.top[largest]), int(parts.left[largest])
    sheet = parts.mask(np.arange(parts.area.size) == largest)[top : top + height, left : left + width]
    filled = _without_holes(sheet)
    rectangle = _rectangle_inside(filled) if filled is not None else None
    if rectangle is None:
        return None
    rows, columns = rectangle
    inside = sheet[rows, columns]
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    if 1 - fraction(inside) > _MOST_WRITING or 1 - fraction(edge) > _MOST_WRITING_AT_EDGE:
        return None
    return Rectangle(slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop))


def _without_holes(sheet: np.ndarray) -> np.ndarray | None:
    """A bool [height, width] with its holes filled, or None if none of them is of some size."""
    holes = find_components(np.pad(~sheet, 1, constant_values=True))
    is_inside = np.arange(holes.area.size) != holes.run_label[0]  # the first run is the margin's, around the sheet
    longest = np.maximum(holes.height, holes.width)
    if not (is_inside & (longest >= _LEAST_WRITING * min(sheet.shape))).any():
        return None
    return sheet | holes.mask(is_inside)[1:-1, 1:-1]


def _rectangle_inside(filled: np.ndarray) -> Rectangle | None:
    """An upright rectangle in bool [height, width] with sides that are True, or None if it is small.

    It begins as the whole and loses the barest of its four sides, again and again.
    """
    height, width = filled.shape
    top, bottom, left, right = 0, height, 0, width
    while True:
        if (bottom - top) * (right - left) < _LEAST_RECTANGLE * height * width:
            return None
        bare = [
            1 - fraction(filled[top, left:right]),
            1 - fraction(filled[bottom - 1, left:right]),
            1 - fraction(filled[top:bottom, left]),
            1 - fraction(filled[top:bottom, right - 1]),
        ]
        barest = int(np.argmax(bare))
        if bare[barest] <= _BARE_SIDE:
            margin = max(1, min(height, width) // _MARGIN_ONE_IN)
            return Rectangle(slice(top + margin, bottom - margin), slice(left + margin, right - margin))
        top, bottom = top + (barest == 0), bottom - (barest == 1)
        left, right = left + (barest == 2), right - (barest == 3)
