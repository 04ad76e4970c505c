"""Connected pieces of ink, and which of them are ground, rules and frames rather than writing."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2

# Of the picture's side: ink in touch with so much of it comes in from outside, a shadow or what lies beside the paper.
_LONG_CONTACT = 0.35
# Of the picture's side: a straight line as long is a rule or the side of a frame; so is a shorter one that
# runs into the picture's border.
_LONG_RULE, _LONG_RULE_AT_BORDER = 0.5, 0.25
# Of the rule's length: the least stretch of it that is straight, and its greatest thickness.
_STRAIGHT_STRETCH, _THICKEST_RULE = 0.2, 0.06
# Pixels: ink that is so near to the border counts as touching it.
_AT_BORDER = 2
# Of its box: the ink of a ring or a box. Of its height: the width of one, and the height of what is in it. Of the height
# of what stands on it: an underline is as long; the base of a broken 1 or 2 is shorter.
_HOLLOW, _ROUND, _ENCLOSED, _UNDERLINE = 0.3, 0.8, 0.3, 0.7
# Of its length: a line is not as thick.
_BAR = 0.2
# Of the typical height: a single curve as wide is a rule or an underline, and what is as high is no digit.
_LONG_CURVE, _TOO_HIGH = 1.8, 2.6
# Of its height: the width of a flat piece; of the typical height: its length, and the height of what is written; and of
# the thickness of strokes: that of a rule beside them.
_HAIR_FLAT, _HAIR_LENGTH, _HIGH, _HAIR_WIDTH = 3, 0.3, 0.5, 0.45
# Times its own thickness: ink of a single curve in a column.
_SINGLE = 1.5
# Of the picture's sides: how near them is at their edge; and of a piece's ink: the most that a part of a frame has inside.
_EDGE, _INSIDE = 0.12, 0.15
# Pieces that the border cuts, and their share of the ink, in cloth and the like. Of its length: what is lower is a line.
# Of the mean area: what is smaller is a speck.
_MANY_CUT, _MUCH_CUT, _FLAT, _SPECK_OF_MEAN = 5, 0.3, 0.25, 0.1
# Times that the border crosses ink, ink's share of the picture, and the share of it in pieces that the border cuts: of
# texture, whatever hangs together. A page with digits up to its border has less of each.
_MANY_CROSSINGS, _DENSE, _NEARLY_ALL = 8, 0.26, 0.6


class Pieces(NamedTuple):
    """The 8-connected pieces of a mask, numbered from 1 in `labels`, and from 0 in all else.

    Boxes are half open.

    Attributes:
      labels: int32 [height, width], 0 on paper.
      area, left, top, right, bottom: int64 [pieces].
    """

    labels: np.ndarray
    area: np.ndarray
    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray

    @property
    def height(self) -> np.ndarray:
        return self.bottom - self.top

    @property
    def width(self) -> np.ndarray:
        return self.right - self.left

    def mask(self, keep: np.ndarray) -> np.ndarray:
        """uint8 [height, width]: 1 on the pieces where `keep` (bool [pieces])."""
        return np.concatenate([[False], keep]).astype(np.uint8)[self.labels]


def find_pieces(mask: np.ndarray) -> Pieces:
    """The pieces of a uint8 mask [height, width]."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height, area = stats[1:].T.astype(np.int64)
    return Pieces(labels, area, left, top, left + width, top + height)


class Outlines(NamedTuple):
    """The outlines of the 8-connected pieces of a mask: much quicker to find than `Pieces`, where there are few.

    Attributes:
      of: The mask, uint8 [height, width].
      contours, hierarchy: As OpenCV gives them, of pieces and of the holes in them.
      boxes: {number among the contours: (left, top, width, height)} of each piece.
    """

    of: np.ndarray
    contours: Sequence[np.ndarray]
    hierarchy: np.ndarray
    boxes: dict[int, tuple[int, int, int, int]]

    def mask(self, number: int) -> np.ndarray:
        """uint8 [height, width]: 1 on a piece."""
        if len(self.boxes) == 1:
            return self.of
        blank = np.zeros_like(self.of)
        return cv2.drawContours(blank, self.contours, number, 1, cv2.FILLED, hierarchy=self.hierarchy)


def find_outlines(mask: np.ndarray) -> Outlines:
    """The outlines of the pieces of a uint8 mask [height, width] that is not blank."""
    contours, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    numbers = np.flatnonzero(hierarchy[0, :, 3] < 0).tolist()  # others are holes
    return Outlines(mask, contours, hierarchy, {number: cv2.boundingRect(contours[number]) for number in numbers})


