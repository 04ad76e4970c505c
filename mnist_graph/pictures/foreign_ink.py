"""Ink that belongs to no digit: frames, rings and underlines around it, lines across the page, shades at its edges."""

import numpy as np

# A part of a broken digit holds this share of the largest part's ink or more.
LEAST_PART = 0.03


def candidates(parts, ink):
    """bool [components]: those that may be (part of) a digit; never none.

    Args:
      parts: `components.Components` of the ink, at least one.
      ink: float32 [height, width] in [0, 1].
    """
    if parts.area.size == 1:
        return np.ones(1, bool)
    height, width = parts.shape
    longest = np.maximum(parts.height, parts.width)
    substantial = longest >= 0.12 * min(height, width)
    # A line from edge to edge, or a frame along three edges or more, is not
    # the digit if anything else could be.
    touches = (parts.top == 0).astype(int) + (parts.bottom == height) + (parts.left == 0) + (parts.right == width)
    hollow = parts.area < 0.35 * parts.height * parts.width
    frame = (touches >= 3) & hollow
    frame |= (
        (parts.height >= 0.8 * height)
        & (parts.width >= 0.8 * width)
        & (parts.area < 0.15 * height * width)
        & _straight(parts)
    )
    line = (parts.width >= 0.95 * width) & (parts.height < 0.08 * height) | (parts.height >= 0.95 * height) & (
        parts.width < 0.08 * width
    )
    foreign = frame | line | _faded(parts, ink) | _enclosing(parts, substantial)
    foreign |= _underlines(parts, substantial & ~foreign)
    if not (substantial & ~foreign).any():
        foreign[:] = False
    keep = ~foreign
    return keep & (parts.area >= LEAST_PART * parts.area[keep].max())


def _enclosing(parts, substantial):
    """bool [components]: boxes and rings drawn around something else of some size.

    A ring around a slash or a dot may be a zero: so a ring is nearly as wide as
    high, and what is in it is not small.
    """
    result = np.zeros(parts.area.size, bool)
    hollow = parts.area < 0.5 * parts.height * parts.width
    may_enclose = hollow & (_straight(parts) | (parts.width > 0.8 * parts.height))
    for number in np.flatnonzero(may_enclose).tolist():
        inner = (
            substantial
            & (parts.top > parts.top[number])
            & (parts.bottom < parts.bottom[number])
            & (parts.left > parts.left[number])
            & (parts.right < parts.right[number])
        )
        if not inner.any() or max(parts.extent(inner)) < 0.3 * parts.height[number]:
            continue
        mask = parts.mask(np.arange(parts.area.size) == number)
        result[number] = any(_is_around(mask, parts, each) for each in np.flatnonzero(inner).tolist())
    return result


def _is_around(mask, parts, number):
    """Whether from the middle of a component there is mask up, down, left and right, and none in its box."""
    top, bottom, left, right = parts.top[number], parts.bottom[number], parts.left[number], parts.right[number]
    y, x = (top + bottom) // 2, (left + right) // 2
    return (
        mask[:y, x].any()
        and mask[y:, x].any()
        and mask[y, :x].any()
        and mask[y, x:].any()
        and not mask[top:bottom, left:right].any()
    )


def _underlines(parts, others):
    """bool [components]: straight lines below the others (bool [components]), and as long as those are wide."""
    result = np.zeros(parts.area.size, bool)
    if np.count_nonzero(others) < 2:
        return result
    flat = others & (parts.height < 0.2 * parts.width)
    for number in np.flatnonzero(flat).tolist():
        rest = others.copy()
        rest[number] = False
        left, right = parts.left[rest].min(), parts.right[rest].max()
        height, width = parts.extent(rest)
        result[number] = (
            parts.top[number] >= parts.bottom[rest].max()
            and parts.left[number] <= left + 0.1 * width
            and parts.right[number] >= right - 0.1 * width
            and parts.width[number] > 0.7 * height
        )  # the base of a broken 1 or 2 is shorter
    return result


def _faded(parts, ink):
    """bool [components]: shades of the background, told by weak ink.

    They come in from the picture's edge and hold, on average, much less than
    the fullest component of some size; a digit's own parts are of one pen.
    """
    sums = np.concatenate([[0.0], np.cumsum(ink, dtype=np.float64)])
    amount = np.bincount(parts.run_label, sums[parts.run_stop] - sums[parts.run_start])
    mean = amount / parts.area
    height, width = parts.shape
    at_edge = (parts.top == 0) | (parts.left == 0) | (parts.bottom == height) | (parts.right == width)
    full = mean[parts.area >= 0.2 * parts.area.max()].max()
    return at_edge & (mean < 0.75 * full)


def _straight(parts):
    """bool [components]: most of the box's upper or lower side is ink."""
    result = np.zeros(parts.area.size, bool)
    row = parts.run_start // parts.shape[1]
    length = parts.run_stop - parts.run_start
    margin = np.maximum(2, parts.height // 12)[parts.run_label]
    for near in (row - parts.top[parts.run_label] < margin, parts.bottom[parts.run_label] - 1 - row < margin):
        longest = np.zeros(parts.area.size, int)
        np.maximum.at(longest, parts.run_label[near], length[near])
        result |= longest >= 0.7 * parts.width
    return result
