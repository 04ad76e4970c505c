"""Digits that were read where none stands: 1 is what any stroke is read as, so more is asked of it."""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2

# Of the row's height: a lower 1 is a speck or a stroke of something else.
LEAST_ONE = 0.42

# Of its row's typical height: a higher 1 is a rule or an edge. Of its length: a straight stroke is not as thick.
_HIGHEST_ONE, _BAR = 2.4, 0.3
# Degrees that a straight stroke leans, times the share of its neighbours' height by which it exceeds them: a slash
# does both, where a 1 leans as its writer's other digits do, and is about as high.
_SLASH = 4.0
# Degrees that a slash as high as its neighbours leans, by itself and more than they; of its length, its breadth; and
# the share of its box, turned with it, that a stroke by a ruler fills, at the size of MNIST.
_SLASH_LEAN, _MORE_THAN_OTHERS, _SLASH_BREADTH, _RULED = (18, 35), 8, 0.15, 0.67
# How many digits stand before, between and after slashes; and of the lowest digit's height, the highest's beside them.
_GROUPS, _ONE_SIZE = (1, 2, 4), 1.4
# Of the picture's side: a bar as long that lies so near its edge, and is as thin, is a line along it. A shorter one is
# if the picture's border cuts it, or (the third length, or nearer the edge than _HUGS) if the digits beside it are of
# another height, or none is.
_LINE_LENGTH, _LINE_LENGTH_AT_BORDER, _LINE_LENGTH_INSIDE, _LINE_PLACE, _LINE_WIDTH = 0.85, 0.25, 0.35, 0.12, 0.15
_HUGS = 0.03
# Rows so many times as high, or as low, as the longest row's must be read as surely as that in the mean.
_OTHER_SIZE, _SURE_ROW = 1.7, 0.97
# Of its neighbours' height: that of a 1 that may touch the picture's border.
_LIKE_NEIGHBOURS = 0.85
# Of the page's typical height: what is lower is a remnant of something else.
_LEAST_HEIGHT_OF_TYPICAL = 0.3


class Digit(NamedTuple):
    """One digit that was read.

    Attributes:
      image: float32 [28, 28] in [0, 1], as MNIST would have it.
      scores: float [classes]: what the network said.
      box: (left, top, right, bottom) in the picture that was looked at.
      area: Pixels of ink.
      share: Probability that the ink was cut rightly.
    """

    image: np.ndarray
    scores: np.ndarray
    box: tuple[int, int, int, int]
    area: int
    share: float = 1.0

    def weighed(self) -> 'Digit':
        """The digit with its scores times its share; the rest of 1 goes to the last class, `none`."""
        scores = self.scores * self.share
        scores[-1] += 1 - self.share
        return self._replace(scores=scores, share=1.0)


def without_doubtful(found: list[list[Digit]], size: tuple[int, int]) -> list[list[Digit]]:
    """Rows less what reads as a digit but stands where none does; see the constants. `size`: the picture's (width, height).

    1 is what any stroke is read as: more is asked of it.
    """
    digits = [digit for row in found for digit in row]
    if not digits:
        return []
    typical = _typical_height(digits)
    longest = max(found, key=len)
    result = []
    for row in found:
        height = _typical_height(row) if any(label(digit) != 1 for digit in row) else typical
        ratio = np.median([_high(digit) for digit in row]) / np.median([_high(digit) for digit in longest])
        mean = np.mean([digit.scores[:10].max() for digit in row])
        if len(longest) >= 2 * len(row) and not 1 / _OTHER_SIZE < ratio < _OTHER_SIZE and mean < _SURE_ROW:
            continue
        slashes, kept = _slashes(row, height), []
        for digit in row:
            if len(digits) > 2 and _high(digit) < _LEAST_HEIGHT_OF_TYPICAL * typical:
                continue
            if label(digit) == 1 and (
                any(digit is slash for slash in slashes)
                or _is_along_edge(digit, row, size)
                or len(digits) > 1
                and _is_no_one(digit, row, height, found, size)
            ):
                continue
            kept.append(digit)
        if kept:
            result.append(kept)
    return result


