"""Choosing the ink that is the digit, and splitting several digits.

Sizes are relative to the digit itself wherever they can be, so that the same
rules hold for a 28-pixel drawing and for a photo.
"""

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures.clutter import digit_candidates, remove_rules, remove_scribble
from mnist_graph.pictures.components import Components, dilate, find_components
from mnist_graph.pictures.ink import BLANK, INK_THRESHOLD

# Pieces closer than 0.4 x the largest piece's longer side belong together. With less, the bar of a 5 or the stem of an
# open 4 is lost; with more, the neighbouring digit comes along.
_FARTHEST_PIECE = 0.4
# Rounds in which pieces near those found before are added. Fewer lose the end of a dashed stroke; more are rarely used.
_ROUNDS_OF_PIECES = 4
# The weight of ink in the picture's centre. It falls to 0.5 at the edges, so that a centred digit wins over a shadow
# three times its size there; with a much larger one, size would not count, and with 1 ink at the edge would be lost.
_WEIGHT_IN_CENTRE = 1.5

# Width of a digit in its height: a single one is not wider than the first, and from the second on there are surely
# several. In between, 'auto' splits only what stands clearly apart.
_WIDEST_DIGIT, _SEVERAL_DIGITS = 1.15, 2

# In heights of the tallest digit, all of these:
# the gap between two digits that is plain; the pieces of a broken digit are nearer to each other;
_PLAIN_GAP = 0.12
# the least height of a component that begins a digit, where the bars of a 5 or a 7 are lower;
_MAIN_PIECE = 0.6
# the least height of a digit beside others, with 'auto' and without: lower are specks and signs, and the lowest digits;
_LEAST_HEIGHT_PLAIN, _LEAST_HEIGHT = 0.55, 0.35
# and the longest side of a dot or a dash.
_LONGEST_DOT = 0.25

# Part of the narrower one's width over which two high components must share columns to be one digit: slanted digits
# that stand side by side share less.
_SHARED_COLUMNS = 0.5
# Most ink, in that of the least digit, that is left out where 'auto' splits; more could be a piece of a broken digit.
_SPECK = 0.2


