"""Ink that is no digit: ruled lines, scribbles, frames, rings, underlines, and shades at the picture's edges.

`remove_rules` and `remove_scribble` erase lines that run through digits; `digit_candidates` rules out whole components.
"""

import numpy as np

from mnist_graph.pictures.components import Components, bounding_box, dilate, erode, find_components, ones
from mnist_graph.pictures.ink import INK_THRESHOLD

# Ruled lines.
# Part of a row that is ink in a rule; less is a long bar of a digit, more would let rules with a gap stay.
_RULE = 0.97
# Most of the rows that may be full: more is an area, or the picture is cut out of a bold digit.
_MOST_FULL_ROWS = 0.3
# A rule is one row in so many thick at most; what is thicker is a bar.
_RULE_ONE_IN = 25
# Pixels of ink that must be left without the rules: where fewer are, the rule was the digit.
_LEAST_LEFT = 9
# Part of the height that a picture cut out to a digit's box is reached over by the digit with its bar.
_CUT_OUT = 0.95

# Scribbles of a thin pen.
# Pixels: in a picture with a shorter side, a thin and a thick pen differ by less than a pixel.
_SCRIBBLED_SIDE = 40
# Radii, in pixels, of the openings that are tried: at 3, thick strokes of small digits vanish, too.
_RADII = (1, 2)
# How far lines reach beyond the digit on three sides, or on two, in the digit's longest sides. Serifs reach less.
_REACH_ON_THREE, _REACH_ON_TWO = 0.12, 0.3
# Least longest side of what stays, in that of all ink, for either reach: less is a blot on thin strokes.
_LEAST_STAYS_ON_THREE, _LEAST_STAYS_ON_TWO = 0.3, 0.5
# Parts of the ink that stay, and of what stays that is in one piece: less is a printed digit with thin hairlines.
_INK_STAYS, _ONE_PIECE = 0.5, 0.8
# Part of the largest piece's area from which a piece of the opening is more than where two thin lines cross.
_LEAST_PIECE = 0.1

# Components. Lengths are parts of the picture's side, areas parts of the component's box, unless they say otherwise.
# Least part of the largest candidate's area; less is a speck, more loses pieces of broken digits.
_LEAST_AREA = 0.03
# Longest side, in the picture's shorter one, from which a component could be a digit; dots are smaller.
_SUBSTANTIAL = 0.12
# Most of its box that a frame along three edges of the picture covers, and one that encloses something. The first is
# less, as a bold digit may touch three edges, too.
_HOLLOW_AT_EDGES, _HOLLOW_AROUND = 0.35, 0.5
# Sides of a frame that touches no edge, and the most of the picture that it covers; a large bold digit covers more.
_FRAME_SIDE, _FRAME_AREA = 0.8, 0.15
# Length and thickness of a line across the picture; a 1 that fills it is thicker.
_LINE_LENGTH, _LINE_THICKNESS = 0.95, 0.08
# A ring is at least so wide, in its height, as zeros are narrower; and what is in it is so large, in the ring's height,
# as the slash or the dot in a zero is smaller.
_RING_WIDTH, _INSIDE_RING = 0.8, 0.3
# Thickest underline, in its length; how much shorter than the figures on either side, in their width; and shortest, in
# their height: the base of a broken 1 or 2 is shorter.
_UNDERLINE_THICKNESS, _UNDERLINE_SHORT, _UNDERLINE_LENGTH = 0.2, 0.1, 0.7
# Mean coverage of a shade, in that of the fullest component with this part of the largest area. Pieces of a digit
# differ less, as they are of one pen; smaller components may be all edge.
_FADED, _FULL_AREA = 0.75, 0.2
# A straight side is inked over this part of the box's width, in one run, within one row in so many of the box's height
# (but two at least): a round stroke is shorter there, and a frame drawn by hand may sag.
_STRAIGHT, _STRAIGHT_ONE_IN, _STRAIGHT_LEAST_ROWS = 0.7, 12, 2


def remove_rules(ink: np.ndarray) -> np.ndarray:
    """Erases ruled lines that cross the whole picture.

    A row of pixels belongs to a rule if nearly all of it is ink and the rows a little above and below are not. A stroke
    that crosses the rule stays, where there is ink on both sides. Columns likewise. A picture cut out to a digit's box
    has such a row where the digit has a bar, which stays: it is the only one, and with it the ink is as high as the
    picture.

    Args:
      ink: float32 [height, width] in [0, 1]; the result is alike.
    """
    mask = ink >= INK_THRESHOLD
    height, width = mask.shape
    counted = mask.astype(np.float32)
    full_rows = counted @ ones(width) > _RULE * width
    full_columns = ones(height) @ counted > _RULE * height
    if not (full_rows.any() or full_columns.any()):
        return ink
    return np.minimum(_remove_rows(ink, mask, full_rows), _remove_rows(ink.T, mask.T, full_columns).T)


