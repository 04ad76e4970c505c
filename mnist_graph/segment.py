"""Choosing the ink that is the digit, and splitting several digits.

Sizes are relative to the digit itself wherever they can be, so that the same
rules hold for a 28-pixel drawing and for a photo.
"""

import numpy as np

from mnist_graph.components import find_components
from mnist_graph.errors import ImageError
from mnist_graph.ink import BLANK, INK_THRESHOLD
from mnist_graph.lines import remove_rules, remove_scribble

# A part of a broken digit holds this share of the largest part's ink or more.
LEAST_PART = 0.03
# And it lies within this share of the largest part's longest side of it.
FARTHEST_PART = 0.4


def isolate_digit(ink):
    """Returns the digit's ink alone: specks, frames and ruled lines go.

    Args:
      ink: float32 [height, width] in [0, 1].

    Returns:
      float32 [box height, box width], the part of `ink` with the digit in it,
      0 wherever there is no digit.

    Raises:
      ImageError: no ink.
    """
    ink = remove_rules(ink)
    parts = _find_parts(ink)
    keep = _candidates(parts, ink)
    if keep.size > 1:
        keep &= _near_main(parts, keep)
    return remove_scribble(_cut_out(ink, parts, keep))


def split_digits(ink, plain_only):
    """Splits ink into digits, in reading order (a single line of them).

    Args:
      ink: float32 [height, width] in [0, 1].
      plain_only: split only where no single digit could look like that:
        between groups of like height, with a clear gap.

    Returns:
      A list of float32 [box height, box width], one for each digit, as from
      `isolate_digit`.

    Raises:
      ImageError: as in `isolate_digit`.
    """
    ink = remove_rules(ink)
    parts = _find_parts(ink)
    keep = _candidates(parts, ink)
    groups = _group_columns(parts, keep, 0.12 if plain_only else 0.0)
    tallest = max(_extent(parts, group)[0] for group in groups)
    least = 0.55 if plain_only else 0.35
    digits = [group for group in groups
              if _extent(parts, group)[0] >= least * tallest]
    if plain_only and (len(digits) < 2 or len(digits) < len(groups)
                       and not _only_specks(parts, groups, digits)):
        return [remove_scribble(_cut_out(ink, parts, keep & _near_main(parts, keep)))]
    result = []
    for group in digits:
        chosen = np.zeros(parts.area.size, bool)
        chosen[group] = True
        result.append(_cut_out(ink, parts, chosen))
    return result


def _find_parts(ink):
    parts = find_components(ink >= INK_THRESHOLD)
    if not parts.area.size:
        raise ImageError(BLANK)
    return parts


def _cut_out(ink, parts, keep):
    """The ink of some components, with its soft edge, and no more around it.

    Returns:
      float32 [height, width]: the components' box and a pixel on each side of
      it, where the picture has one.
    """
    top, bottom = parts.top[keep].min(), parts.bottom[keep].max()
    left, right = parts.left[keep].min(), parts.right[keep].max()
    inside = np.s_[max(0, top - 1):bottom + 1, max(0, left - 1):right + 1]
    mask = ink[inside] >= INK_THRESHOLD if keep.all() else parts.mask(keep)[inside]
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    return ink[inside] * wide


def _candidates(parts, ink):
    """bool [components]: those that may be (part of) a digit; never none."""
    if parts.area.size == 1:
        return np.ones(1, bool)
    height, width = parts.shape
    longest = np.maximum(parts.height, parts.width)
    substantial = longest >= 0.12 * min(height, width)
    # A line from edge to edge, or a frame along three edges or more, is not
    # the digit if anything else could be.
    touches = ((parts.top == 0).astype(int) + (parts.bottom == height)
               + (parts.left == 0) + (parts.right == width))
    hollow = parts.area < 0.35 * parts.height * parts.width
    frame = (touches >= 3) & hollow
    frame |= ((parts.height >= 0.8 * height) & (parts.width >= 0.8 * width)
              & (parts.area < 0.15 * height * width) & _straight(parts))
    line = ((parts.width >= 0.95 * width) & (parts.height < 0.08 * height)
            | (parts.height >= 0.95 * height) & (parts.width < 0.08 * width))
    foreign = frame | line | _faded(parts, ink)
    if not (substantial & ~foreign).any():
        foreign[:] = False
    keep = ~foreign
    return keep & (parts.area >= LEAST_PART * parts.area[keep].max())


