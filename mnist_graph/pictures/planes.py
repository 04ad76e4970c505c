"""Telling ink from paper: from a picture in colours to the share of ink in each pixel.

The picture is looked at along one axis of colour, that on which what is written
differs most from the paper around it; the paper under the ink is filled in by
a morphological closing; and what is left is compared with the darkest nearby.
"""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.opencv import cv2

# Of the range of shades, and of the border: a border that is even to such a degree is all paper.
_EVEN, _EVEN_SHARE = 0.05, 0.98
# Share of the strongest ink nearby from which a pixel counts as ink: the middle of a soft edge.
INK_THRESHOLD = 0.5
# The picture is reduced to the first side (pixels) to tell the colours, and to the second to tell which is darker.
_SAMPLE_SIDE, _GREY_SAMPLE_SIDE = 96, 48
# A pen is chosen to be darker or lighter than the paper, so colour counts less than lightness.
_CHROMA_WEIGHT = 0.6
# Black to white is 1: the least difference between ink and paper.
FAINTEST_INK = 0.04
# Of the strongest ink in the picture: weaker strokes are lost to a strong one, stronger stains are not ink.
_WEAKEST_INK = 0.2
# Standard deviations of the paper's grain between neighbours, and multiples of its typical depth, that ink must exceed.
_ABOVE_NOISE, _ABOVE_GRAIN = 6.0, 4.0
# Of the range from black to white: grain that needs no smoothing. Pixels: the deviations of a soft and a strong blur.
# Of the strongest ink: where the least ink is that strong, the paper's grain asks for the strong one.
_GRAINLESS, _SOFTLY, _STRONGLY, _GRAINY = 0.002, 0.8, 2.0, 0.3
# Times that the strong blur makes grain weaker. White noise becomes 2 sqrt(pi) * _STRONGLY = 7 times weaker, that of a
# JPEG file less.
_SMOOTHED = 2.5
# Pixels: what `reach` is reduced to where the paper is found.
_REDUCED_REACH = 12
# Strokes thinner than this share of the thickest strokes' thickness are of another pen. Without them, a share of the ink
# between these two is left.
_THICK_STROKE, _LEAST_THICK, _MOST_THICK = 0.6, 0.3, 0.95


class Ink(NamedTuple):
    """What is written in a picture.

    Attributes:
      share: float32 [height, width] in [0, 1], of ink in each pixel.
      contrast: Difference between the strongest ink and the paper; black on white is 1.
      is_dark: Whether the ink is darker than the paper.
    """

    share: np.ndarray
    contrast: float
    is_dark: bool

    @property
    def mask(self) -> np.ndarray:
        """uint8 [height, width]: 1 where there is ink."""
        return (self.share >= INK_THRESHOLD).view(np.uint8)