def _remove_rows(ink: np.ndarray, mask: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Erases thin lines among the rows that are `full` (bool [height]) of ink."""
    height = len(ink)
    if not 0 < np.count_nonzero(full) <= _MOST_FULL_ROWS * height:
        return ink
    thickest = max(1, height // _RULE_ONE_IN)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full, [0]])))
    result, erased = ink.copy(), []
    for top, bottom in edges.reshape(-1, 2):
        if bottom - top > thickest:
            continue
        above, below = max(0, top - 1), min(height, bottom + 1)
        crossing = mask[max(0, above - 1)] & mask[min(height - 1, below)]
        result[above:below, ~crossing] = 0
        erased += [top, bottom - 1]
    left = result >= INK_THRESHOLD
    if np.count_nonzero(left) < _LEAST_LEFT:
        return ink
    reached = np.concatenate([erased, np.flatnonzero(left.any(axis=1))])
    is_cut_out = len(erased) == 2 and np.ptp(reached) + 1 >= _CUT_OUT * height
    return ink if is_cut_out else result


def remove_scribble(ink: np.ndarray) -> np.ndarray:
    """Erases thin lines that run through and beyond a digit of a thick pen.

    Thin lines vanish under an opening that thick strokes survive. They could also be a printed digit's hairlines, so
    most of the ink must stay in one piece, and what goes must reach well beyond it on three sides, or far on two.

    Args:
      ink: float32 [height, width], as from `segment.isolate_digit`.
    """
    if min(ink.shape) < _SCRIBBLED_SIDE:
        return ink
    margin = 2 * max(_RADII)
    mask = np.zeros(np.add(ink.shape, 2 * margin), bool)  # much faster than `np.pad`
    mask[margin:-margin, margin:-margin] = ink >= INK_THRESHOLD
    eroded = mask
    for radius in _RADII:
        eroded = erode(eroded)
        if not _reaches_beyond(mask, eroded, radius):
            continue
        opened = eroded
        for _ in range(radius):
            opened = dilate(opened)
        if _is_crossed(mask, opened):
            parts = find_components(opened)
            opened = parts.mask(parts.area >= _LEAST_PIECE * parts.area.max())
            return ink * dilate(opened)[margin:-margin, margin:-margin]
    return ink


def _reaches_beyond(mask: np.ndarray, eroded: np.ndarray, radius: int) -> bool:
    """Whether a mask reaches well beyond its opening, whose box is that of the eroded mask, grown by the radius."""
    whole, kept = bounding_box(mask), bounding_box(eroded)
    if whole is None or kept is None:
        return False
    opened = np.add(kept, (-radius, radius) * 2)
    longest, left = (max(box[1] - box[0], box[3] - box[2]) for box in (whole, opened))
    reach = np.abs(np.subtract(whole, opened)) / left
    on_three = np.count_nonzero(reach > _REACH_ON_THREE) >= 3 and left > _LEAST_STAYS_ON_THREE * longest
    on_two = np.count_nonzero(reach > _REACH_ON_TWO) >= 2 and left > _LEAST_STAYS_ON_TWO * longest
    return bool(on_three or on_two)


def _is_crossed(mask: np.ndarray, opened: np.ndarray) -> bool:
    """Whether an opening is a digit, and lines run through it in the mask."""
    area = find_components(opened).area
    if area.sum() < _INK_STAYS * mask.sum() or area.max() < _ONE_PIECE * area.sum():
        return False
    # Just outside the digit, a line through it is met twice; a thin stroke that goes on from a thick one, once.
    around = dilate(opened)
    return find_components(mask & dilate(around) & ~around).area.size >= 2


def digit_candidates(parts: Components, ink: np.ndarray) -> np.ndarray:
    """bool [components]: those of ink, float32 [height, width], that may be a digit or part of one; at least one is."""
    if parts.area.size == 1:
        return np.ones(1, bool)
    height, width = parts.shape
    is_substantial = parts.longest >= _SUBSTANTIAL * min(height, width)
    n_edges = (parts.top == 0).astype(int) + (parts.bottom == height) + (parts.left == 0) + (parts.right == width)
    frame = (n_edges >= 3) & (parts.area < _HOLLOW_AT_EDGES * parts.height * parts.width)
    frame |= (
        (parts.height >= _FRAME_SIDE * height)
        & (parts.width >= _FRAME_SIDE * width)
        & (parts.area < _FRAME_AREA * height * width)
        & _has_straight_side(parts)
    )
    across = (parts.width >= _LINE_LENGTH * width) & (parts.height < _LINE_THICKNESS * height)
    down = (parts.height >= _LINE_LENGTH * height) & (parts.width < _LINE_THICKNESS * width)
    foreign = frame | across | down | _is_faded(parts, ink) | _is_enclosing(parts, is_substantial)
    foreign |= _is_underline(parts, is_substantial & ~foreign)
    keep = ~foreign if (is_substantial & ~foreign).any() else np.ones(parts.area.size, bool)  # something is the digit
    return keep & (parts.area >= _LEAST_AREA * parts.area[keep].max())


def _is_enclosing(parts: Components, is_substantial: np.ndarray) -> np.ndarray:
    """bool [components]: boxes and rings drawn around something that is not small."""
    result = np.zeros(parts.area.size, bool)
    hollow = parts.area < _HOLLOW_AROUND * parts.height * parts.width
    may_enclose = hollow & (_has_straight_side(parts) | (parts.width > _RING_WIDTH * parts.height))
    for number in np.flatnonzero(may_enclose).tolist():
        inner = (
            is_substantial
            & (parts.top > parts.top[number])
            & (parts.bottom < parts.bottom[number])
            & (parts.left > parts.left[number])
            & (parts.right < parts.right[number])
        )
        if not inner.any() or max(parts.extent(inner)) < _INSIDE_RING * parts.height[number]:
            continue
        mask = parts.mask(np.arange(parts.area.size) == number)
        result[number] = any(_is_around(mask, parts, inside) for inside in np.flatnonzero(inner).tolist())
    return result


def _is_around(mask: np.ndarray, parts: Components, number: int) -> bool:
    """Whether there is mask above, below, left and right of the middle of a component's box, and none inside the box."""
    top, bottom, left, right = parts.top[number], parts.bottom[number], parts.left[number], parts.right[number]
    y, x = (top + bottom) // 2, (left + right) // 2
    is_surrounded = all(side.any() for side in (mask[:y, x], mask[y:, x], mask[y, :x], mask[y, x:]))
    return is_surrounded and not mask[top:bottom, left:right].any()


def _is_underline(parts: Components, others: np.ndarray) -> np.ndarray:
    """bool [components]: flat ones below all others (bool [components]) and about as long as those are wide."""
    result = np.zeros(parts.area.size, bool)
    if np.count_nonzero(others) < 2:
        return result
    flat = others & (parts.height < _UNDERLINE_THICKNESS * parts.width)
    for number in np.flatnonzero(flat).tolist():
        rest = others.copy()
        rest[number] = False
        left, right = parts.left[rest].min(), parts.right[rest].max()
        height, width = parts.extent(rest)
        result[number] = (
            parts.top[number] >= parts.bottom[rest].max()
            and parts.left[number] <= left + _UNDERLINE_SHORT * width
            and parts.right[number] >= right - _UNDERLINE_SHORT * width
            and parts.width[number] > _UNDERLINE_LENGTH * height
        )
    return result


def _is_faded(parts: Components, ink: np.ndarray) -> np.ndarray:
    """bool [components]: shades of the background, which are weak ink that comes in from the picture's edge."""
    sums = np.concatenate([[0.0], np.cumsum(ink, dtype=np.float64)])
    amount = np.bincount(parts.run_label, sums[parts.run_stop] - sums[parts.run_start])
    mean = amount / parts.area
    height, width = parts.shape
    is_at_edge = (parts.top == 0) | (parts.left == 0) | (parts.bottom == height) | (parts.right == width)
    full = mean[parts.area >= _FULL_AREA * parts.area.max()].max()
    return is_at_edge & (mean < _FADED * full)


def _has_straight_side(parts: Components) -> np.ndarray:
    """bool [components]: most of the box's upper or lower side is ink."""
    result = np.zeros(parts.area.size, bool)
    row = parts.run_start // parts.shape[1]
    length = parts.run_stop - parts.run_start
    margin = np.maximum(_STRAIGHT_LEAST_ROWS, parts.height // _STRAIGHT_ONE_IN)[parts.run_label]
    for near in (row - parts.top[parts.run_label] < margin, parts.bottom[parts.run_label] - 1 - row < margin):
        longest = np.zeros(parts.area.size, int)
        np.maximum.at(longest, parts.run_label[near], length[near])
        result |= longest >= _STRAIGHT * parts.width
    return result
