"""The pixels of a decoded picture, of whatever kind, as float32 [height, width, 1 or 3] in [0, 1].

Alpha is filled with paper, colour that is none is dropped, and large pictures
are reduced. Kinds that take many bytes a pixel are converted in strips, so that
little memory is needed besides the picture's own.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import planes

# Values that are converted at a time.
_STRIP_VALUES = 1 << 20

# Largest values of pictures that carry no scale of their own (floats, and integers of 32 bits and more): those of a
# fraction, of 8 bits and of 16 bits. Resizing overshoots, so a picture may exceed its scale by half.
_SCALES, _OVERSHOOT = (1, 255, 65535), 1.5

# A picture is reduced by whole pixels to about this many times its final size first, which is much faster.
_REDUCING_GAP = 2.0

# Mean opacity. From the first on, what is transparent is a pixel or so, and needs no paper.
_OPAQUE = 0.999
# Above the second, a picture of several colours brings its own paper; a digit alone covers less.
_BRINGS_PAPER = 0.6
# Above the third, a figure of one colour has been cut out to its box: a digit drawn on a canvas covers less.
_CUT_OUT = 0.4
# Opacity from which a pixel shows its own colour, and the most that pixels of one colour differ (JPEG's artefacts).
_SHOWN, _ONE_COLOUR = 0.5, 0.1
# The paper that is put around a figure that was cut out: one part in so many of its longest side, two pixels at least.
_MARGIN_ONE_IN, _LEAST_MARGIN = 12, 2


def array_to_picture(array: np.ndarray) -> np.ndarray:
    """An array of any values and 1 to 4 channels as float32 [h, w, 1 or 3], without alpha and idle colour.

    Raises:
      ImageError: the array is no picture.
    """
    return as_floats(array_to_pixels(array))


def array_to_pixels(array: np.ndarray) -> np.ndarray:
    """As `array_to_picture`, but uint8 where the array is and has no alpha: a quarter of the memory."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise ImageError(
            f'array of shape {array.shape} is not a picture; it should be [height, width] or [height, width, 1 to 4].'
        )
    if array.dtype != np.uint8:
        array = _to_unit(array, _scale(array.dtype, _strips_of(array)))
    # Idle colour goes first, as there may be less to compute with.
    if array.shape[2] in (1, 3):
        return _drop_idle_colour(array)
    colour, alpha = _drop_idle_colour(array[:, :, :-1]), array[:, :, -1:]
    return _drop_idle_colour(_fill_transparent(as_floats(colour), as_floats(alpha)))


