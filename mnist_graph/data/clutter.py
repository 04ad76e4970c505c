"""Pictures that are not one digit: what a reader meets when it cuts ink in the wrong place, or finds other ink.

Two digits at once, halves, strokes, signs, letters, frames and texture, in
MNIST's format. What looks like a digit all the same, as half of a 7 looks like
a 1, is left out: `Lookalikes` tells it by its distance to real digits.
"""

from collections.abc import Callable

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.base.opencv import cv2
from mnist_graph.data import printed
from mnist_graph.pictures.mnist_style import normalize_digit

# Pixels: strokes and frames are drawn on a square canvas of this side.
_SIDE = 96
# Letters that nobody takes for a digit, in any hand or font.
_LETTERS = 'ACDEFGHJKLMNPQRTUVWXYadefhjkmnprtuvwxy'
_SIGNS = '+x=*#%&@?!()[]{}<>:;'
# The share of the pictures that are plus, times, divided-by, equals or minus signs. These are kept even if they are
# near a digit, because nobody takes them for one.
_SIGN_SHARE = 0.08
# A picture looks like a digit if it is nearer to a real one than this quantile of other real digits' distances.
_NEAR = 0.9
# How many real digits, of all writers, tell lookalikes: half of them to compare with, half for that quantile.
_N_KNOWN = 16000
# Pixels of the reduced pictures whose distances are measured.
_REDUCED = 14


