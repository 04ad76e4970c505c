"""The pen: turns stroke descriptions into 28x28 pictures, a whole block of digits at once, with numpy alone.

Three steps: `trace` and `deform` give the path of the pen's tip, with the
irregularities of a hand; `fit` and `ink` draw it as NIST's digits were scaled
for MNIST, the longest side of the ink being 20 pixels; `place` puts that into
the picture with the centre of mass in the middle.
"""

from typing import NamedTuple

import numpy as np

from mnist_graph.base.conventions import CENTRE_POSITION, IMAGE_SIDE, INK_SIDE
from mnist_graph.drawn.splines import N_SAMPLES, prepare
from mnist_graph.drawn.strokes import WAYS, Way


class Style(NamedTuple):
    """How widely handwriting varies. Lengths are in heights of a digit unless they say pixels.

    All values were chosen by eye, so that the digits look as varied as people's.
    """

    # The strokes.
    mixing: float = 1.5  # spread of the mixture of forms; 1 stays between the forms, more goes beyond them
    mixing_alpha: float = 0.45  # Dirichlet parameter of the mixture: the smaller, the nearer to a single form
    jitter: float = 0.040  # standard deviation of every control point's own shift
    carelessness: float = 0.5  # standard deviation of the log of a digit's untidiness, which scales its jitter
    stroke_shift: float = 0.025  # standard deviation of a whole stroke's shift
    overshoot: float = 0.15  # standard deviation of a stroke end's lengthening, in units of its last segment
    rounding: float = 0.7  # largest rounding of the corners: 0 none, 1 a B-spline
    # The digit as a whole.
    warp: float = (
        0.030  # strength of the smooth distortion; its slowest wave has a standard deviation of 1.4 times this
    )
    balance: float = 0.20  # standard deviation of how much larger the top is than the bottom, the left than the right
    bend: float = 0.10  # standard deviation of the sideways bow
    width: float = 0.85  # median of width / height of the box
    width_spread: float = 0.26  # standard deviation of its log
    slant: float = 0.18  # mean shear to the right
    slant_spread: float = 0.28  # its standard deviation
    rotation: float = 0.10  # standard deviation, in radians
    tremor: float = 0.004  # standard deviation of the fast wobble
    # The pen.
    pen: float = 2.7  # pixels: median diameter
    pen_spread: float = 0.30  # standard deviation of its log
    pressure: float = 0.14  # standard deviation of the log of the pen's widening along a digit, at its strongest
    softness: tuple[float, float] = (0.9, 1.6)  # pixels: least and largest width of the ink's grey edge
    roughness: float = 0.12  # pixels: standard deviation of the edge's unevenness


def trace(way: Way, n: int, rng: np.random.Generator, style: Style) -> np.ndarray:
    """Draws n variations of `way`: float32 [n, N_SAMPLES, 2], points (x, y) along the pen's path in the unit box."""
    curves = prepare(way)
    n_forms = len(curves.forms)
    weights = rng.dirichlet(np.full(n_forms, style.mixing_alpha), n)
    weights = 1 / n_forms + style.mixing * (weights - 1 / n_forms)
    points = np.tensordot(weights, curves.forms, 1)
    untidy = np.exp(style.carelessness * np.clip(rng.standard_normal((n, 1, 1)), -2, 2))
    points += style.jitter * untidy * rng.standard_normal(points.shape)
    n_strokes = len(curves.ends) // 2
    if n_strokes > 1:
        points += (style.stroke_shift * untidy * rng.standard_normal((n, n_strokes, 2)))[:, curves.stroke_of_point]
    for end, neighbour in curves.ends:
        step = points[:, end] - points[:, neighbour]
        points[:, end] += style.overshoot * untidy[:, 0] * rng.standard_normal((n, 1)) * step
    points = points.astype(np.float32)
    rounding = rng.uniform(0, style.rounding, (n, 1, 1)).astype(np.float32)
    return (1 - rounding) * (curves.sharp @ points) + rounding * (curves.round @ points)