def from_outside(pieces: Pieces, may_span: bool = False) -> np.ndarray:
    """bool [pieces]: what runs along the picture's border: shadows, what lies beside the paper, frames."""
    labels = pieces.labels
    height, width = labels.shape
    n = len(pieces.area) + 1
    result = np.zeros(n - 1, bool)
    for line, side in ((labels[0], width), (labels[-1], width), (labels[:, 0], height), (labels[:, -1], height)):
        result |= np.bincount(line, minlength=n)[1:] > _LONG_CONTACT * side
    corner = np.zeros(n - 1, bool)
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        if labels[y, x]:
            corner[labels[y, x] - 1] = True
    if may_span:  # as the one stroke in a picture that is cut to it does
        return result
    at = pieces.left == 0, pieces.right == width, pieces.top == 0, pieces.bottom == height
    # A strip along a side, and a frame, reach from one side to the other.
    return result | at[0] & at[1] | at[2] & at[3] | corner & (sum(side.astype(int) for side in at) >= 2)


def along_edges(pieces: Pieces) -> np.ndarray:
    """bool [pieces]: what lies nearly all along the edges of the picture: the corner of a frame, cut out with its cell."""
    labels, n = pieces.labels, len(pieces.area) + 1
    y, x = (round(_EDGE * side) for side in labels.shape)
    inside = labels[y : labels.shape[0] - y, x : labels.shape[1] - x]
    return np.bincount(inside.ravel(), minlength=n)[1:] < _INSIDE * pieces.area


def is_dense_texture(pieces: Pieces) -> bool:
    """Whether there is ink all over, as in cloth: the picture's border crosses it many times."""
    labels = pieces.labels
    n_crossings = sum(
        int((line[0] > 0) + np.count_nonzero((line[1:] > 0) & (line[:-1] == 0)))
        for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    )
    total = pieces.area.sum()
    is_dense = total > _DENSE * labels.size and pieces.area[_is_cut(pieces)].sum() > _NEARLY_ALL * total
    return bool(n_crossings >= _MANY_CROSSINGS and is_dense)


def has_much_cut(pieces: Pieces) -> bool:
    """Whether much of the ink is in pieces that the picture's border cuts, as of cloth; lines along it are none."""
    is_line = np.minimum(pieces.height, pieces.width) < _FLAT * np.maximum(pieces.height, pieces.width)
    total = int(pieces.area.sum())
    is_cut = _is_cut(pieces) & ~is_line & (pieces.area * len(pieces.area) > _SPECK_OF_MEAN * total)
    return bool(is_cut.sum() >= _MANY_CUT and pieces.area[is_cut].sum() > _MUCH_CUT * total)


def _is_cut(pieces: Pieces) -> np.ndarray:
    """bool [pieces]: whether the picture's border cuts them."""
    height, width = pieces.labels.shape
    return (pieces.left == 0) | (pieces.top == 0) | (pieces.right == width) | (pieces.bottom == height)


def clutter(pieces: Pieces, numbers: np.ndarray, typical: float) -> list[int]:
    """Those of the pieces that are too high for a digit, or long flat curves: bent rules, underlines, creases.

    Args:
      pieces: All pieces.
      numbers: int [n]: those in question.
      typical: Pixels: the height of digits.
    """
    result = [n for n in numbers.tolist() if _encloses(pieces, n, numbers) or _is_underline(pieces, n, numbers)]
    result += _hairlines(pieces, numbers, typical)
    for n in numbers.tolist():
        if pieces.height[n] > _TOO_HIGH * typical:
            result.append(n)
        elif pieces.width[n] > _LONG_CURVE * typical:
            if pieces.area[n] < _SINGLE * _stroke_width(pieces, n) * pieces.width[n]:
                result.append(n)
    return result


def _stroke_width(pieces: Pieces, n: int) -> float:
    """Pixels: twice the area of a piece over the length of its outline, its holes' included."""
    inside = np.s_[pieces.top[n] : pieces.bottom[n], pieces.left[n] : pieces.right[n]]
    mask = (pieces.labels[inside] == n + 1).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    around = sum(cv2.arcLength(contour, True) for contour in contours)
    return max(1.0, 2 * pieces.area[n] / max(around, 1.0))