def deep_image_to_picture(image: Image.Image, longest_side: int | None) -> np.ndarray:
    """A grey PIL image of 16 or 32 bits a pixel as float32 [h, w, 1], reduced as by `reduce_image`.

    The same numbers as of the whole image's array, but converted in strips.
    """

    def strips(n_rows: int) -> Iterator[np.ndarray]:
        for top in range(0, image.height, n_rows):
            yield np.asarray(image.crop((0, top, image.width, min(top + n_rows, image.height))))

    n_rows = max(1, _STRIP_VALUES // image.width)
    scale = _scale(np.asarray(image.crop((0, 0, 1, 1))).dtype, strips(n_rows))
    width, height = _reduced_size(image.size, longest_side)
    across = int(image.width / width / _REDUCING_GAP) or 1
    down = int(image.height / height / _REDUCING_GAP) or 1
    n_rows = max(n_rows // down, 1) * down
    reduced = [np.asarray(Image.fromarray(_to_unit(strip, scale)).reduce((across, down))) for strip in strips(n_rows)]
    picture = Image.fromarray(np.concatenate(reduced))
    if (width, height) != image.size:
        box = (0, 0, image.width / across, image.height / down)
        picture = picture.resize((width, height), Image.Resampling.BOX, box)
    return np.asarray(picture)[:, :, None]


def reduce_image(image: Image.Image, longest_side: int | None) -> Image.Image:
    """Averages an image down to at most `longest_side` pixels; None leaves it as it is."""
    size = _reduced_size(image.size, longest_side)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.BOX, reducing_gap=_REDUCING_GAP)


def reduce_picture(picture: np.ndarray, longest_side: int | None) -> np.ndarray:
    """`reduce_image` for float32 [h, w, c]."""
    if longest_side is None or max(picture.shape[:2]) <= longest_side:
        return picture
    channels = (Image.fromarray(picture[:, :, channel]) for channel in range(picture.shape[2]))
    return np.stack([np.asarray(reduce_image(channel, longest_side)) for channel in channels], axis=2)


def _reduced_size(size: tuple[int, int], longest_side: int | None) -> tuple[int, int]:
    """Width and height with a longest side of at most `longest_side`."""
    if longest_side is None or max(size) <= longest_side:
        return size
    scale = max(size) / longest_side
    return max(1, round(size[0] / scale)), max(1, round(size[1] / scale))


def _strips_of(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array [h, ...], some rows at a time."""
    n_rows = max(1, _STRIP_VALUES // (array.size // len(array)))
    for top in range(0, len(array), n_rows):
        yield array[top : top + n_rows]


def as_floats(array: np.ndarray) -> np.ndarray:
    """Scales uint8 to float32 in [0, 1]; floats are so already."""
    return np.multiply(array, np.float32(1 / 255), dtype=np.float32) if array.dtype == np.uint8 else array


def shown(picture: np.ndarray, longest_side: int) -> np.ndarray:
    """A picture to be looked at: uint8 [h, w, 1 or 3], reduced to at most `longest_side` pixels.

    Args:
      picture: uint8, or floats in [0, 1], [h, w, 1 or 3].
      longest_side: At least 1.
    """
    scale = longest_side / max(picture.shape[:2])
    if picture.dtype == np.uint8 and scale >= 1:
        return picture
    picture = as_floats(picture)
    return np.atleast_3d(np.rint(255 * (planes.reduced(picture, scale) if scale < 1 else picture)).astype(np.uint8))


def _scale(dtype: np.dtype, strips: Iterator[np.ndarray]) -> float:
    """The value that becomes 1.

    Args:
      dtype: Of a picture, not uint8.
      strips: Its values; only looked at where the type does not tell.
    """
    if dtype == np.bool_:
        return 1
    if dtype.kind in 'iu' and dtype.itemsize <= 2:
        return np.iinfo(dtype).max
    if dtype.kind not in 'iuf':
        raise ImageError(f'array of {dtype} is not a picture; it should hold numbers.')
    top = max(float(_finite(strip).max()) for strip in strips)
    return next((scale for scale in _SCALES if top <= _OVERSHOOT * scale), top)


def _finite(array: np.ndarray) -> np.ndarray:
    """float64 of the same shape, with 0 for what is no number or infinite."""
    return np.nan_to_num(array.astype(np.float64), copy=False, posinf=0, neginf=0)


def _to_unit(array: np.ndarray, scale: float) -> np.ndarray:
    """float32 in [0, 1] of values that are not bytes, divided by their scale."""
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    result = np.empty(array.shape, np.float32)
    is_deep = array.dtype.kind == 'f' or array.dtype.itemsize > 2
    for strip, out in zip(_strips_of(array), _strips_of(result)):
        np.multiply(_finite(strip) if is_deep else strip, 1.0 / scale, dtype=np.float32, out=out)
        np.clip(out, 0, 1, out=out)
    return result


def _drop_idle_colour(array: np.ndarray) -> np.ndarray:
    """[h, w, 1] of a [h, w, 3] whose channels are alike; anything else as it is."""
    if array.shape[2] == 3:
        first = array[:, :, 0]
        if (first == array[:, :, 1]).all() and (first == array[:, :, 2]).all():
            return array[:, :, :1]
    return array


def _fill_transparent(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Puts paper behind a picture with transparency.

    Where the picture is mostly transparent or what is opaque has one colour,
    that is the ink, and the paper is white or black, whichever is farther from
    it. Where it is mostly opaque and has several colours, it brings its own
    paper, whose typical colour fills the rest.

    Args:
      colour: float32 [h, w, 1 or 3] in [0, 1].
      alpha: float32 [h, w, 1] in [0, 1], 0 transparent.

    Returns:
      float32 [h, w, 1 or 3] in [0, 1], with a margin around a figure that was cut out.
    """
    opacity = float(alpha.sum()) / alpha.size
    if opacity >= _OPAQUE or opacity == 0:
        return colour if opacity else np.ones_like(colour)
    shown = colour * alpha
    opaque = colour[alpha[:, :, 0] > _SHOWN]
    contrast = np.ptp(opaque, axis=0).max(initial=0)
    if opacity > _BRINGS_PAPER and contrast > _ONE_COLOUR:
        return shown + np.median(opaque, axis=0) * (1 - alpha)
    ink = float(shown.sum()) / shown.size / opacity
    paper = np.float32(1.0 if ink < 0.5 else 0.0)
    if opacity > _CUT_OUT and contrast <= _ONE_COLOUR:
        margin = max(_LEAST_MARGIN, max(alpha.shape) // _MARGIN_ONE_IN)
        around = ((margin, margin), (margin, margin), (0, 0))
        shown, alpha = np.pad(shown, around), np.pad(alpha, around)
    return shown + paper * (1 - alpha)