def shade(picture: np.ndarray) -> tuple[np.ndarray, bool]:
    """The picture along the axis of colour on which its ink shows best.

    Args:
      picture: float32 [height, width, 1 or 3] in [0, 1].

    Returns:
      (float32 [height, width], whether the ink is the darker side of it).
    """
    if picture.shape[2] == 1:
        grey = np.ascontiguousarray(picture[:, :, 0])
        small = _sample(grey, _GREY_SAMPLE_SIDE)
        residual = small - _paper(small)
        return grey, float((residual * residual * residual).sum()) < 0
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2Lab)
    samples = zip((1, _CHROMA_WEIGHT, _CHROMA_WEIGHT), cv2.split(_sample(lab, _SAMPLE_SIDE)))
    residual = np.stack([weight * (plane - _paper(plane)).ravel() for weight, plane in samples], axis=1)
    square = np.square(residual) @ np.ones(3, np.float32)
    some = np.sort(square[:: max(1, square.size // 2000)])
    strong = residual[square >= 0.25 * some[-max(4, some.size // 200) :][0]]
    axis = np.linalg.eigh(strong.T @ strong)[1][:, -1]
    along = residual @ axis
    if axis[0] < 0:
        axis = -axis
        along = -along
    weights = axis * np.array([1, _CHROMA_WEIGHT, _CHROMA_WEIGHT], np.float32) / 100
    return cv2.transform(lab, weights[None]).reshape(lab.shape[:2]), float((along * along * along).sum()) < 0


def lightness(picture: np.ndarray) -> np.ndarray:
    """float32 [height, width]: the picture without its colours."""
    return picture[:, :, 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def _sample(picture: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(picture.shape[:2])
    return picture if scale >= 1 else reduced(picture, scale)


def reduced(picture: np.ndarray, scale: float) -> np.ndarray:
    """A picture averaged down by `scale`, below 1, to one pixel at least."""
    height, width = picture.shape[:2]
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _paper(plane: np.ndarray) -> np.ndarray | float:
    """The paper, roughly: what the whole border has, if it is even, as around a thick drawing; else a wide median."""
    border = border_of(plane)
    middle = median(border)
    tolerance = _EVEN * max(float(plane.max() - plane.min()), 1e-6)
    n_even = np.count_nonzero(np.abs(border - middle) < tolerance)
    return middle if n_even > _EVEN_SHARE * border.size else _wide_median(plane)


def border_of(picture: np.ndarray) -> np.ndarray:
    """[pixels, ...]: those along the four sides of a picture [height, width, ...]."""
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def median(values: np.ndarray) -> float:
    """The median of some numbers; `np.median` takes two to five times as long."""
    below, above = (values.size - 1) // 2, values.size // 2
    parted = np.partition(values.ravel(), [below, above])
    return float(parted[below] + parted[above]) / 2


def _wide_median(plane: np.ndarray) -> np.ndarray:
    """The median of a neighbourhood of about half the picture, which follows light but no strokes."""
    low, high = float(plane.min()), float(plane.max())
    size = max(3, min(plane.shape) // 2) | 1
    grey = ((plane - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
    return cv2.medianBlur(grey, min(size, 255)).astype(np.float32) * ((high - low) / 255) + low


def find_ink(shade: np.ndarray, is_dark: bool, reach: int) -> Ink | None:
    """The share of ink in each pixel, or None for a blank picture.

    Args:
      shade: float32 [height, width].
      is_dark: Whether ink is the darker side.
      reach: Pixels: wider than any stroke, and about a third of a digit.
    """
    grey = -shade if is_dark else shade
    noise = _noise(grey)
    if noise > _GRAINLESS:
        grey = cv2.GaussianBlur(grey, (0, 0), _SOFTLY)
    ink, top, least = _above_paper(grey, reach, noise)
    if least > _GRAINY * top and reach > 20:
        ink, top, least = _above_paper(cv2.GaussianBlur(grey, (0, 0), _STRONGLY), reach, noise / _SMOOTHED)
    if top < least:
        return None
    step = max(1, reach // 6)
    small = cv2.dilate(reduced(ink, 1 / step), np.ones((19, 19)))
    small = 0.9 * np.clip(cv2.blur(small, (13, 13)), max(_WEAKEST_INK * top, least), top)
    strongest = cv2.resize(small, ink.shape[::-1], interpolation=cv2.INTER_LINEAR)
    share = np.divide(ink, strongest, out=ink)
    return Ink(np.minimum(share, 1, out=share), top, is_dark)


def _above_paper(grey: np.ndarray, reach: int, noise: float) -> tuple[np.ndarray, float, float]:
    """How much brighter than the paper each pixel is, how much the strongest are, and the least that is ink."""
    factor = max(1, reach // _REDUCED_REACH)  # paper is smooth, so that it may be found in a reduced picture
    small = reduced(grey, 1 / factor) if factor > 1 else grey
    size = max(3, reach // factor | 1)
    paper = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((size, size), np.uint8), borderType=cv2.BORDER_REPLICATE)
    paper = cv2.blur(paper, (size, size), borderType=cv2.BORDER_REPLICATE)
    if factor > 1:
        paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    ink = grey - paper
    np.maximum(ink, 0, out=ink)
    top = _top(ink)
    # Most of a page is bare, so that its median ink is the depth of the paper's grain.
    step = max(1, reach // 12)
    grain = median(ink[::step, ::step])
    return ink, top, max(FAINTEST_INK, _ABOVE_NOISE * noise, min(_ABOVE_GRAIN * grain, 0.6 * top))


def _noise(grey: np.ndarray) -> float:
    """The standard deviation of a picture's grain: neighbours on bare paper differ by sqrt(2) of it.

    The median absolute value of a normal variable is 0.6745 deviations.
    """
    rows = grey[:: max(1, grey.shape[0] // 24)]
    return median(np.abs(rows[:, 1:] - rows[:, :-1])) / 0.6745 / 2**0.5 if grey.shape[1] > 1 else 0.0


def _top(ink: np.ndarray) -> float:
    """What the strongest 0.2% of the pixels, and at least nine, exceed."""
    step = max(1, round((ink.size / 20000) ** 0.5))
    values = ink[::step, ::step].ravel()
    values = values[values > 0.5 * float(values.max())]  # few, while many are next to zero and slow to sort
    count = min(values.size, max(9, ink.size // step**2 // 500))
    return float(np.partition(values, [-count, -1])[-count]) if count else 0.0


def thick_strokes(mask: np.ndarray) -> np.ndarray | None:
    """The mask less strokes of a pen much thinner than its thickest, or None if there are none or only these."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    ridge = depth[depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)) - 0.5]
    ridge = ridge[ridge > 0.9]
    if not ridge.size:
        return None
    size = int(_THICK_STROKE * 2 * np.quantile(ridge, 0.9))
    if size < 3:
        return None
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), np.ones((3, 3), np.uint8)) & mask
    left = np.count_nonzero(opened) / np.count_nonzero(mask)
    return opened if _LEAST_THICK < left < _MOST_THICK else None