class Lookalikes:
    """Tells what looks like a digit: its nearest neighbour among real digits is as near as theirs are."""

    def __init__(self, digits: np.ndarray):
        """`digits`: uint8 [n, 28, 28], real ones; a few thousand are enough."""
        half = len(digits) // 2
        self._known = self._vectors(digits[:half])
        self._near = float(np.quantile(self._distances(digits[half:]), _NEAR))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """bool [n]: which of the uint8 [n, 28, 28] look like digits."""
        return self._distances(images) < self._near

    @staticmethod
    def _vectors(images: np.ndarray) -> np.ndarray:
        """float32 [n, 196], each of length 1: blurred and reduced, so that a shift of a pixel counts little."""
        small = [
            cv2.resize(cv2.GaussianBlur(image, (0, 0), 1.0), (_REDUCED, _REDUCED), interpolation=cv2.INTER_AREA)
            for image in images
        ]
        vectors = np.reshape(small, (len(small), -1)).astype(np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

    def _distances(self, images: np.ndarray) -> np.ndarray:
        """float32 [n]: of each to the nearest known digit, in 1 - cosine."""
        vectors = self._vectors(images)
        parts = [vectors[start : start + 500] @ self._known.T for start in range(0, len(vectors), 500)]
        return 1 - np.concatenate([part.max(axis=1) for part in parts])


def make(n: int, digits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Makes n pictures that are not one digit: uint8 [n, 28, 28].

    Args:
      n: How many.
      digits: uint8 [m, 28, 28], real digits that the pieces come from.
      rng: Everything random.
    """
    looks_like_digit = Lookalikes(digits[rng.permutation(len(digits))[:_N_KNOWN]])
    n_signs = round(_SIGN_SHARE * n)
    kept = [np.rint(normalize_digit(_sign(rng)) * 255).astype(np.uint8) for _ in range(n_signs)]
    names = list(_KINDS)
    shares = np.array([share for _, share in _KINDS.values()])
    while len(kept) < n:
        made = []
        for kind in rng.choice(len(names), max(500, n // 4), p=shares / shares.sum()):
            draw: Callable = _KINDS[names[kind]][0]
            try:
                made.append(np.rint(normalize_digit(draw(digits, rng)) * 255).astype(np.uint8))
            except ImageError:  # no ink was left
                continue
        batch = np.stack(made)
        kept += list(batch[~looks_like_digit(batch)])
    return np.stack(kept[:n])[rng.permutation(n)]


def _cut(digit: np.ndarray) -> np.ndarray:
    """A digit's ink without the black around it."""
    x, y, width, height = cv2.boundingRect((digit > 64).astype(np.uint8))
    return digit[y : y + height, x : x + width]


def _any(digits: np.ndarray, rng) -> np.ndarray:
    """One digit's ink, scaled a little."""
    digit = _cut(digits[rng.integers(len(digits))])
    height, width = (max(3, round(side * rng.uniform(0.75, 1.25))) for side in digit.shape)
    return cv2.resize(digit, (width, height), interpolation=cv2.INTER_LINEAR)


def _beside(left: np.ndarray, right: np.ndarray, gap: int, drop: int) -> np.ndarray:
    """Two figures beside each other; a negative gap lets them overlap, `drop` moves the right one down."""
    canvas = np.zeros((96, max(left.shape[1], left.shape[1] + gap + right.shape[1]) + 4), np.uint8)
    top = 30
    canvas[top : top + left.shape[0], 1 : 1 + left.shape[1]] = left
    start = max(0, 1 + left.shape[1] + gap)
    place = canvas[top + drop : top + drop + right.shape[0], start : start + right.shape[1]]
    np.maximum(place, right[:, : place.shape[1]], out=place)
    return canvas


def _pair(digits, rng):
    left, right = _any(digits, rng), _any(digits, rng)
    pair = _beside(left, right, int(rng.integers(-3, 9)), int(rng.integers(-4, 5)))
    return _beside(_cut(pair), _any(digits, rng), int(rng.integers(-2, 2)), 0) if rng.random() < 0.15 else pair


def _digit_and_piece(digits, rng):
    """A digit with a good part of its neighbour, as a cut in the wrong place leaves it."""
    whole, piece = _any(digits, rng), _any(digits, rng)
    width = piece.shape[1]
    if width < 8:
        return _pair(digits, rng)
    part = max(4, round(width * rng.uniform(0.35, 0.8)))
    if rng.random() < 0.5:
        return _beside(whole, piece[:, :part], int(rng.integers(-2, 2)), int(rng.integers(-3, 4)))
    return _beside(piece[:, -part:], whole, int(rng.integers(-2, 2)), int(rng.integers(-3, 4)))


def _half(digits, rng):
    """The left, right, upper or lower part of a digit."""
    digit = _any(digits, rng)
    share = rng.uniform(0.35, 0.7)
    if rng.random() < 0.7:
        cut = max(3, round(share * digit.shape[1]))
        part = digit[:, :cut] if rng.random() < 0.5 else digit[:, -cut:]
    else:
        cut = max(3, round(share * digit.shape[0]))
        part = digit[:cut] if rng.random() < 0.5 else digit[-cut:]
    return np.pad(part, 4)


def _stacked(digits, rng):
    """Two digits over each other, as rows that touch are."""
    upper, lower = _any(digits, rng), _any(digits, rng)
    return np.pad(_beside(upper.T.copy(), lower.T.copy(), int(rng.integers(-2, 3)), int(rng.integers(-4, 5))).T, 2)


def _thickness(rng) -> int:
    return int(rng.integers(3, 15))


def _point(rng) -> tuple[int, int]:
    x, y = rng.integers(8, _SIDE - 8, 2)
    return int(x), int(y)


def _stroke(digits, rng):
    """A dash, a slash well off the vertical, a dot, an arc, or two or three strokes."""
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    kind = rng.integers(5)
    middle = _SIDE // 2
    if kind == 0:  # a dash or a slash; nearer the vertical it might be a 1
        angle = np.deg2rad(rng.uniform(-50, 50))
        half = rng.uniform(20, 40)
        x, y = round(half * np.cos(angle)), round(half * np.sin(angle))
        cv2.line(canvas, (middle - x, middle - y), (middle + x, middle + y), 255, _thickness(rng), cv2.LINE_AA)
    elif kind == 1:  # a dot, round or drawn out
        axes = tuple(int(side) for side in rng.integers(10, 36, 2))
        cv2.ellipse(canvas, (middle, middle), axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    elif kind == 2:  # an arc
        axes = tuple(int(side) for side in rng.integers(14, 40, 2))
        start = rng.uniform(0, 360)
        turn = rng.uniform(60, 210)
        cv2.ellipse(
            canvas, (middle, middle), axes, rng.uniform(0, 180), start, start + turn, 255, _thickness(rng), cv2.LINE_AA
        )
    elif kind == 3:  # strokes across each other
        for _ in range(rng.integers(2, 4)):
            cv2.line(canvas, _point(rng), _point(rng), 255, _thickness(rng), cv2.LINE_AA)
    else:  # a scribble
        points = np.array([_point(rng) for _ in range(rng.integers(4, 9))])
        cv2.polylines(canvas, [points], bool(rng.integers(2)), 255, max(3, _thickness(rng) // 2), cv2.LINE_AA)
    return canvas


def _sign(rng) -> np.ndarray:
    """A plus, a cross, a division sign, an equals sign or a dash by hand."""
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    width = int(rng.integers(3, 12))
    half, turn = rng.uniform(18, 36), rng.normal(0, 8)

    def stroke(degrees, length, x=0.0, y=0.0):
        angle = np.deg2rad(degrees + turn + rng.normal(0, 6))
        along = length * np.array([np.cos(angle), np.sin(angle)])
        middle = _SIDE / 2 + np.array([x, y]) + rng.normal(0, 2, 2)
        bend = middle + rng.normal(0, 0.06 * length, 2)
        points = np.rint([middle - along, bend, middle + along]).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, width, cv2.LINE_AA)

    kind = rng.integers(5)
    if kind == 0:
        stroke(0, half)
        stroke(90, half * rng.uniform(0.7, 1.4))
    elif kind == 1:
        stroke(45, half)
        stroke(135, half * rng.uniform(0.7, 1.4))
    elif kind == 2:
        stroke(0, half)
        for side in (-1, 1):
            middle = (_SIDE // 2 + int(rng.integers(-4, 5)), round(_SIDE / 2 + side * half * rng.uniform(0.5, 0.9)))
            cv2.circle(canvas, middle, max(2, round(width * rng.uniform(0.6, 1.1))), 255, -1, cv2.LINE_AA)
    elif kind == 3:
        for side in (-1, 1):
            stroke(0, half, 0, side * half * rng.uniform(0.25, 0.6))
    else:
        stroke(0, half)
    return canvas


def _letter(digits, rng):
    letters = _SIGNS if rng.random() < 0.2 else _LETTERS
    text = letters[rng.integers(len(letters))]
    if rng.random() < 0.15:
        text += _LETTERS[rng.integers(len(_LETTERS))]
    every = printed.fonts()
    return printed.draw(text, every[rng.integers(len(every))], int(rng.integers(3, 9)))


def _frame(digits, rng):
    """A box, or two or three of its sides, with nothing or a digit in it."""
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    left, top = rng.integers(4, 30, 2)
    right, bottom = rng.integers(60, _SIDE - 4, 2)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    corners = [(int(x), int(y)) for x, y in np.add(corners, rng.integers(-3, 4, (4, 2)))]
    first, n_sides, width = rng.integers(4), rng.choice([2, 3, 4], p=[0.25, 0.25, 0.5]), int(rng.integers(2, 8))
    for side in range(first, first + n_sides):
        cv2.line(canvas, corners[side % 4], corners[(side + 1) % 4], 255, width, cv2.LINE_AA)
    if rng.random() < 0.4:
        digit = _any(digits, rng)
        scale = rng.uniform(0.4, 0.9) * min(right - left, bottom - top) / max(digit.shape)
        digit = cv2.resize(digit, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        place = canvas[top + 4 : top + 4 + digit.shape[0], left + 4 : left + 4 + digit.shape[1]]
        np.maximum(place, digit, out=place)
    return canvas


def _texture(digits, rng):
    """Blots of paper, cloth or noise."""
    noise = rng.normal(size=(_SIDE, _SIDE)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(2, 9), sigmaY=rng.uniform(2, 9))
    level = np.quantile(noise, rng.uniform(0.5, 0.95))
    return np.clip((noise - level) / (noise.std() * 0.2), 0, 1)


# What draws each kind, and its share.
_KINDS: dict[str, tuple[Callable, float]] = {
    'pair': (_pair, 5),
    'digit and piece': (_digit_and_piece, 3),
    'half': (_half, 4),
    'stacked': (_stacked, 1.5),
    'stroke': (_stroke, 5),
    'letter': (_letter, 4),
    'frame': (_frame, 2),
    'texture': (_texture, 1.5),
}