def _hairlines(pieces: Pieces, numbers: np.ndarray, typical: float) -> list[int]:
    """Flat pieces that are much thinner than the strokes of the largest piece: bits of rules and creases."""
    is_flat = (pieces.width[numbers] > _HAIR_FLAT * pieces.height[numbers]) & (
        pieces.width[numbers] > _HAIR_LENGTH * typical
    )
    flat, high = numbers[is_flat], numbers[pieces.height[numbers] >= _HIGH * typical]
    if not len(flat) or not len(high):
        return []
    stroke = _stroke_width(pieces, int(high[np.argmax(pieces.area[high])]))
    return flat[pieces.area[flat] < _HAIR_WIDTH * stroke * pieces.width[flat]].tolist()


def _encloses(pieces: Pieces, n: int, others: np.ndarray) -> bool:
    """Whether a hollow piece, as wide as high, goes around another of some size: a box or a ring, but no 0 with a dot."""
    height, width = pieces.height[n], pieces.width[n]
    if pieces.area[n] > _HOLLOW * height * width or width < _ROUND * height:
        return False
    inside = (pieces.left[others] > pieces.left[n]) & (pieces.right[others] < pieces.right[n])
    inside &= (pieces.top[others] > pieces.top[n]) & (pieces.bottom[others] < pieces.bottom[n])
    return bool((pieces.height[others[inside]] >= _ENCLOSED * height).any())


def _is_underline(pieces: Pieces, n: int, others: np.ndarray) -> bool:
    """Whether a flat piece lies under all others, and is as long as they are together."""
    rest = others[others != n]
    if not len(rest) or pieces.height[n] > _BAR * pieces.width[n] or pieces.top[n] < pieces.bottom[rest].max():
        return False
    left, right = pieces.left[rest].min(), pieces.right[rest].max()
    slack = 0.1 * (right - left)
    high = pieces.bottom[rest].max() - pieces.top[rest].min()
    return bool(
        pieces.left[n] <= left + slack and pieces.right[n] >= right - slack and pieces.width[n] > _UNDERLINE * high
    )


def find_rules(mask: np.ndarray) -> np.ndarray:
    """uint8 [height, width]: 1 on straight lines, level and upright, that are too long for a stroke."""
    return _level_rules(mask) | _level_rules(mask.T).T


def _level_rules(mask: np.ndarray) -> np.ndarray:
    width, result = mask.shape[1], np.zeros(mask.shape, np.uint8)
    mask = np.ascontiguousarray(mask)
    left, _, wide, _ = cv2.boundingRect(mask)
    if not _is_long(left, wide, width):
        return result
    stretch = max(9, round(_STRAIGHT_STRETCH * _LONG_RULE * width))
    straight = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, stretch), np.uint8), borderValue=0)
    x, y, wide, high = cv2.boundingRect(straight)
    if not _is_long(x, wide, width):
        return result
    inside = np.s_[y : y + high, x : x + wide]
    straight = straight[inside]
    # Stretches of one line, which drifts up and down, are joined across small gaps.
    outlines = find_outlines(cv2.dilate(straight, np.ones((3, stretch | 1), np.uint8)))
    for number, (left, _, wide, _) in outlines.boxes.items():
        if not _is_long(x + left, wide, width):
            continue
        part = outlines.mask(number) & straight
        start, _, length, _ = cv2.boundingRect(part)
        if _is_long(x + start, length, width):
            n_columns = np.count_nonzero(cv2.reduce(part, 0, cv2.REDUCE_MAX))
            if np.count_nonzero(part) <= max(2, _THICKEST_RULE * length) * n_columns:
                result[inside] |= part
    return result


def _is_long(start: int, length: int, width: int) -> bool:
    """Whether what reaches so far is as long as a rule in a picture of that width."""
    is_at_border = start <= _AT_BORDER or start + length >= width - _AT_BORDER
    return length >= (_LONG_RULE_AT_BORDER if is_at_border else _LONG_RULE) * width


def without_rules(mask: np.ndarray, rules: np.ndarray) -> np.ndarray:
    """The mask less its rules, with the strokes that cross them whole.

    Where there is ink both over and under a line, or on both sides of it, a stroke runs through.
    """
    grown = cv2.dilate(rules, np.ones((3, 3), np.uint8)) & mask
    rest = mask & ~grown & 1
    thickness = max(3, int(2 * np.sqrt(cv2.distanceTransform(rules, cv2.DIST_L2, 3).max() ** 2) + 5))
    bridged = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((thickness, 1), np.uint8))
    bridged |= cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((1, thickness), np.uint8))
    return rest | bridged & grown
