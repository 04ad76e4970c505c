"""Digits of a data set as they come out of pictures: enlarged, blurred, told from the paper, and cut from neighbours.

A reader that knows MNIST's own 28x28 pixels alone reads the same digits less
surely after they were written large on a page and found there again.
"""

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.data import clutter
from mnist_graph.pictures.mnist_style import normalize_digit

# How many times as large as in MNIST, and how many times as wide as high.
_SCALES, _STRETCHES = (1.2, 5.0), (0.87, 1.15)
# Pixels of MNIST: the standard deviation of the blur.
_BLURS = (0.1, 0.6)
# Of full ink: from where on a pixel is ink, how uneven that is over the picture, and how sharply ink and paper part.
_LEVELS, _UNEVENNESS, _SLOPES = (0.3, 0.6), 0.08, (1.0, 4.0)
# The share of digits that were cut from a neighbour. Of a digit's width: what a cut leaves of the neighbour, and what
# it takes from the digit, if that is at least so many pixels wide.
_CUT_SHARE, _SLIVERS, _LOSSES, _LEAST_WIDTH = 0.35, (0.08, 0.22), (0.04, 0.1), 9
# A cut can make these look like each other.
_NEVER_CUT = (1, 7)
# Of the digit's height: a higher sliver might be a 1.
_HIGHEST_SLIVER = 0.55


def found_in_pictures(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Digits as a page shows them.

    Args:
      images: uint8 [n, 28, 28], bright digits on black.
      labels: int [n], in 0..9.
      rng: Everything random.

    Returns:
      uint8 [n, 28, 28], in the same order. A digit of which no ink is left stays as it was.
    """
    result = images.copy()
    for number, (image, label) in enumerate(zip(images, labels)):
        digit = clutter.ink_alone(image)
        if rng.random() < _CUT_SHARE and label not in _NEVER_CUT:
            digit = _cut_from_neighbour(digit, images, rng)
        try:
            result[number] = np.rint(normalize_digit(_on_a_page(digit, rng)) * 255)
        except ImageError:
            continue
    return result


def _on_a_page(digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ink, float32 [height, width] in [0, 1], as it is told from the paper of a larger picture."""
    scale, stretch = rng.uniform(*_SCALES), rng.uniform(*_STRETCHES)
    digit = np.pad(digit, 3).astype(np.float32) / 255
    large = cv2.resize(digit, None, fx=scale * stretch, fy=scale, interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), scale * rng.uniform(*_BLURS))
    shade = rng.normal(size=(4, 4)).astype(np.float32)
    level = rng.uniform(*_LEVELS) + _UNEVENNESS * cv2.resize(shade, large.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip((large - level) * rng.uniform(*_SLOPES) + 0.5, 0, 1) * (large > 0.05)


def _cut_from_neighbour(digit: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A digit with a sliver of a neighbour that it touched, or short of one of its own; uint8 [height, width]."""
    is_right, width = rng.random() < 0.5, digit.shape[1]
    if rng.random() < 0.5 and width >= _LEAST_WIDTH:
        lost = max(1, round(rng.uniform(*_LOSSES) * width))
        return digit[:, :-lost] if is_right else digit[:, lost:]
    other = clutter.ink_alone(others[rng.integers(len(others))])
    sliver = max(1, round(rng.uniform(*_SLIVERS) * other.shape[1]))
    piece = other[:, :sliver] if is_right else other[:, -sliver:]
    if (piece > 64).any(axis=1).sum() > _HIGHEST_SLIVER * len(digit):
        return digit
    gap, drop = int(rng.integers(-2, 1)), int(rng.integers(-3, 4))
    pair = clutter.beside(digit, piece, gap, drop) if is_right else clutter.beside(piece, digit, gap, drop)
    return clutter.ink_alone(pair)