def deform(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Bends, shears, turns and stretches paths as a hand does.

    Args:
      x, y: float32 [n, N_SAMPLES], in the unit box.

    Returns:
      x and y, of the same shape, around (0, 0).
    """
    n = len(x)

    def normal(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    x, y = x - 0.5, y - 0.5
    moved = np.stack([x, y])
    for wave_number in (3.0, 5.0, 7.5):  # radians per unit box, from smooth to wavy
        direction, phase = rng.uniform(0, 2 * np.pi, (2, 2, n, 1)).astype(np.float32)
        along = np.cos(direction) * x + np.sin(direction) * y
        moved += style.warp * 4.2 / wave_number * normal(2, n, 1) * np.sin(wave_number * along + phase)
    x, y = moved
    # The top wider or narrower than the bottom, the top taller or flatter than the bottom; likewise sideways.
    wide, tall, side = style.balance * normal(3, n, 1)
    x, y = x * (1 - 2 * wide * y) + 0.7 * side * (x * x - 0.25), y + tall * (y * y - 0.25)
    x = x + style.bend * normal(n, 1) * (4 * y * y - 1)
    x = x * style.width * np.exp(style.width_spread * normal(n, 1))
    x = x - (style.slant + style.slant_spread * normal(n, 1)) * y
    angle = style.rotation * normal(n, 1)
    x, y = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return x + style.tremor * normal(*x.shape), y + style.tremor * normal(*y.shape)


def fit(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scales and shifts paths so that the longest side of their ink is INK_SIDE pixels.

    Args:
      x, y: float32 [n, N_SAMPLES], in any unit.
      radius: float32 [n, N_SAMPLES], the pen's, in pixels.

    Returns:
      x and y in pixels. The shorter side of the ink lies in the middle of the
      INK_SIDE pixels, to within one, and begins at a whole pixel.
    """
    path = np.stack([x, y])
    bare = np.maximum(np.ptp(path, axis=2, keepdims=True).max(axis=0), 1e-3)
    scale = (INK_SIDE - 2 * radius.mean(axis=1, keepdims=True)) / bare
    for _ in range(3):  # the pen does not grow with the path, so the scale is found by a few corrections
        side = (path * scale + radius).max(axis=2, keepdims=True) - (path * scale - radius).min(axis=2, keepdims=True)
        scale = scale + (INK_SIDE - side.max(axis=0)) / bare
    path = path * scale
    start = (path - radius).min(axis=2, keepdims=True)
    side = (path + radius).max(axis=2, keepdims=True) - start
    x, y = path - start + np.floor(np.maximum(INK_SIDE - side, 0) / 2)
    return x, y


def ink(x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Draws paths with a round pen.

    Args:
      x, y, radius: float32 [n, N_SAMPLES], in pixels.

    Returns:
      float32 [n, INK_SIDE, INK_SIDE]: how many pixels inside the ink each
      pixel's centre lies; negative outside.
    """
    pixels = np.arange(INK_SIDE, dtype=np.float32) + 0.5
    inside = np.empty((len(x), INK_SIDE, INK_SIDE), np.float32)
    for start in range(0, len(x), 64):  # digits at a time; more do not fit the processor's cache
        few = slice(start, start + 64)
        pen = radius[few].T[..., None]
        across = np.square((pixels - x[few].T[..., None]) / pen)[:, :, None, :]
        down = np.square((pixels - y[few].T[..., None]) / pen)[:, :, :, None]
        nearest = across[0] + down[0]
        distance = np.empty_like(nearest)
        for sample in range(1, len(across)):
            np.add(across[sample], down[sample], out=distance)
            np.minimum(nearest, distance, out=nearest)
        inside[few] = 1 - np.sqrt(nearest)
    return inside * radius.mean(axis=1)[:, None, None]


def place(darkness: np.ndarray) -> np.ndarray:
    """Puts ink into pictures, the centre of mass at CENTRE_POSITION.

    The shift is a whole number of pixels, as in MNIST, so the centre of mass
    may be half a pixel off; more where the ink would leave the picture.

    Args:
      darkness: float32 [n, INK_SIDE, INK_SIDE] in [0, 1].

    Returns:
      uint8 [n, IMAGE_SIDE, IMAGE_SIDE].
    """
    grey = np.rint(darkness * 255).astype(np.uint8)
    images = np.zeros((len(grey), IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    middles = np.arange(INK_SIDE) + 0.5  # of the pixels
    by_row, by_column = grey.sum(axis=2, dtype=np.int32), grey.sum(axis=1, dtype=np.int32)
    total = by_row.sum(axis=1)
    rows, columns = (np.rint(CENTRE_POSITION - sums @ middles / total).astype(int) for sums in (by_row, by_column))
    # A digit with nearly all of its ink at one end would leave the picture.
    rows, columns = (np.clip(shift, 0, IMAGE_SIDE - INK_SIDE) for shift in (rows, columns))
    for image, digit, row, column in zip(images, grey, rows, columns):
        image[row : row + INK_SIDE, column : column + INK_SIDE] = digit
    return images


def draw_block(labels: np.ndarray, rng: np.random.Generator, style: Style = Style()) -> np.ndarray:
    """Draws one digit for each label.

    Args:
      labels: int [n], each in 0..9.
      rng: Decides everything that varies from digit to digit.
      style: How much that varies.

    Returns:
      uint8 [n, 28, 28], ink bright on black.
    """
    n = len(labels)
    path = np.empty((n, N_SAMPLES, 2), np.float32)
    for digit, ways in enumerate(WAYS):
        rows = np.flatnonzero(labels == digit)
        frequencies = np.array([way.frequency for way in ways])
        choice = rng.choice(len(ways), len(rows), p=frequencies / frequencies.sum())
        for k, way in enumerate(ways):
            chosen = rows[choice == k]
            path[chosen] = trace(way, len(chosen), rng, style)
    x, y = deform(path[..., 0], path[..., 1], rng, style)
    diameter = style.pen * np.exp(style.pen_spread * rng.standard_normal((n, 1)))
    along = np.linspace(0, 2 * np.pi, N_SAMPLES)
    swell = np.sin(along * rng.uniform(0.3, 1.5, (n, 1)) + rng.uniform(0, 2 * np.pi, (n, 1)))
    radius = diameter / 2 * np.exp(style.pressure * rng.standard_normal((n, 1)) * swell)
    radius = np.minimum(radius, 4).astype(np.float32)
    inside = ink(*fit(x, y, radius), radius)
    inside += style.roughness * rng.standard_normal(inside.shape, dtype=np.float32)
    softness = rng.uniform(*style.softness, (n, 1, 1)).astype(np.float32)
    return place(np.clip(inside / softness + 0.5, 0, 1))