def _faded(parts, ink):
    """bool [components]: shades of the background, told by weak ink.

    They come in from the picture's edge and hold, on average, much less than
    the fullest component of some size; a digit's own parts are of one pen.
    """
    sums = np.concatenate([[0.0], np.cumsum(ink, dtype=np.float64)])
    amount = np.bincount(
        parts.run_label, sums[parts.run_stop] - sums[parts.run_start])
    mean = amount / parts.area
    height, width = parts.shape
    at_edge = ((parts.top == 0) | (parts.left == 0)
               | (parts.bottom == height) | (parts.right == width))
    full = mean[parts.area >= 0.2 * parts.area.max()].max()
    return at_edge & (mean < 0.75 * full)


def _straight(parts):
    """bool [components]: most of the box's upper or lower side is ink."""
    result = np.zeros(parts.area.size, bool)
    row = parts.run_start // parts.shape[1]
    length = parts.run_stop - parts.run_start
    margin = np.maximum(2, parts.height // 12)[parts.run_label]
    for near in (row - parts.top[parts.run_label] < margin,
                 parts.bottom[parts.run_label] - 1 - row < margin):
        longest = np.zeros(parts.area.size, int)
        np.maximum.at(longest, parts.run_label[near], length[near])
        result |= longest >= 0.7 * parts.width
    return result


def _near_main(parts, keep):
    """bool [components]: the largest that is kept, and what lies near it.

    Of several large ones, the one nearest the picture's centre counts more.
    """
    height, width = parts.shape
    off_y = (parts.top + parts.bottom) / height - 1
    off_x = (parts.left + parts.right) / width - 1
    weight = parts.area * (1.5 - np.minimum(1, np.hypot(off_y, off_x)))
    main = int(np.argmax(np.where(keep, weight, -1)))
    near = np.zeros(parts.area.size, bool)
    near[main] = True
    reach = FARTHEST_PART * max(parts.height[main], parts.width[main])
    for _ in range(4):
        top, left = parts.top[near].min(), parts.left[near].min()
        bottom, right = parts.bottom[near].max(), parts.right[near].max()
        gap_y = np.maximum(parts.top - bottom, top - parts.bottom)
        gap_x = np.maximum(parts.left - right, left - parts.right)
        grown = keep & (np.maximum(gap_y, gap_x) <= reach)
        if (grown == near).all():
            break
        near = grown
    return near


def _extent(parts, group):
    """(height, width) of the box around some components."""
    return (parts.bottom[group].max() - parts.top[group].min(),
            parts.right[group].max() - parts.left[group].min())


def _group_columns(parts, keep, gap):
    """Groups kept components whose columns overlap or nearly do.

    Args:
      gap: groups lie at least this share of the tallest component's height
        apart.

    Returns:
      A list of lists of component numbers, left to right.
    """
    order = np.flatnonzero(keep)
    order = order[np.argsort(parts.left[order], kind='stable')]
    least = gap * parts.height[order].max()
    groups, reach = [], -np.inf
    for number in order.tolist():
        if groups and parts.left[number] - reach < max(1, least):
            groups[-1].append(number)
        else:
            groups.append([number])
        reach = max(reach, parts.right[number])
    return groups


def _only_specks(parts, groups, digits):
    """Whether the groups that are not digits hold next to no ink."""
    ink = [parts.area[group].sum() for group in groups]
    least = min(parts.area[group].sum() for group in digits)
    return all(amount < 0.2 * least for group, amount in zip(groups, ink)
               if group not in digits)