def _is_along_edge(digit: Digit, row: list[Digit], size: tuple[int, int]) -> bool:
    """Whether a bar lies along the left or right edge of the picture, and is not as long as the digits beside it."""
    left, top, right, bottom = digit.box
    wide, high = size
    is_near = right < _LINE_PLACE * wide or left > (1 - _LINE_PLACE) * wide
    if not is_near or right - left >= min(_LINE_WIDTH * wide, _BAR * _high(digit)):
        return False
    runs_out = (top <= 2 or bottom >= high - 2) and _high(digit) > _LINE_LENGTH_AT_BORDER * high
    if runs_out or _high(digit) > _LINE_LENGTH * high:
        return True
    others = [_high(other) for other in row if label(other) != 1]
    is_like_others = bool(others) and _LIKE_NEIGHBOURS < _high(digit) / np.median(others) < 1 / _LIKE_NEIGHBOURS
    hugs_edge = left < _HUGS * wide or right > (1 - _HUGS) * wide
    return (hugs_edge or _high(digit) > _LINE_LENGTH_INSIDE * high) and not is_like_others


def _is_no_one(digit: Digit, row: list[Digit], height: float, found: list[list[Digit]], size: tuple[int, int]) -> bool:
    left, top, right, bottom = digit.box
    high = bottom - top
    if high < LEAST_ONE * height or high > _HIGHEST_ONE * height:
        return True
    if len(row) == 1 and max(map(len, found)) >= 3:
        return True
    at_edge = left <= 1 or top <= 1 or right >= size[0] - 1 or bottom >= size[1] - 1
    return at_edge and not _LIKE_NEIGHBOURS < high / height < 1 / _LIKE_NEIGHBOURS


def _slashes(row: list[Digit], height: float) -> list[Digit]:
    """What reads as a 1 and is a slash, as in a date or a fraction.

    It looks like one, the digits are of one size, and they stand in groups as in dates.
    """
    slashes = [digit for digit in row[1:-1] if label(digit) == 1 and _looks_like_slash(digit, row, height)]
    heights = [_high(digit) for digit in row if not any(digit is slash for slash in slashes)]
    if not slashes or max(heights) > _ONE_SIZE * min(heights):
        return []
    places = [-1, *(k for k, digit in enumerate(row) if any(digit is slash for slash in slashes)), len(row)]
    return slashes if all(int(n) - 1 in _GROUPS for n in np.diff(places)) else []


def _looks_like_slash(digit: Digit, row: list[Digit], height: float) -> bool:
    lean, breadth, filled = _bar(digit.image)
    if breadth > _BAR:
        return False
    others = [_slant(other.image) for other in row if label(other) != 1]
    is_ruled = breadth < _SLASH_BREADTH and filled > _RULED and _SLASH_LEAN[0] < lean < _SLASH_LEAN[1]
    leans_most = lean > float(np.mean(others or [0])) + _MORE_THAN_OTHERS
    return (_high(digit) / height - 1) * abs(lean) > _SLASH or is_ruled and leans_most


def _bar(image: np.ndarray) -> tuple[float, float, float]:
    """How a stroke, float32 [28, 28], lies.

    Returns:
      (degrees that it leans to the right of the upright, its breadth as a share of its length, the share of the
      rectangle around it that it fills).
    """
    ink = (image > 0.5).astype(np.uint8)
    corners = cv2.boxPoints(cv2.minAreaRect(cv2.findNonZero(ink)))
    short, long = sorted((corners[1] - corners[0], corners[2] - corners[1]), key=np.linalg.norm)
    breadth, length = float(np.linalg.norm(short)), float(np.linalg.norm(long))
    lean = float(np.degrees(np.arctan2(abs(long[0]), abs(long[1])))) * (-1 if long[0] * long[1] > 0 else 1)
    return lean, breadth / max(length, 1.0), float(ink.sum()) / ((breadth + 1) * (length + 1))


def _slant(image: np.ndarray) -> float:
    """Degrees that a digit, float32 [28, 28], leans to the right, by its moments."""
    moments = cv2.moments(image)
    return float(np.degrees(np.arctan2(-moments['mu11'], max(moments['mu02'], 1e-6))))


def _typical_height(digits: list[Digit]) -> float:
    """The height that half of the ink is in digits of, 1s counting half."""
    ordered = sorted(digits, key=_high)
    ink = np.cumsum([digit.area / (1 + (label(digit) == 1)) for digit in ordered])
    return float(_high(ordered[int(np.searchsorted(ink, ink[-1] / 2))]))


def label(digit: Digit) -> int:
    return int(digit.scores[:10].argmax())


def _high(digit: Digit) -> int:
    return digit.box[3] - digit.box[1]
