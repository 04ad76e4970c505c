"""Finding the sheet of paper in a picture that shows what the sheet lies on, too.

A note on a desk, or a canvas in a screenshot: the ground has most of the
picture's border, so that it is taken for the paper, and the sheet for ink.
"""

import numpy as np

from mnist_graph.pictures.components import find_components
from mnist_graph.pictures.ink import INK_THRESHOLD

# Pixels: a picture with a smaller side shows no ground beside a sheet.
_LEAST_SIDE = 40
# Of the picture: what less ink than that makes is no sheet.
_LEAST_SHARE = 0.1
# Of the sheet's longer, or shorter, side: what is written on it is that large.
_LEAST_WRITING = 0.12
# Of the sheet's box: an upright rectangle inside a sheet has so much of it. A thick 0 has bare corners.
_LEAST_RECTANGLE = 0.62


def find_sheet(ink):
    """Finds a sheet of paper that was taken for ink.

    It is a solid area with a hole of some size, which is the writing, and with
    a large upright rectangle in it whose border is sheet all around.

    Args:
      ink: float32 [height, width] in [0, 1].

    Returns:
      (rows, columns): slices of that rectangle; or None.
    """
    mask = ink >= INK_THRESHOLD
    if min(mask.shape) < _LEAST_SIDE or np.count_nonzero(mask) < _LEAST_SHARE * mask.size:
        return None
    parts = find_components(mask)
    main = int(parts.area.argmax())
    height, width = int(parts.height[main]), int(parts.width[main])
    if parts.area[main] < 0.5 * height * width or min(height, width) < 0.3 * min(mask.shape):
        return None
    top, left = int(parts.top[main]), int(parts.left[main])
    sheet = parts.mask(np.arange(parts.area.size) == main)[top : top + height, left : left + width]
    filled = _without_holes(sheet)
    rectangle = _rectangle_inside(filled) if filled is not None else None
    if rectangle is None:
        return None
    rows, columns = rectangle
    within = sheet[rows, columns]
    edge = np.concatenate([within[0], within[-1], within[:, 0], within[:, -1]])
    if _bare(within) > 0.4 or _bare(edge) > 0.03:
        return None
    return slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop)


def _without_holes(sheet):
    """A bool [height, width] with its holes filled, or None if none of them is of some size."""
    holes = find_components(np.pad(~sheet, 1, constant_values=True))
    inner = np.arange(holes.area.size) != holes.run_label[0]  # the first run is the margin's, around the sheet
    longest = np.maximum(holes.height, holes.width)
    if not (inner & (longest >= _LEAST_WRITING * min(sheet.shape))).any():
        return None
    return sheet | holes.mask(inner)[1:-1, 1:-1]


def _rectangle_inside(filled):
    """(rows, columns) of an upright rectangle in bool [height, width] with sides that are True, or None if it is small.

    It begins as the whole and loses the barest of its four sides, again and again.
    """
    height, width = filled.shape
    top, bottom, left, right = 0, height, 0, width
    while True:
        if (bottom - top) * (right - left) < _LEAST_RECTANGLE * height * width:
            return None
        bare = [
            _bare(filled[top, left:right]),
            _bare(filled[bottom - 1, left:right]),
            _bare(filled[top:bottom, left]),
            _bare(filled[top:bottom, right - 1]),
        ]
        barest = int(np.argmax(bare))
        if bare[barest] <= 0.01:
            margin = max(1, min(height, width) // 40)  # the sheet's edge is soft
            return slice(top + margin, bottom - margin), slice(left + margin, right - margin)
        top, bottom = top + (barest == 0), bottom - (barest == 1)
        left, right = left + (barest == 2), right - (barest == 3)


def _bare(mask):
    """The share of a bool array that is False."""
    return 1 - np.count_nonzero(mask) / mask.size
