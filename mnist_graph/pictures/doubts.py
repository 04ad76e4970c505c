"""Digits that were read where none stands: 1 is what any stroke is read as, so more is asked of it."""

from typing import NamedTuple

import cv2
import numpy as np

# Of the row's height: a lower 1 is a speck or a stroke of something else.
LEAST_ONE = 0.55

# Of its row's typical height: a higher 1 is a rule or an edge, and a slash is so high. Of its length: a straight
# stroke is not as thick. Degrees by which a slash leans.
_HIGHEST_ONE, _SLASH_HEIGHT, _BAR, _SLASH_LEAN = 1.45, 1.15, 0.3, 16
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
    """

    image: np.ndarray
    scores: np.ndarray
    box: tuple[int, int, int, int]
    area: int


def without_doubtful(found: list[list[Digit]], mask: np.ndarray) -> list[list[Digit]]:
    """Rows less what reads as a digit but stands where none does; see the constants.

    1 is what any stroke is read as: more is asked of it.
    """
    digits = [digit for row in found for digit in row]
    tall = [_high(digit) for digit in digits if label(digit) != 1] or [_high(digit) for digit in digits]
    if not tall:
        return []
    typical = float(np.median(tall))
    result = []
    for row in found:
        heights = [_high(digit) for digit in row if label(digit) != 1] or [typical]
        kept = []
        for digit in row:
            if len(digits) > 2 and _high(digit) < _LEAST_HEIGHT_OF_TYPICAL * typical:
                continue
            if label(digit) == 1 and len(digits) > 1 and _is_no_one(digit, row, float(np.median(heights)), found, mask):
                continue
            kept.append(digit)
        if kept:
            result.append(kept)
    return result


def _is_no_one(digit: Digit, row: list[Digit], height: float, found: list[list[Digit]], mask: np.ndarray) -> bool:
    left, top, right, bottom = digit.box
    high = bottom - top
    if high < LEAST_ONE * height or high > _HIGHEST_ONE * height:
        return True
    if len(row) == 1 and max(map(len, found)) >= 3:
        return True
    at_edge = left <= 1 or top <= 1 or right >= mask.shape[1] - 1 or bottom >= mask.shape[0] - 1
    if at_edge and not _LIKE_NEIGHBOURS < high / height < 1 / _LIKE_NEIGHBOURS:
        return True
    return high > _SLASH_HEIGHT * height and _is_leaning_bar(digit.image)


def _is_leaning_bar(image: np.ndarray) -> bool:
    """Whether a float32 [28, 28] shows a straight stroke, as a slash is, that leans more than most hands write a 1."""
    _, (wide, high), angle = cv2.minAreaRect(cv2.findNonZero((image > 0.5).astype(np.uint8)))
    # OpenCV's angle is that of the first side, in (0, 90].
    lean = 90 - angle if wide > high else angle
    return min(wide, high) < _BAR * max(wide, high) and min(lean, 90 - lean) > _SLASH_LEAN


def label(digit: Digit) -> int:
    return int(digit.scores[:10].argmax())


def _high(digit: Digit) -> int:
    return digit.box[3] - digit.box[1]