def isolate_digit(ink: np.ndarray) -> np.ndarray:
    """Returns the digit's ink alone, without specks, frames and ruled lines.

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
    keep = digit_candidates(parts, ink)
    if keep.size > 1:
        keep &= _near_main(parts, keep)
    return remove_scribble(_cut_out(ink, parts, keep))


def split_digits(ink: np.ndarray, plain_only: bool) -> list[np.ndarray]:
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
    keep = digit_candidates(parts, ink)
    height, width = parts.extent(keep & _near_main(parts, keep))
    if plain_only and width < _WIDEST_DIGIT * height:
        groups = _group_columns(parts, keep)
    else:
        plain_only = plain_only and width < _SEVERAL_DIGITS * height
        groups = _group_figures(parts, keep)
    tallest = max(parts.extent(group)[0] for group in groups)
    least = _LEAST_HEIGHT_PLAIN if plain_only else _LEAST_HEIGHT
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


def _find_parts(ink: np.ndarray) -> Components:
    """The components of the ink; an ImageError if there are none."""
    parts = find_components(ink >= INK_THRESHOLD)
    if not parts.area.size:
        raise ImageError(BLANK)
    return parts


def _cut_out(ink: np.ndarray, parts: Components, keep: np.ndarray) -> np.ndarray:
    """The ink of some components, with its soft edge and nothing of the others.

    Args:
      keep: bool [components].

    Returns:
      float32 [height, width]: the components' box and a pixel on each side of
      it, where the picture has one.
    """
    top, bottom = parts.top[keep].min(), parts.bottom[keep].max()
    left, right = parts.left[keep].min(), parts.right[keep].max()
    inside = np.s_[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    mask = ink[inside] >= INK_THRESHOLD if keep.all() else parts.mask(keep)[inside]
    return ink[inside] * dilate(mask)


def _near_main(parts: Components, keep: np.ndarray) -> np.ndarray:
    """bool [components]: the largest that is kept, and what lies near it.

    Of several large ones, the one nearest the picture's centre counts more.

    Args:
      keep: bool [components].
    """
    height, width = parts.shape
    off_y = (parts.top + parts.bottom) / height - 1
    off_x = (parts.left + parts.right) / width - 1
    weight = parts.area * (_WEIGHT_IN_CENTRE - np.minimum(1, np.hypot(off_y, off_x)))
    main = int(np.argmax(np.where(keep, weight, -1)))
    near = np.zeros(parts.area.size, bool)
    near[main] = True
    reach = _FARTHEST_PIECE * parts.longest[main]
    for _ in range(_ROUNDS_OF_PIECES):
        top, left = parts.top[near].min(), parts.left[near].min()
        bottom, right = parts.bottom[near].max(), parts.right[near].max()
        gap_y = np.maximum(parts.top - bottom, top - parts.bottom)
        gap_x = np.maximum(parts.left - right, left - parts.right)
        grown = keep & (np.maximum(gap_y, gap_x) <= reach)
        if (grown == near).all():
            break
        near = grown
    return near


def _are_dots(parts: Components, tallest: int) -> np.ndarray:
    """bool [components]: dots or dashes beside digits, the tallest of which has that height."""
    return parts.longest < _LONGEST_DOT * tallest


def _from_left(parts: Components, keep: np.ndarray) -> np.ndarray:
    """int64 [kept]: the numbers of kept components (bool [components]), ordered by their left edges."""
    order = np.flatnonzero(keep)
    return order[np.argsort(parts.left[order], kind='stable')]


def _group_columns(parts: Components, keep: np.ndarray) -> list[list[int]]:
    """Groups kept components (bool [components]) whose columns overlap or nearly do.

    Groups lie a plain gap apart. Beside a dot or a dash a pixel is enough, so
    that it does not bridge the gap between two digits.

    Returns:
      Lists of component numbers, left to right.
    """
    order = _from_left(parts, keep)
    tallest = parts.height[order].max()
    dots = _are_dots(parts, tallest)
    groups: list[list[int]] = []
    reach = -1
    for number in order.tolist():
        least = 0 if dots[number] or groups and dots[groups[-1]].all() else _PLAIN_GAP * tallest
        if groups and parts.left[number] - reach < max(1, least):
            groups[-1].append(number)
        else:
            groups.append([number])
        reach = max(reach, parts.right[number])
    return groups


def _group_figures(parts: Components, keep: np.ndarray) -> list[list[int]]:
    """Groups kept components into digits whose columns may overlap a little, as in slanted writing.

    A high component begins a digit, unless half of it lies above or below one
    that was found before. Lower components go to the digit whose columns they
    share most, or stay by themselves.

    Returns:
      Lists of component numbers, left to right.
    """
    order = _from_left(parts, keep)
    is_high = parts.height >= _MAIN_PIECE * parts.height[order].max()
    groups: list[list[int]] = []
    for number in sorted(order.tolist(), key=lambda number: not is_high[number]):
        overlaps = [
            min(parts.right[number], parts.right[group].max()) - max(parts.left[number], parts.left[group].min())
            for group in groups
        ]
        best = int(np.argmax(overlaps)) if groups else 0
        least = 0.0
        if groups and is_high[number]:
            least = _SHARED_COLUMNS * min(parts.width[number], parts.extent(groups[best])[1])
        if groups and overlaps[best] > least:
            groups[best].append(number)
        else:
            groups.append([number])
    return sorted(groups, key=lambda group: parts.left[group].min() + parts.right[group].max())


def _only_specks(parts: Components, groups: list[list[int]], digits: list[list[int]]) -> bool:
    """Whether the groups that are not digits hold next to no ink."""
    areas = [parts.area[group].sum() for group in groups]
    least = min(parts.area[group].sum() for group in digits)
    return all(area < _SPECK * least for group, area in zip(groups, areas) if group not in digits)
