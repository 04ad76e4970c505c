"""Erasing lines that are not the digit's: ruled paper, and scribbles of a thin pen."""

import numpy as np

from mnist_graph.pictures.components import bounding_box, find_components, ones
from mnist_graph.pictures.ink import INK_THRESHOLD


def remove_rules(ink):
    """Erases ruled lines that cross the whole picture.

    A row of pixels is a line's if nearly all of it is ink and the rows a little above
    and below are not; a stroke that crosses the line stays, where there is ink
    on both of its sides. Columns likewise. A picture cut to a digit's box has
    such a row where the digit has a bar, which stays: it is the only one, and
    with it the ink is as high as the picture.
    """
    mask = ink >= INK_THRESHOLD
    height, width = mask.shape
    counted = mask.astype(np.float32)
    full_rows = counted @ ones(width) > 0.97 * width
    full_columns = ones(height) @ counted > 0.97 * height
    if not (full_rows.any() or full_columns.any()):
        return ink
    return np.minimum(_remove_rows(ink, mask, full_rows), _remove_rows(ink.T, mask.T, full_columns).T)


def _remove_rows(ink, mask, full):
    """Erases thin lines among the rows that are `full` (bool [height]) of ink."""
    height = len(ink)
    if not 0 < np.count_nonzero(full) <= 0.3 * height:
        return ink
    thickest = max(1, height // 25)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full, [0]])))
    result, erased = ink.copy(), []
    for top, bottom in edges.reshape(-1, 2):
        if bottom - top > thickest:
            continue
        above, below = max(0, top - 1), min(height, bottom + 1)
        outside = max(0, above - 1), min(height - 1, below)
        crossing = mask[outside[0]] & mask[outside[1]]
        result[above:below, ~crossing] = 0
        erased += [top, bottom - 1]
    left = result >= INK_THRESHOLD
    # Without the lines there must be something left to read.
    if np.count_nonzero(left) < 9:
        return ink
    reached = np.concatenate([erased, np.flatnonzero(left.any(axis=1))])
    is_cut_out = len(erased) == 2 and np.ptp(reached) + 1 >= 0.95 * height
    return ink if is_cut_out else result


def remove_scribble(ink):
    """Erases thin lines that run through and beyond a digit of a thick pen.

    Lines of one pen's width vanish under an opening while those of the other
    stay. That alone could be a printed digit's hairline, so most of the ink
    must stay in one piece, and what goes must reach well beyond it on three
    sides, or far beyond it on two.

    Args:
      ink: float32 [height, width], as from `isolate_digit`.
    """
    if min(ink.shape) < 40:
        return ink  # too coarse to tell pens apart
    margin = 4
    mask = np.zeros(np.add(ink.shape, 2 * margin), bool)
    inside = np.s_[margin:-margin, margin:-margin]
    mask[inside] = ink >= INK_THRESHOLD
    eroded = mask
    for radius in (1, 2):
        eroded = _erode(eroded)
        if not _reaches_beyond(mask, eroded, radius):
            continue
        opened = ~eroded
        for _ in range(radius):
            opened = _erode(opened)
        opened = ~opened
        if _is_crossed(mask, opened):
            parts = find_components(opened)
            opened = parts.mask(parts.area >= 0.1 * parts.area.max())
            return ink * ~_erode(~opened)[inside]
    return ink


def _reaches_beyond(mask, eroded, radius):
    """Whether a mask reaches well beyond its opening.

    The opening's box is that of the eroded mask, grown by the radius again.
    """
    whole, kept = bounding_box(mask), bounding_box(eroded)
    if kept is None:
        return False
    kept = np.add(kept, (-radius, radius) * 2)
    longest, left = (max(box[1] - box[0], box[3] - box[2]) for box in (whole, kept))
    reach = np.abs(np.subtract(whole, kept)) / left
    return (reach > 0.12).sum() >= 3 and left > 0.3 * longest or (reach > 0.3).sum() >= 2 and left > 0.5 * longest


def _is_crossed(mask, opened):
    """Whether an opening is a digit, and lines run through it in the mask."""
    area = find_components(opened).area
    if area.sum() < 0.5 * mask.sum() or area.max() < 0.8 * area.sum():
        return False
    # A line through the digit leaves it twice; a thin stroke of its own, after
    # a thick one, once.
    outside = _erode(~opened)
    return find_components(mask & outside & ~_erode(outside)).area.size >= 2


def _erode(mask):
    """bool [h, w]: where the 3x3 neighbourhood is all in the mask.

    The outermost pixels stay as they are.
    """
    rows = mask[:-2] & mask[1:-1] & mask[2:]
    result = mask.copy()
    result[1:-1, 1:-1] = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return result
