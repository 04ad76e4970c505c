"""Choosing the ink that is the digit, and splitting several digits.

Sizes are relative to the digit itself wherever they can be, so that the same
rules hold for a 28-pixel drawing and for a photo.
"""

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.components import find_components
from mnist_graph.pictures.foreign_ink import candidates
from mnist_graph.pictures.ink import BLANK, INK_THRESHOLD
from mnist_graph.pictures.lines import remove_rules, remove_scribble

# A part of a broken digit lies within this share of the largest part's longest side of it.
FARTHEST_PART = 0.4
# A digit is at most so many times as wide as high; from so many times on it is surely several.
WIDEST_DIGIT, SEVERAL_DIGITS = 1.15, 2
# Of the tallest digit's height: a gap between digits that is plain, and the least height of a digit's main part.
PLAIN_GAP, MAIN_PART = 0.12, 0.6


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
    keep = candidates(parts, ink)
    if keep.size > 1:
        keep &= _near_main(parts, keep)
    return remove_scribble(_cut_out(ink, parts, keep))


def split_digits(ink, plain_only):
    """Splits ink into digits, in reading order (a single line of them).

    Args:
      ink: float32 [height, width] in [0, 1].
      plain_only: split only where no single digit could look like that:
        between groups of like height, with a clear gap or together wider than a
        digit is.

    Returns:
      A list of float32 [box height, box width], one for each digit, as from
      `isolate_digit`.

    Raises:
      ImageError: as in `isolate_digit`.
    """
    ink = remove_rules(ink)
    parts = _find_parts(ink)
    keep = candidates(parts, ink)
    height, width = parts.extent(keep & _near_main(parts, keep))
    if plain_only and width < WIDEST_DIGIT * height:
        groups = _group_columns(parts, keep, PLAIN_GAP)
    else:
        plain_only = plain_only and width < SEVERAL_DIGITS * height
        groups = _group_figures(parts, keep)
    tallest = max(parts.extent(group)[0] for group in groups)
    least = 0.55 if plain_only else 0.35
    digits = [
        group
        for group in groups
        if parts.extent(group)[0] >= least * tallest and not _are_dots(parts, tallest)[group].all()
    ]
    if plain_only and (len(digits) < 2 or len(digits) < len(groups) and not _only_specks(parts, groups, digits)):
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
    inside = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    mask = ink[inside] >= INK_THRESHOLD if keep.all() else parts.mask(keep)[inside]
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    return ink[inside] * wide


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


def _are_dots(parts, tallest):
    """bool [components]: dots or dashes beside digits, the tallest of which has that height."""
    return np.maximum(parts.height, parts.width) < 0.25 * tallest


def _from_left(parts, keep):
    """int64 [kept]: the numbers of kept components, by where they begin."""
    order = np.flatnonzero(keep)
    return order[np.argsort(parts.left[order], kind='stable')]


def _group_columns(parts, keep, gap):
    """Groups kept components whose columns overlap or nearly do.

    Args:
      gap: groups lie at least this share of the tallest component's height
        apart, unless one is a dot or a dash, which bridges no gap.

    Returns:
      A list of lists of component numbers, left to right.
    """
    order = _from_left(parts, keep)
    tallest = parts.height[order].max()
    dots = _are_dots(parts, tallest)
    groups, reach = [], -np.inf
    for number in order.tolist():
        least = 0 if dots[number] or groups and dots[groups[-1]].all() else gap * tallest
        if groups and parts.left[number] - reach < max(1, least):
            groups[-1].append(number)
        else:
            groups.append([number])
        reach = max(reach, parts.right[number])
    return groups


def _group_figures(parts, keep):
    """Groups kept components into digits, whose columns may overlap a little, as those of slanted writing do.

    A high component begins a digit, unless half of it lies over or under one
    before. Lower ones go to the digit whose columns they share most, or stay by
    themselves.

    Returns:
      A list of lists of component numbers, left to right.
    """
    order = _from_left(parts, keep)
    is_high = parts.height >= MAIN_PART * parts.height[order].max()
    groups = []
    for number in sorted(order.tolist(), key=lambda number: not is_high[number]):
        overlaps = [
            min(parts.right[number], parts.right[group].max()) - max(parts.left[number], parts.left[group].min())
            for group in groups
        ]
        best = int(np.argmax(overlaps)) if groups else None
        if groups and is_high[number]:
            least = 0.5 * min(parts.width[number], parts.extent(groups[best])[1])
        else:
            least = 0
        if groups and overlaps[best] > least:
            groups[best].append(number)
        else:
            groups.append([number])
    return sorted(groups, key=lambda group: parts.left[group].min() + parts.right[group].max())


def _only_specks(parts, groups, digits):
    """Whether the groups that are not digits hold next to no ink."""
    ink = [parts.area[group].sum() for group in groups]
    least = min(parts.area[group].sum() for group in digits)
    return all(amount < 0.2 * least for group, amount in zip(groups, ink) if group not in digits)
